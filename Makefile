# The two commands: `make run REQUEST="…"` and `make test`. Each makes the environment if it is missing.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
REQUEST ?= three lead-free halide double perovskites with a band gap near 1.8 eV
export REQUEST
export PIP_CONSTRAINT = constraints.txt

.PHONY: run test lint types tests clean

# Exit code 3 means "found, but something falls short", which the table explains; that is no error here.
run: $(VENV)/.installed
	@$(BIN)/crystalsmith design "$$REQUEST" || [ $$? -eq 3 ]

test: lint types tests

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check crystalsmith tests
	$(BIN)/ruff format --check crystalsmith tests

types: $(VENV)/.installed-dev
	$(BIN)/mypy

tests: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest -n 2

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "crystalsmith needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@echo "Setting up $(VENV): about two minutes, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache
