#!/usr/bin/env bash
# Snakemake runs this once from the project's root, in the environment that it has just created. After a change of pins,
# remove .snakemake/conda so that the environments are created again.
set -euo pipefail
python -m pip install --quiet --disable-pip-version-check -r envs/requirements-gpu.txt -c envs/constraints-gpu.txt
