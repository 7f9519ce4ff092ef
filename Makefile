# Signalbox: `make run` serves everything, `make test` proves it. Both set up what they need.
# PORT, DATA_DIR and every variable of docs/settings.md are read from the environment.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
OUT ?= build/clients
GENERATORS := web/generate/node_modules/.package-lock.json
PYTHON_GENERATOR := build/generate
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help run dev install assets test test-browser test-clients test-oracles chaos nightly check lint lint-check format migrations export-openapi generate-openapi-client generate-asyncapi-types lint-response-models export-permissions demo-reset bench bench-sockets bench-datafeed bench-large bench-engine bench-check lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-24s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Signalbox needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up the Python environment in $(VENV) (once)…"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps -e .
	@$(BIN)/python -m signalbox.assets
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@echo "Adding the tools for tests and checks (once)…"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# The formula engine as machine code, made anew when the code that it is made from has changed.
$(VENV)/.kernels: $(VENV)/.installed $(wildcard formulas/engine/steps/*.py formulas/engine/kernels/*.py) formulas/engine/operations.py
	@$(BIN)/python -m formulas.engine compile
	@touch $@

install: $(VENV)/.installed-dev $(VENV)/.kernels assets ## set up everything, for running and for developing

assets: $(VENV)/.installed ## fetch the viewer of the sockets' page if it is missing (NPM_CONFIG_REGISTRY, or FROM=package.tgz)
	@$(BIN)/python -m signalbox.assets $(FROM)

run: $(VENV)/.kernels ## serve the whole product on http://127.0.0.1:8000 (PORT, DATA_DIR)
	@exec $(BIN)/python manage.py serve --set-up

dev: $(VENV)/.installed-dev ## serve with reloading on every change of code
	@$(BIN)/python manage.py migrate --noinput -v0
	@exec $(BIN)/python manage.py runserver $(or $(PORT),8000)

demo-reset: $(VENV)/.installed ## let the replay of market history begin again (stop the server first)
	@$(BIN)/python manage.py demo_reset

test: $(VENV)/.installed-dev ## run the suite (with DATABASE_URL and REDIS_URL: on PostgreSQL and Redis)
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not browser and not node and not chaos and not oracles" $(ARGS)

test-browser: $(VENV)/.installed-dev ## drive the web page in a real browser (needs Debian's package chromium)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m browser $(ARGS)

test-clients: $(VENV)/.installed-dev ## run the documented clients (needs Debian's packages nodejs and npm)
	@$(BIN)/python -m pytest -m node $(ARGS)

test-oracles: $(VENV)/.installed-dev var/oracles/.installed ## compare the formula engine with PyneCore, TA-Lib, backtesting.py and vectorbt
	@$(BIN)/python -m pytest -m oracles $(ARGS)

# What is compared with lives in environments of its own: var/oracles, var/bench/engine-peers, …
define SET_UP
	@echo "Setting up $(@D) (once)…"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r $<
	@touch $@
endef

var/oracles/.installed: requirements/oracles.txt
	$(SET_UP)

var/bench/%/.installed: requirements/%.txt
	$(SET_UP)

chaos: $(VENV)/.installed-dev ## a thousand clients while servers, PostgreSQL and Redis die; a day of a feed that misbehaves
	@$(BIN)/python -m pytest -m chaos $(ARGS)

nightly: test-oracles chaos ## what takes too long for every change, and every odd value in every field
	@THOROUGH=1 $(BIN)/python -m pytest -n auto tests/test_hostile_input.py tests/test_hostile_fields.py tests/test_lists.py

check: lint-check ## every check short of the tests: style, types, imports, migrations, API documents
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py check --fail-level WARNING
	@$(BIN)/python manage.py spectacular --urlconf signalbox.schema_urls --validate --fail-on-warn --format openapi-json --file /dev/null
	@$(BIN)/python manage.py lint_response_models

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

export-openapi: $(VENV)/.installed-dev ## write docs/openapi.json, docs/asyncapi.json and the list of docs/websockets.md anew
	@$(BIN)/python manage.py spectacular --urlconf signalbox.schema_urls --validate --fail-on-warn --format openapi-json --file docs/openapi.json
	@$(BIN)/python manage.py export_asyncapi docs/asyncapi.json docs/websockets.md

generate-openapi-client: $(GENERATORS) $(PYTHON_GENERATOR)/.installed ## make clients of the REST API in TypeScript and Python in build/clients (OUT; needs npm)
	@mkdir -p "$(OUT)"
	@web/generate/node_modules/.bin/openapi-typescript docs/openapi.json -o "$(OUT)/signalbox-api.ts"
	@PATH="$(CURDIR)/$(PYTHON_GENERATOR)/bin:$$PATH" openapi-python-client generate --path docs/openapi.json --output-path "$(OUT)/signalbox-client" --overwrite

generate-asyncapi-types: $(GENERATORS) ## make TypeScript types of what travels on the sockets in build/clients (OUT; needs npm)
	@mkdir -p "$(OUT)"
	@node web/generate/asyncapi-types.mjs docs/asyncapi.json "$(OUT)/signalbox-sockets.ts"

$(GENERATORS): web/generate/package-lock.json
	@command -v npm >/dev/null || { echo "Node and npm are needed: install Debian's packages nodejs and npm"; exit 1; }
	@cd web/generate && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(PYTHON_GENERATOR)/.installed: requirements/generate.txt
	@$(PYTHON) -m venv $(PYTHON_GENERATOR)
	@$(PYTHON_GENERATOR)/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements/generate.txt
	@touch $@

lint-response-models: $(VENV)/.installed-dev ## name every endpoint whose answer has no declared model
	@$(BIN)/python manage.py lint_response_models

export-permissions: $(VENV)/.installed-dev ## write the matrix of docs/permissions.md anew
	@UPDATE_DOCS=1 $(BIN)/python -m pytest tests/test_permissions.py

bench: bench-sockets bench-datafeed bench-engine ## measure everything, beside the peers where there are any
	@$(BIN)/python -m benchmarks.live
	@$(BIN)/python -m benchmarks.first_light

bench-sockets: $(VENV)/.installed-dev ## measure sockets and REST beside the stack they replace
	@$(BIN)/python -m benchmarks.sockets
	@$(BIN)/python -m benchmarks.rest

bench-datafeed: $(VENV)/.installed-dev ## measure pages of bars, an import and closed bars beside the stack they replace
	@$(BIN)/python -m benchmarks.datafeed

bench-large: $(VENV)/.installed-dev ## measure cold pages of a table of many millions of bars (needs DATABASE_URL)
	@$(BIN)/python -m benchmarks.large

bench-engine: $(VENV)/.installed-dev var/bench/engine-peers/.installed var/bench/engine-peer-nautilus/.installed ## measure the formula engine beside the backtesters that people use
	@$(BIN)/python -m benchmarks.engine

bench-check: $(VENV)/.installed-dev ## name every row of the last measurements that is under its floor
	@$(BIN)/python -m benchmarks.check

lock: ## resolve requirements anew into the lock files (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url requirements/run.in -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url requirements/dev.in -o requirements-dev.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url requirements/generate.in -o requirements/generate.txt
	@for name in oracles engine-peers engine-peer-nautilus; do \
		uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url requirements/$$name.in -o requirements/$$name.txt; done

clean: ## remove the environment and run-time data
	rm -rf $(VENV) var build web/static/asyncapi web/generate/node_modules
