PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo demo-train voice auxiliary app test test-all test-browser lint bench docs figures

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/core: requirements.txt setup.cfg | .venv/python
	@echo "Installing into .venv (about a minute)"
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

.venv/speech: requirements-speech.txt .venv/core
	$(BIN)/python -m pip install --quiet -r requirements-speech.txt
	touch $@

.venv/ui: requirements-ui.txt .venv/core
	@echo "Installing the page into .venv"
	$(BIN)/python -m pip install --quiet -r requirements-ui.txt
	touch $@

.venv/dev: requirements-dev.txt requirements-ui.txt .venv/core
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

# Two minutes: DEMO_CLIP=my.wav is copied instead of a recording of examples/speech.
demo: .venv/speech
	$(BIN)/python -m experiments.demo --output=demo --overwrite $(if $(DEMO_CLIP),--clip="$(DEMO_CLIP)")

demo-train: .venv/core
	$(BIN)/python -m experiments.train --flagfile=experiments/presets/demo.flags --workdir=demo/trained
	$(BIN)/python -m experiments.evaluate --workdir=demo/trained
	$(BIN)/python -m experiments.curve --workdir=demo/trained --output=demo/curve.png --overwrite
	$(BIN)/python -m experiments.sample --workdir=demo/trained --output=demo/speech.wav --num_samples=2 --seconds=4 \
		--plot --overwrite
	@echo
	@echo "Two samples: demo/speech_0.wav demo/speech_1.wav"
	@echo "Their picture: demo/speech.png    How it learned: demo/curve.png    The run: demo/trained"

# A voice of the recordings and transcripts.tsv in DATA: about an hour of two cores; the same command goes on after an
# interruption. LANGUAGE=es is Spanish, LANGUAGE=it Italian. SPEAKER=NAME: DATA has a folder for each language in one for each
# speaker, all of whom the acoustic model learns from, and the voice is that speaker's, in all the languages. More flags of
# the two trainings: on a GPU, VOCODER_FLAGS=--batch_size=8 ACOUSTIC_FLAGS= makes the larger models of the package's voice.
VOICE ?= voice
VOCODER_FLAGS ?=
ACOUSTIC_FLAGS ?= --flagfile=speech/small.flags
ifneq ($(filter voice auxiliary,$(MAKECMDGOALS)),)
ifeq ($(DATA),)
$(error Say where the recordings and transcripts.tsv are: make $(MAKECMDGOALS) DATA=DIR)
endif
endif
voice: .venv/speech
	$(BIN)/python -m experiments.train --flagfile=vocoder.flags --data_dir="$(DATA)" --workdir="$(VOICE)/runs/vocoder" \
		--num_steps=22000 --schedule=cosine --ema_decay=0.999 --validate_every=1000 --save_every=1000 \
		$(if $(SPEAKER),--include='$(SPEAKER)/*') $(VOCODER_FLAGS)
	$(BIN)/python -m experiments.train_acoustic --data_dir="$(DATA)" --vocoder="$(VOICE)/runs/vocoder" \
		--workdir="$(VOICE)/runs/acoustic" --flagfile=speech/$(if $(SPEAKER),speakers,acoustic).flags \
		$(if $(LANGUAGE),--language=$(LANGUAGE)) $(ACOUSTIC_FLAGS)
	$(BIN)/python -m experiments.voice --acoustic="$(VOICE)/runs/acoustic" --vocoder="$(VOICE)/runs/vocoder" \
		$(if $(SPEAKER),--label=speaker=$(SPEAKER)) $(if $(CARD),--card="$(CARD)") --output="$(VOICE)/voice" --overwrite
	@echo "The voice: $(VOICE)/voice    Hear it: $(BIN)/wavenet say --voice=$(VOICE)/voice --text=Hello. --output=hello.wav"

# An auxiliary speaker beside little speech: flite's slt says 1,200 sentences into DATA/slt/en, 50 minutes; two minutes.
auxiliary:
	@command -v flite >/dev/null || { echo "make auxiliary needs flite; install it, as with apt-get install flite"; exit 1; }
	mkdir -p "$(DATA)/slt/en"
	tail -n +2 experiments/lists/auxiliary.tsv | while IFS="$$(printf '\t')" read -r name text; do \
		flite -voice slt -t "$$text" -o "$(DATA)/slt/en/$$name.wav" < /dev/null || exit 1; done
	cp experiments/lists/auxiliary.tsv "$(DATA)/slt/en/transcripts.tsv"

app: .venv/ui .venv/speech
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

docs: .venv/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --clean
	@echo "The site: site/index.html"

figures: .venv/dev
	$(BIN)/python -m tests.docs.figures

bench: .venv/core
	$(BIN)/python -m experiments.bench --output=bench.json --picture=bench.png --overwrite
