# Every target is idempotent and says what it does. `make demo` and `make test` are all a newcomer needs.
SHELL := /bin/bash
PY := .venv/bin/python
ARGS ?=
.DEFAULT_GOAL := help
.PHONY: help setup demo test check lab bench scenarios experiments fuzz manifests images kind-demo lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 11

setup: .venv/installed packages ## make .venv with everything pinned; compile and install; Debian packages the tests use

.venv/ready: constraints.txt
	@echo "setup: .venv from constraints.txt (hash-checked)"
	@python3 -m venv .venv
	@.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r constraints.txt
	@touch $@

SOURCES := $(shell find sidecar injector coordinator dashboards loadtest -name '*.py') $(wildcard dashboards/live/*.*) setup.py pyproject.toml
.venv/installed: .venv/ready $(SOURCES)
	@echo "setup: compile the request path (mypyc, about a minute) and install"
	@rm -rf build
	@.venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall .
	@rm -rf build *.egg-info
	@touch $@

.PHONY: packages
packages:
	@./deploy/debian-packages haproxy:haproxy nginx:nginx-light wrk:wrk dnsmasq:dnsmasq-base iptables:iptables ip:iproute2 kubectl:kubernetes-client shellcheck:shellcheck psql:postgresql prometheus:prometheus promtool:prometheus redis-server:redis-server chromium:chromium

demo: setup ## UrbanMoveMS on a local mesh, faults in turn, with and without Equilibrium (5 min; ARGS=--quick: 2)
	@$(PY) -m loadtest.demo $(ARGS)

test: setup ## the test suite, a test a core at a time (about 10 min on two cores; ARGS="-n 0 tests/policy": a part, one by one)
	@$(PY) -m pytest -n auto $(ARGS)

check: setup ## format, lint, types, import directions
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

lab: setup ## the router against every rival in simulation, both cores (10 min; ARGS=--help: scenarios, replay of your log)
	@$(PY) -P -m loadtest.lab $(ARGS)

bench: setup ## against Envoy, HAProxy, nginx and an aiohttp proxy, interleaved (25 min; ARGS=--quick: under 4)
	@$(PY) -m loadtest.bench $(ARGS)

scenarios: setup ## floods, overload, bids, adversaries on real processes, with and without policing (ARGS=--quick: in short)
	@$(PY) -m loadtest.scenarios $(ARGS)

experiments: setup ## the CPU market on a node that really throttles: spike, noisy neighbour, budgets, memory (root; ARGS=--quick: in short)
	@$(PY) -m loadtest.experiments $(ARGS)

fuzz: setup ## coverage-guided fuzzing of both parsers (ARGS="--seconds 600"), then 10,000 random pods through the injector
	@$(PY) -m tests.fuzz $(ARGS)
	@$(PY) -m tests.fuzz.pods --count 10000

manifests: ## write deploy/install.yaml and deploy/coordinator.yaml anew (ARGS=--check: say whether they are up to date)
	@./deploy/render $(ARGS)

images: ## container images of what runs in a cluster; needs Docker (ARGS="--registry HOST/PATH --push")
	@./deploy/images $(ARGS)

kind-demo: ## a cluster on this machine: injector, example, one annotation, one slow pod; needs Docker, kind, kubectl (ARGS=--delete)
	@./deploy/kind-demo $(ARGS)

lock: setup ## write constraints.txt anew from pyproject.toml
	@.venv/bin/pip install -q pip-tools
	@EQUILIBRIUM_PURE=1 .venv/bin/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --strip-extras --allow-unsafe --no-header --all-extras --build-deps-for=editable -o constraints.txt pyproject.toml

clean: ## remove what the other targets made
	@rm -rf .venv build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache
