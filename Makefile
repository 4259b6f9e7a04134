# The two commands: `make demo` and `make test`. Each does all of it on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test chaos up down check bench pictures lock setup clean help

help:            ## what can be made
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:[^#]*##/\t/' | expand -t 12

demo: .venv/app.stamp .venv-label-studio/stamp   ## the loop twice, headless, on real servers (about two minutes)
	$(BIN)/trialbase demo

test: .venv/dev.stamp .venv-label-studio/stamp   ## all tests, on real servers
	$(BIN)/pytest -n 2 --dist loadgroup tests/unit tests/contract tests/integration
	$(BIN)/pytest tests/e2e/test_demo.py tests/e2e/test_browser.py tests/e2e/test_label_studio_templates.py
	$(BIN)/pytest -n 2 tests/e2e/test_kill.py tests/e2e/test_cifar.py

up: .venv/app.stamp .venv-label-studio/stamp     ## start Dagster, Label Studio, MLflow and the portal
	$(BIN)/trialbase up

down: .venv/app.stamp                            ## stop them
	$(BIN)/trialbase down

chaos: .venv/dev.stamp .venv-label-studio/stamp  ## Label Studio on PostgreSQL through hundreds of faults; some minutes
	TRIALBASE_TEST_CHAOS=1 $(BIN)/pytest tests/integration/test_label_studio_chaos.py

check: .venv/dev.stamp                           ## lint, types, import law, Dagster definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/dg check defs

bench: .venv/dev.stamp .venv-label-studio/stamp  ## all benchmarks; writes benchmarks/results
	$(BIN)/python -m benchmarks all

pictures: .venv/dev.stamp .venv-label-studio/stamp  ## the pictures of the README, from a real demo in a real browser
	$(BIN)/python -m tests.e2e.pictures

lock: .venv/dev.stamp                            ## write requirements/*.lock anew
	$(BIN)/python requirements/lock.py

setup: .venv/dev.stamp .venv-label-studio/stamp  ## both environments, nothing else

clean:                                           ## remove both environments
	rm -rf .venv .venv-label-studio

# Byte code is compiled once here: without it every start of a server or a command compiles its imports again.
.venv/app.stamp: requirements/app.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; give it as: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	@command -v git >/dev/null || { echo "git is missing: apt-get install git"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements/app.lock
	$(BIN)/python -m pip install --quiet --no-deps --config-settings editable_mode=compat --editable .
	$(BIN)/python -m compileall -qq -j 0 .venv/lib pipelines assets labeling quality training lake || true
	touch $@

.venv/dev.stamp: requirements/dev.lock .venv/app.stamp
	$(BIN)/python -m pip install --quiet --requirement requirements/dev.lock
	$(BIN)/python -m compileall -qq -j 0 .venv/lib || true
	touch $@

.venv-label-studio/stamp: requirements/label-studio.lock | .venv/app.stamp
	test -x .venv-label-studio/bin/python || $(PYTHON) -m venv .venv-label-studio
	.venv-label-studio/bin/python -m pip install --quiet --requirement requirements/label-studio.lock
	.venv-label-studio/bin/python -m compileall -qq -j 0 .venv-label-studio/lib || true
	$(BIN)/python -c 'from pathlib import Path; from labeling.label_studio_environment import prepare_environment as p; p(Path(".venv-label-studio").absolute())'
	touch $@
