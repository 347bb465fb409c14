# Everything here needs Python >= 3.11 and make, nothing else; `make` alone lists the targets.
# Another Python: `make test PYTHON=python3.13`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TORCH := 2.13.0
# What comes with torch, from wherever pip finds a build of it for this machine, is not in the lock.
WITH_TORCH := torch triton $(addprefix cuda-,bindings pathfinder toolkit) $(addprefix nvidia-,cublas cuda-cccl \
  cuda-cupti cuda-nvrtc cuda-runtime cudnn-cu13 cufft cufile cusolver cusparse cusparselt-cu13 nccl-cu13 nvjitlink \
  nvshmem-cu13 nvtx)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup check test demo soak bench lock clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: $(READY) ## make .venv with the pinned packages and sparkgap itself

$(READY): requirements.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Sparkgap needs Python 3.11 or newer, and '$(PYTHON)' is none; try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
	  exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || $(PYTHON) -m venv --clear $(VENV) \
	  || { echo "python3 cannot make virtual environments here; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PIP) --no-deps --require-hashes -r requirements.lock
	$(PIP) torch==$(TORCH)
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

check: setup ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: check ## check, then every test but the long ones
	$(BIN)/python -m pytest -m "not soak"

demo: setup ## grade the samples that ship with the package, then the whole circle on a small model
	$(BIN)/sparkgap grade src/sparkgap/benchmarks/_hello/samples.jsonl --benchmark hello
	$(BIN)/sparkgap demo $(ARGS)

soak: setup ## the long tests
	$(BIN)/python -m pytest -m soak

bench: setup ## what each part costs, beside a named peer (ARGS=--quick: in minutes)
	$(BIN)/python bench/judge.py $(ARGS)
	$(BIN)/python bench/measure.py $(ARGS)
	$(BIN)/python bench/mmlu.py
	$(BIN)/python bench/curate.py
	$(BIN)/python bench/languages.py
	$(BIN)/python bench/rlcf.py

lock: ## pin the newest versions anew (needs the network)
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/pip install --quiet --disable-pip-version-check uv
	build/lock/bin/uv pip compile pyproject.toml --extra all --extra dev --upgrade --quiet --universal \
	  $(addprefix --no-emit-package ,$(WITH_TORCH)) --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --output-file build/lock/pins
	@{ echo "# What \`make setup\` installs: every package that sparkgap[all,dev] needs, pinned, with the hashes of its files,"; \
	  echo "# for CPython 3.11 and newer. Written by \`make lock\` from pyproject.toml; not to be edited by hand."; \
	  cat build/lock/pins; } > requirements.lock
	@rm -r build/lock

clean: ## remove .venv and what the tools left
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
