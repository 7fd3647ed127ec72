# `make` lists the targets. Everything stays inside this folder: packages in .venv, data in .data.
# Extra arguments go through ARGS: `make demo ARGS="--port 8010"`, `make test-fast ARGS="tests/policies -x"`.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
CORE_TESTS := tests/signals_app/alerts tests/policies/core tests/experiments/core tests/outcomes/core
API_TESTS := tests/outcomes/engine_api tests/outcomes/analyst_api tests/outcomes/feeder_api tests/outcomes/performance tests/policies \
	tests/outcomes/services tests/signals_app/test_market_data.py tests/acceptance/test_trade_refusals.py \
	tests/orchestrator_site/console/test_missing_rows.py tests/processes/test_web_server.py::test_a_body_that_does_not_come_is_answered_408 \
	tests/processes/test_web_server.py::test_a_sender_who_closes_his_side_too_early_is_told_so
RUNTIME := .venv/.installed
DEVELOPMENT := .venv/.installed-dev
PEERS := .venv-bench/.installed
LOCKING := .venv-lock/bin/uv
AXE := tests/browser/node_modules/.package-lock.json
PIP_OPTIONS := --quiet --disable-pip-version-check --no-input
# One lock for Python 3.11 to 3.13 on every platform; packages keep their versions unless a requirements file changes.
LOCK_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes --no-header

# Without bytecode of ours every program that a test starts compiles the project first.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev lock docs demo run test test-fast coverage coverage-core test-core mutants chaos lint format types imports migrations api-lint api-examples screenshots upgrade-dump browser-tools check bench bench-report bench-growth verdict-suite

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: $(RUNTIME) ## install what the product needs to run into .venv

setup-dev: $(DEVELOPMENT) ## install the development tools as well, and the hooks that run before a commit
	@if [ -d .git ]; then $(BIN)/pre-commit install >/dev/null; fi

lock: $(LOCKING) ## resolve the requirements files into the lock files that are installed; ARGS=--upgrade for newer packages
	@$(LOCKING) pip compile $(LOCK_OPTIONS) $(ARGS) requirements.txt -o requirements.lock
	@$(LOCKING) pip compile $(LOCK_OPTIONS) $(ARGS) -c requirements.lock requirements-dev.txt -o requirements-dev.lock
	@$(LOCKING) pip compile $(LOCK_OPTIONS) $(ARGS) -c requirements.lock benchmarks/requirements.txt -o benchmarks/requirements.lock

docs: $(RUNTIME) ## write the documents that are made from tables: error codes, log events, settings
	@$(BIN)/python -m docs.build

demo: $(RUNTIME) ## replay several hundred alerts through two example engines and show the comparison
	@$(BIN)/python manage.py demo $(ARGS)

run: $(RUNTIME) ## start database, web and worker; Ctrl-C stops everything
	@$(BIN)/python manage.py up $(ARGS)

test: $(DEVELOPMENT) ## run all tests on the embedded PostgreSQL, or on DATABASE_URL when that is set
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-fast: $(DEVELOPMENT) ## run what is not slow, starts no processes and no browser, with few generated inputs: under a minute
	@$(BIN)/python -m pytest -n auto --hypothesis-profile=fast -m "not slow and not processes and not browser" $(ARGS)

coverage: $(DEVELOPMENT) ## run all tests and print which lines and branches they reach: twice the work of `make test`
	@$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term $(ARGS)

coverage-core: $(DEVELOPMENT) ## print which lines and branches of the pure cores their own tests reach: half a minute
	@$(BIN)/python -m pytest -n auto --hypothesis-profile=fast -m "not slow" $(CORE_TESTS) --cov --cov-report= -q
	@$(BIN)/python -m coverage report --include="*/core/*,signals_app/alerts/*" $(ARGS)

test-core: $(DEVELOPMENT) ## run the tests of the pure cores: seconds, no database
	@$(BIN)/python -m pytest $(CORE_TESTS) $(ARGS)

mutants: $(DEVELOPMENT) ## change the pure cores bit by bit and print what no test notices: ARGS="policies.core"
	@nice -n 15 $(BIN)/python -m tests.mutants $(ARGS)

chaos: $(DEVELOPMENT) ## kill processes and drop sessions for minutes; nothing may be lost: ARGS="--minutes 3 --seed N"
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: $(PEERS) ## measure speed and memory against peers: 40 minutes, ARGS="--quick" eight
	@.venv-bench/bin/python -m benchmarks $(ARGS)

bench-report: $(PEERS) ## time the report over a million outcomes beside pandas and DuckDB: an hour, most of it to fill the database
	@.venv-bench/bin/python -m benchmarks.report_speed $(ARGS)

bench-growth: $(PEERS) ## time list, why, report and claim at a million signals and at ten million: 40 GB of disk, ARGS="--rows 100000,1000000"
	@.venv-bench/bin/python -m benchmarks.growth $(ARGS)

verdict-suite: $(DEVELOPMENT) ## try to fool the verdict, and others, with simulated streams: ten minutes, ARGS="--runs 200" one
	@$(BIN)/python -m benchmarks.verdict_suite $(ARGS)

lint: $(DEVELOPMENT) ## check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(DEVELOPMENT) ## put code into the project's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(DEVELOPMENT) ## check the types
	@$(BIN)/mypy .

imports: $(DEVELOPMENT) ## check that imports run one way
	@$(BIN)/lint-imports

migrations: $(DEVELOPMENT) ## check that the migrations fit the models
	@$(BIN)/python manage.py makemigrations --check --dry-run

api-lint: ## check docs/openapi.yaml with redocly and spectral; needs npm
	@npm exec --yes --package=@redocly/cli@2.77.0 -- redocly lint docs/openapi.yaml --extends=recommended-strict
	@npm exec --yes --package=@stoplight/spectral-cli@6.16.3 -- spectral lint docs/openapi.yaml --ruleset tests/docs/spectral.yaml --fail-severity=warn

api-examples: $(DEVELOPMENT) ## take the examples of the API document anew from what the tests ask and are answered
	@rm -rf .data/api-examples && mkdir -p .data/api-examples
	@API_EXAMPLES=.data/api-examples $(BIN)/python -m pytest -n auto -q $(API_TESTS)
	@$(BIN)/python -m tests.api_answers .data/api-examples && $(BIN)/python -m docs.build

screenshots: $(DEVELOPMENT) ## take the pictures of the guides from a demo that is running: ARGS="--site http://127.0.0.1:8010"
	@$(BIN)/python -m docs.screenshots $(ARGS)

upgrade-dump: $(DEVELOPMENT) ## write the database that later versions have to take over: for a release alone
	@$(BIN)/python -m tests.upgrade

browser-tools: $(AXE) ## install what the tests in a browser need beside Chromium: axe-core; needs npm

# The checks wait for each other's files, downloads and one processor: side by side they take less.
check: $(DEVELOPMENT) ## lint, types, imports, migrations, API document, all tests: as continuous integration does
	@$(MAKE) -j --output-sync=target lint types imports migrations api-lint browser-tools
	@$(MAKE) test

# A changed lock is newer than its stamp; otherwise nothing is installed again.
$(RUNTIME): requirements.lock
	@$(call install,--require-hashes -r requirements.lock,.venv)
	@touch $@

$(DEVELOPMENT): requirements-dev.lock
	@$(call install,--require-hashes -r requirements-dev.lock,.venv)
	@touch $(RUNTIME) $@

$(AXE): tests/browser/package-lock.json
	@npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(PEERS): benchmarks/requirements.lock
	@$(call install,--require-hashes -r benchmarks/requirements.lock,.venv-bench)
	@touch $@

$(LOCKING): .ci/uv.lock
	@$(call install,--require-hashes -r .ci/uv.lock,.venv-lock)

# Debian's python3 may come without ensurepip (package python3-venv); pip then installs from outside the environment.
# UV=yes lets uv install, in a third of pip's time; pip does where uv cannot be had or gets no files.
define install
	set -e; \
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
		echo "This needs Python 3.11, 3.12 or 3.13; '$(PYTHON)' is not one. Try: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; \
		exit 1; }; \
	test -x $(2)/bin/python || $(PYTHON) -m venv $(2) 2>/dev/null || $(PYTHON) -m venv --clear --without-pip $(2); \
	echo "Installing $(lastword $(1)) into $(2) ..."; \
	pip="$(2)/bin/python -m pip"; \
	$$pip --version >/dev/null 2>&1 || pip="$(PYTHON) -m pip --python $(2)/bin/python"; \
	if [ -n "$(UV)" ] && $$pip install $(PIP_OPTIONS) --require-hashes -r .ci/uv.lock && \
		$(2)/bin/uv pip install --quiet --compile-bytecode --python $(2)/bin/python $(1); then exit 0; fi; \
	$$pip install $(PIP_OPTIONS) $(1)
endef
