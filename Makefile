# Everything runs in this folder's own virtual environment; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench reproduce clean

demo: $(VENV)/installed  ## install, then train on handwritten digits and write model and report to out/
	$(BIN)/netgrad fit digits --out out/digits

test: $(VENV)/installed-dev  ## the whole test suite with coverage
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered

lint: $(VENV)/installed-dev  ## style, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks

reproduce: $(VENV)/installed  ## the texts' experiments beside their printed values
	$(BIN)/netgrad reproduce

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build dist out .pytest_cache .mypy_cache .ruff_cache
