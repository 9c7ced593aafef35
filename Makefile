PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo app test test-all test-browser lint bench

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/core: requirements.txt setup.cfg | .venv/python
	@echo "Installing into .venv (about a minute)"
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

.venv/ui: requirements-ui.txt .venv/core
	@echo "Installing the page into .venv"
	$(BIN)/python -m pip install --quiet -r requirements-ui.txt
	touch $@

.venv/dev: requirements-dev.txt requirements-ui.txt .venv/core
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

demo: .venv/core
	$(BIN)/python -m experiments.train --flagfile=experiments/presets/demo.flags --workdir=demo/run
	$(BIN)/python -m experiments.evaluate --workdir=demo/run
	$(BIN)/python -m experiments.curve --workdir=demo/run --output=demo/curve.png --overwrite
	$(BIN)/python -m experiments.sample --workdir=demo/run --output=demo/speech.wav --num_samples=2 --seconds=4 \
		--plot --overwrite
	@echo
	@echo "Two samples: demo/speech_0.wav demo/speech_1.wav"
	@echo "Their picture: demo/speech.png    How it learned: demo/curve.png    The run: demo/run"

app: .venv/ui
	$(BIN)/python -m experiments.app

test: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist=loadfile

test-all: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist=loadfile -m "not browser"

test-browser: .venv/dev
	$(BIN)/python -m pytest -m browser tests/experiments/app

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/core
	$(BIN)/python -m experiments.bench_train
	$(BIN)/python -m experiments.bench_sample
