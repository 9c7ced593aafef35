PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all lint bench

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/core: requirements.txt setup.cfg | .venv/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

.venv/dev: requirements-dev.txt .venv/core
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

test: .venv/dev
	$(BIN)/python -m pytest -n 2

test-all: .venv/dev
	$(BIN)/python -m pytest -n 2 -m ""

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
