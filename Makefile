# Two commands for everybody: `make demo` and `make test`. The rest serves them.
#
#   make demo [ONCE=1] [JSON=1] [SEED=N] [RECORDINGS=FOLDER]   the whole way of a reading, on a live page
#   make test                                                  all checks and all tests
#   make lock                                                  renew the lock files from pyproject.toml
#
# What is said while setting up goes to standard error; `make demo JSON=1` prints one JSON object and nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.SILENT:

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := schemas adaptation stores ingest dataflows push daybeat bench
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --progress-bar off

DEMO_OPTIONS := $(if $(ONCE),--once) $(if $(JSON),--json) $(if $(SEED),--seed $(SEED)) \
	$(if $(RECORDINGS),--recordings "$(RECORDINGS)")

# Tests mostly wait for servers, so four at a time fit two cores; a file's tests share what they started.
PARALLEL := -n 4 --dist loadfile

.PHONY: demo test check lock clean

demo: $(VENV)/installed
	exec $(BIN)/daybeat demo $(DEMO_OPTIONS)

test: check
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_OPTIONS)

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(BIN)/python:
	deploy/make-venv $(VENV) >&2

$(VENV)/installed: requirements.lock pyproject.toml | $(BIN)/python
	echo "installing Daybeat into $(VENV)" >&2
	$(PIP) --require-hashes --only-binary :all: -r requirements.lock >&2
	$(PIP) --no-deps --no-build-isolation --editable . >&2
	touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed deploy/install-test-tools
	echo "installing what the tests need" >&2
	$(PIP) --require-hashes --only-binary :all: -r requirements-dev.lock >&2
	deploy/install-test-tools >&2
	touch $@

# Only names, versions and hashes are written: whoever installs chooses the index. Indexes and wheels of this
# machine's own stay out of it: their hashes would fit nowhere else.
COMPILE := PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= PIP_EXTRA_INDEX_URL= CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/lock/bin/pip-compile --quiet --upgrade --generate-hashes \
	--allow-unsafe --strip-extras --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

lock: $(VENV)/lock/bin/pip-compile
	$(COMPILE) --build-deps-for editable --output-file requirements.lock pyproject.toml
	$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['dev'], sep='\n')" \
		| $(COMPILE) --constraint requirements.lock --output-file requirements-dev.lock -

$(VENV)/lock/bin/pip-compile: | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet pip-tools

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
