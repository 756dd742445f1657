# Plain Python 3.11+ and pip are enough; `make` alone says what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PIP_DISABLE_PIP_VERSION_CHECK := 1

BIN := .venv/bin
STAMP := .venv/.set-up
RIGHT_AGE := import sys; sys.exit(sys.version_info < (3, 11))
# The first that is new enough; `make setup PYTHON=…` chooses another.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	command -v $$each >/dev/null && $$each -c '$(RIGHT_AGE)' 2>/dev/null && echo $$each && break; done)
DOCKER_ANSWERS := docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
COMPOSE_CLIENT := github.com/docker/compose/v2/cmd@v2.29.7
LIMITS = $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

.PHONY: help setup demo test lint up down status bench bench-classification chaos report \
	alert-drill generate lock compose-check audit audit-million bench-replay bench-recovery

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## build .venv with the exportgate command from requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(RIGHT_AGE)' || { \
		echo "exportgate needs Python 3.11 or later; python3 here is: $$(python3 --version 2>&1)" >&2; \
		exit 3; }
	@$(PYTHON) -m venv .venv || { \
		echo "Python's venv module does not work; on Debian: apt-get install python3-venv" >&2; \
		exit 3; }
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## orders through the whole gate on the embedded stack, Python alone
	@$(BIN)/exportgate demo $(ARGS)

test: setup ## the whole suite: lint, types, tests (ARGS= for pytest alone)
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	@# What needs real brokers mostly waits: in two halves, each with its own, beside the rest.
	@said=$$(mktemp -d); failed=0; \
	$(BIN)/python -m pytest -m "not real" >"$$said/rest" 2>&1 & rest=$$!; \
	$(BIN)/python -m pytest -m real tests/integration/test_[a-c]*.py >"$$said/half" 2>&1 & half=$$!; \
	$(MAKE) --no-print-directory lint || failed=1; \
	$(BIN)/python -m pytest -m real $(foreach file,$(wildcard tests/integration/test_[a-c]*.py),--ignore $(file)) || failed=1; \
	wait $$half || failed=1; wait $$rest || failed=1; \
	cat "$$said/half" "$$said/rest"; rm -rf "$$said"; exit $$failed
endif

lint: setup ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

up: setup ## the real stack: Docker where a daemon answers, else processes
	@if $(DOCKER_ANSWERS); then docker compose up --build --detach --wait && docker compose ps; \
	else $(BIN)/python -m infra.local up; fi

down: setup ## stop what `make up` started; data stays
	@if $(DOCKER_ANSWERS); then docker compose down; fi
	@$(BIN)/python -m infra.local down

status: setup ## what of the local processes runs where
	@$(BIN)/python -m infra.local status || true

bench: setup ## throughput and latency on real Kafka and Redis (SECONDS=, SEED=)
	@$(BIN)/python -m tests.bench.pipeline $(LIMITS)

bench-classification: setup ## what a line costs, beside the parse of its order
	@$(BIN)/python -m tests.bench.classification $(ARGS)

chaos: setup ## faults against the real stack, invariants checked (SECONDS=, SEED=)
	@$(BIN)/python -m tests.chaos.run $(LIMITS)

report: setup ## recall, wrongful clears and false holds on every labelled text
	@$(BIN)/python -m tests.report.classification $(ARGS)

alert-drill: setup ## faults against the watched stack: does the right alert fire? (SECONDS= of quiet)
	@$(BIN)/python -m tests.drill.run $(LIMITS) $(if $(HURRY),--hurry $(HURRY))

audit: setup ## 20,000 orders over three years archived, verified, damaged, forged (SEED=)
	@$(BIN)/python -m tests.audit.run $(if $(SEED),--seed $(SEED))

audit-million: setup ## the same with 1,000,000 orders in one environment: an hour, 2 GB; goes on where stopped
	@mkdir -p .local
	@$(BIN)/python -m tests.audit.run --orders 1000000 --environments 1 --seed $(or $(SEED),1) \
		--keep .local/million-$(or $(SEED),1)

bench-replay: setup ## verify and what-if beside a bare read of the same archive
	@$(BIN)/python -m tests.bench.replay $(if $(SEED),--seed $(SEED))

bench-recovery: setup ## 1,000,000 ledger records back from the log, and from a snapshot
	@$(BIN)/python -m tests.bench.recovery $(ARGS)

generate: setup ## write what is generated again: schemas, metrics, dashboards
	@$(BIN)/python -m schemas.generate
	@$(BIN)/python -m services.runtime.metrics.reference
	@$(BIN)/python -m infra.grafana.generate

lock: setup ## resolve requirements.lock again (hashes, no index addresses)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --universal \
		--python-version 3.11 pyproject.toml --group dev --output-file requirements.lock

compose-check: ## have a compose client read docker-compose.yml (needs no daemon)
	@if docker compose version >/dev/null 2>&1; then docker compose config --quiet; \
	else $(MAKE) --no-print-directory .local/bin/cmd && .local/bin/cmd config --quiet; fi
	@echo "docker-compose.yml is valid"

.local/bin/cmd:
	@command -v go >/dev/null || { \
		echo "compose-check needs the docker compose plugin, or Go to build its client" >&2; exit 3; }
	GOBIN=$(CURDIR)/.local/bin go install $(COMPOSE_CLIENT)
