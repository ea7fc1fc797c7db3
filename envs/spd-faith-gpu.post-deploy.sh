#!/usr/bin/env bash
# Started by Snakemake from the project's root, once, in the environment that it has just created. After a change of
# pins, remove .snakemake/conda to have the environments created again.
set -euo pipefail
python -m pip install --quiet --disable-pip-version-check -r envs/requirements-gpu.txt -c envs/constraints-gpu.txt
