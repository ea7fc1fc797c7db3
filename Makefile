# Two commands: `make run` sets up and runs the default, `make test` sets up and runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
# The GPU file where an NVIDIA driver lists a GPU; one that fails says so on the standard output, too.
# An environment made on a GPU machine stays one, for its torchvision would not import beside the torch of the other file.
HAS_GPU = $(or $(wildcard $(VENV)/lib/python*/site-packages/torchvision),$(shell nvidia-smi -L 2>/dev/null | grep -q '^GPU ' && echo yes))
REQUIREMENTS = $(if $(HAS_GPU),envs/requirements-gpu.txt,envs/requirements.txt)
# The versions of everything that these pins bring along
CONSTRAINTS = $(subst requirements,constraints,$(REQUIREMENTS))
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check
# Two processes, each with the tests of a whole file, for its tests share what was made for the first of them
PYTEST := python -m pytest -n 2 --dist loadfile

# The environment of a GPU machine, which `make test-gpu-env` sets up beside the first and tries on the CPU
GPU_VENV := .venv-gpu

.PHONY: run test fast-test coverage test-slurm test-gpu-env format lint constraints

run: $(VENV)/.run-installed
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores $(CORES)

test: $(VENV)/.test-installed lint
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -m "not slow and not slurm and not gpu_env"
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -n 3 -m slow  # they start processes and wait for them

fast-test: $(VENV)/.test-installed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -m "not slow and not slurm and not gpu_env"

# Half as long again as the fast tests alone
coverage: $(VENV)/.test-installed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -m "not slow and not slurm and not gpu_env" --cov --cov-report=term

# On a Slurm of its own, which it installs (Debian, as root), starts and stops.
test-slurm: $(VENV)/.test-installed
	tests/slurm/one_node.sh install
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -m slurm

test-gpu-env: $(VENV)/.test-installed $(GPU_VENV)/.installed
	CUDA_VISIBLE_DEVICES= PATH="$(CURDIR)/$(GPU_VENV)/bin:$$PATH" $(PYTEST) -m "not slow and not slurm and not gpu_env" \
		tests/inference tests/original tests/probes tests/reference_models
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -m gpu_env

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint

format: $(VENV)/.test-installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

# After a change to a requirements file: both environments are made from scratch, and removed again.
constraints:
	PYTHON="$(PYTHON)" envs/write_constraints.sh
	PYTHON="$(PYTHON)" envs/write_constraints.sh -gpu

%/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "SPD-Faith needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $*
	@touch $@

$(VENV)/.run-installed: $(wildcard envs/*.txt) | $(VENV)/.created
	$(BIN)/python $(PIP_INSTALL) -r $(REQUIREMENTS) -c $(CONSTRAINTS)
	@touch $@

$(VENV)/.test-installed: $(VENV)/.run-installed
	$(BIN)/python $(PIP_INSTALL) -r envs/requirements-test.txt -c $(CONSTRAINTS)
	@touch $@

$(GPU_VENV)/.installed: $(wildcard envs/*.txt) | $(GPU_VENV)/.created
	$(GPU_VENV)/bin/python $(PIP_INSTALL) -r envs/requirements-gpu.txt -r envs/requirements-test.txt \
		-c envs/constraints-gpu.txt
	@touch $@
