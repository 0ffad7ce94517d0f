# One command for each thing we do; every line is one you could type yourself.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
BENCH ?=
ARGS ?=
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help
help: ## say what can be done
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(READY) ## make .venv with everything needed to work on Penjing

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory python-venv
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Penjing needs Python 3.11, 3.12 or 3.13, and this is " + sys.version.split()[0] + ". Run: rm -rf .venv && make setup PYTHON=python3.12")'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip check
	touch $@

# A bare Debian has python3 without the part that makes virtual environments.
.PHONY: python-venv
python-venv:
	@if [[ $$(id -u) != 0 || ! -f /etc/debian_version ]]; then \
		echo 'Python lacks venv. On Debian: sudo apt-get install python3-venv' >&2; exit 1; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq || echo 'apt-get update failed; trying with the lists that are there.' >&2; \
	apt-get install -qq -y --no-install-recommends python3-venv </dev/null >/dev/null

.PHONY: demo
demo: setup ## search on the digits data set, a few minutes; ends with a report to open
	rm -rf runs/demo
	$(BIN)/penjing run examples/digits.yaml --out runs/demo
	@test -s runs/demo/report.html || { echo 'The run ended without runs/demo/report.html.' >&2; exit 1; }
	@echo 'Open $(CURDIR)/runs/demo/report.html in a browser.'

.PHONY: test
test: setup browser ## every test but the long ones
	$(BIN)/pytest -m 'not long' --durations=5

.PHONY: test-long
test-long: setup browser ## the tests that take minutes
	$(BIN)/pytest -m long --durations=5

.PHONY: check
check: lint types imports ## lint, types and imports

.PHONY: lint
lint: setup ## style: ruff check and ruff format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: format
format: setup ## let ruff repair the style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: types
types: setup ## pyright
	$(BIN)/pyright

.PHONY: imports
imports: setup ## who may import whom: import-linter
	$(BIN)/lint-imports

.PHONY: docs
docs: setup ## build the documentation into build/site; warnings are errors
	$(BIN)/mkdocs build --quiet --strict
	@echo 'The documentation: $(CURDIR)/build/site/index.html'

.PHONY: bench
bench: setup ## run a benchmark: make bench BENCH=name ARGS="--data FOLDER"; its README says which
	@test -f "benchmarks/$(BENCH)/run.py" \
		|| { echo "No benchmark is named '$(BENCH)'. Known:" $$(ls benchmarks) >&2; exit 1; }
	@$(BIN)/python "benchmarks/$(BENCH)/run.py" $(ARGS)

# Chromium opens the HTML report in the tests marked `browser`. Without it they are skipped, but not in CI.
.PHONY: browser
browser: ## install Chromium for the tests of the report (Debian, as root)
	@if command -v chromium >/dev/null; then exit 0; fi; \
	if [[ $$(id -u) = 0 && -f /etc/debian_version ]]; then \
		echo 'Installing chromium with apt-get.'; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq || echo 'apt-get update failed; trying with the lists that are there.' >&2; \
		apt-get install -qq -y --no-install-recommends chromium </dev/null >/dev/null || true; \
	fi; \
	if command -v chromium >/dev/null; then exit 0; fi; \
	echo "Chromium is not installed, so the tests marked 'browser' cannot run. On Debian: sudo apt-get install chromium" >&2; \
	if [[ "$${CI:-}" = true ]]; then exit 1; fi

.PHONY: clean
clean: ## remove what was built, but not .venv and not runs
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
