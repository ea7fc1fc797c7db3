# `make run` sets up the environment and runs the default, `make test` sets it up and runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
# GPU requirements if nvidia-smi lists a GPU (it prints its errors on stdout, too, hence the grep).
# An environment made with them keeps them: its torchvision does not import with the torch of the CPU requirements.
HAS_GPU = $(or $(wildcard $(VENV)/lib/python*/site-packages/torchvision),$(shell nvidia-smi -L 2>/dev/null | grep -q '^GPU ' && echo yes))
REQUIREMENTS = $(if $(HAS_GPU),envs/requirements-gpu.txt,envs/requirements.txt)
# Pins of transitive dependencies
CONSTRAINTS = $(subst requirements,constraints,$(REQUIREMENTS))
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check
# Each process runs whole files, because the tests of a file share fixtures
PYTEST := python -m pytest -n 2 --dist loadfile
FAST := not slow and not page and not slurm and not gpu_env and not engine

# The environment of GPU machines, which `make test-gpu-env` sets up as well and tests on the CPU
GPU_VENV := .venv-gpu
# The environment of the vLLM engine, whose pins conflict with the others'
ENGINE_VENV := .venv-engine

.PHONY: run test fast-test coverage test-page screenshots test-slurm test-gpu-env test-engine format lint constraints

run: $(VENV)/.run-installed
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores $(CORES)

test: $(VENV)/.test-installed lint
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -m "$(FAST)"
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -n 3 -m slow  # mostly waiting for processes that they start

fast-test: $(VENV)/.test-installed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -m "$(FAST)"

# Takes 1.5 times as long as the fast tests
coverage: $(VENV)/.test-installed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -m "$(FAST)" --cov --cov-report=term

# The written pages in a browser and LaTeX; installs both (Debian, as root).
test-page: $(VENV)/.test-installed
	tests/page/install.sh
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -m page

# The README's screenshots, of the default run's page
screenshots: $(VENV)/.test-installed
	tests/page/install.sh
	PYTHONPATH=tests $(BIN)/python tests/page/readme_screenshots.py results/demo/leaderboard.html docs/images

# Installs, starts and stops its own Slurm (Debian, as root).
test-slurm: $(VENV)/.test-installed
	tests/slurm/one_node.sh install
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -m "slurm and not engine"

test-gpu-env: $(VENV)/.test-installed $(GPU_VENV)/.installed
	CUDA_VISIBLE_DEVICES= PATH="$(CURDIR)/$(GPU_VENV)/bin:$$PATH" $(PYTEST) -m "$(FAST)" \
		tests/inference tests/original tests/probes tests/reference_models
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -m gpu_env

# On the CPU (Linux x86_64 with AVX2); its Slurm test as test-slurm
test-engine: $(VENV)/.test-installed $(ENGINE_VENV)/.installed
	tests/slurm/one_node.sh install
	CUDA_VISIBLE_DEVICES= PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -m engine

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

# After a change to a requirements file; builds both environments temporarily.
constraints:
	PYTHON="$(PYTHON)" envs/write_constraints.sh
	PYTHON="$(PYTHON)" envs/write_constraints.sh -gpu

%/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "SPD-Faith requires Python 3.11 or newer: make PYTHON=python3.11 …")'
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

$(ENGINE_VENV)/.installed: envs/install_engine.sh envs/requirements-engine.txt
	PYTHON="$(PYTHON)" envs/install_engine.sh $(ENGINE_VENV)
