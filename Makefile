# The verbs. `make up` and `make test` need only python3 (3.11+) and make; CONTRIBUTING.md explains them all.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: up test deep fuzz style types bench images docs lock

up: $(VENV)/.installed
	$(BIN)/tincans up

test: $(VENV)/.dev
	$(PYTHON) tests/debian.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 4 --dist worksteal

deep: $(VENV)/.dev
	$(PYTHON) tests/debian.py
	$(BIN)/pytest --deep tests/test_exactly.py tests/apps/mail/test_store.py tests/foreign/test_chat_order.py tests/foreign/test_chat_kills.py

fuzz: $(VENV)/.dev
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -n 2 tests/protocols tests/test_tin.py tests/test_address.py tests/export tests/apps/mail/test_store_look.py tests/watch/test_broken_mails.py tests/apps/chat tests/peers

style: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.dev
	$(PYTHON) tests/debian.py
	$(BIN)/pytest tests/test_readme.py tests/test_config.py

images: $(VENV)/.dev
	$(PYTHON) tests/debian.py
	$(BIN)/python tests/images.py

bench: $(VENV)/.bench $(VENV)/mitmproxy/.installed
	$(PYTHON) tests/debian.py --bench
	$(BIN)/python -m bench

lock: $(VENV)/.dev
	$(BIN)/python -m pip install -q uv
	$(LOCK) pyproject.toml --extra p2p -o requirements/run.txt
	for f in build dev bench; do $(LOCK) requirements/$$f.in -c requirements/run.txt -o requirements/$$f.txt; done
	$(LOCK) requirements/mitmproxy.in -o requirements/mitmproxy.txt

LOCK    := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
INSTALL := $(BIN)/python -m pip install -q --disable-pip-version-check

$(VENV)/.installed: requirements/run.txt requirements/build.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes -r requirements/run.txt -r requirements/build.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.installed requirements/dev.txt
	$(INSTALL) --require-hashes -r requirements/dev.txt
	touch $@

$(VENV)/.bench: $(VENV)/.installed requirements/bench.txt
	$(INSTALL) --require-hashes -r requirements/bench.txt
	touch $@

$(VENV)/mitmproxy/.installed: requirements/mitmproxy.txt
	$(PYTHON) -m venv $(VENV)/mitmproxy
	$(VENV)/mitmproxy/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/mitmproxy.txt
	touch $@
