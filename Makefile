# Signalbox: `make run` serves everything, `make test` proves it. Both set up what they need.
# PORT, DATA_DIR and every variable of docs/settings.md are read from the environment.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help run dev install test test-browser test-clients chaos check lint lint-check format migrations export-openapi export-permissions demo-reset bench bench-sockets bench-check lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Signalbox needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up the Python environment in $(VENV) (once)…"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@echo "Adding the tools for tests and checks (once)…"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

install: $(VENV)/.installed-dev ## set up everything, for running and for developing

run: $(VENV)/.installed ## serve the whole product on http://127.0.0.1:8000 (PORT, DATA_DIR)
	@exec $(BIN)/python manage.py serve --set-up

dev: $(VENV)/.installed-dev ## serve with reloading on every change of code
	@$(BIN)/python manage.py migrate --noinput -v0
	@exec $(BIN)/python manage.py runserver $(or $(PORT),8000)

demo-reset: $(VENV)/.installed ## let the replay of market history begin again (stop the server first)
	@$(BIN)/python manage.py demo_reset

test: $(VENV)/.installed-dev ## run the suite (with DATABASE_URL and REDIS_URL: on PostgreSQL and Redis)
	@$(BIN)/python -m pytest -n 2 -m "not browser and not node and not chaos" $(ARGS)

test-browser: $(VENV)/.installed-dev ## drive the web page in a real browser (needs Debian's package chromium)
	@$(BIN)/python -m pytest -m browser $(ARGS)

test-clients: $(VENV)/.installed-dev ## run the documented clients (needs Debian's packages nodejs and npm)
	@$(BIN)/python -m pytest -m node $(ARGS)

chaos: $(VENV)/.installed-dev ## let a thousand clients read while servers, PostgreSQL and Redis die
	@$(BIN)/python -m pytest -m chaos $(ARGS)

check: lint-check ## every check short of the tests: style, types, imports, migrations, API documents
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py check --fail-level WARNING
	@$(BIN)/python manage.py spectacular --urlconf signalbox.schema_urls --validate --fail-on-warn --format openapi-json --file /dev/null

lint: $(VENV)/.installed-dev ## say what ruff finds
	@$(BIN)/ruff check .

lint-check: $(VENV)/.installed-dev ## the same and the formatting, changing nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.installed-dev ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

migrations: $(VENV)/.installed-dev ## write migrations for changed models
	@$(BIN)/python manage.py makemigrations

export-openapi: $(VENV)/.installed-dev ## write docs/openapi.json and docs/asyncapi.json anew
	@$(BIN)/python manage.py spectacular --urlconf signalbox.schema_urls --validate --fail-on-warn --format openapi-json --file docs/openapi.json
	@$(BIN)/python manage.py export_asyncapi docs/asyncapi.json

export-permissions: $(VENV)/.installed-dev ## write the matrix of docs/permissions.md anew
	@UPDATE_DOCS=1 $(BIN)/python -m pytest tests/test_permissions.py

bench: bench-sockets ## measure everything, beside the peers where there are any
	@$(BIN)/python -m benchmarks.first_light
	@$(BIN)/python -m benchmarks.engine

bench-sockets: $(VENV)/.installed-dev ## measure sockets and REST beside the stack they replace
	@$(BIN)/python -m benchmarks.sockets
	@$(BIN)/python -m benchmarks.rest

bench-check: $(VENV)/.installed-dev ## name every row of the last measurements that is under its floor
	@$(BIN)/python -m benchmarks.check

lock: ## resolve requirements anew into the lock files (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url requirements/run.in -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url requirements/dev.in -o requirements-dev.txt

clean: ## remove the environment and run-time data
	rm -rf $(VENV) var
