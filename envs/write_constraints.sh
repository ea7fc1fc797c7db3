#!/usr/bin/env bash
# Write constraints.txt, or constraints-gpu.txt with the argument -gpu: every package of the environment, at the version
# that pip chooses today given our pins. Run by `make constraints`; PYTHON names the interpreter.
#
# To work on every platform, the file omits local versions (torch 2.13.0+cpu) and the CUDA packages of Linux, which torch
# itself pins.
set -euo pipefail
cd "$(dirname "$0")"
part=${1:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
    -r "requirements$part.txt" -r requirements-test.txt
{
    echo "# Every package of requirements$part.txt and requirements-test.txt. Written by \`make constraints\`: do not edit."
    "$folder/bin/python" -m pip list --format freeze --disable-pip-version-check --exclude pip |
        sed 's/+.*//' | grep -Ev '^(cuda|nvidia|triton)' | LC_ALL=C sort -f
} >"$folder/constraints"
cp "$folder/constraints" "constraints$part.txt"
