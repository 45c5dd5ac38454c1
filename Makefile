# The one door. On a machine with make and Python 3.11 or newer, `make demo` and `make test` set up
# everything they need in .venv; nothing else on the machine is touched. `make help` lists the rest.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
# Installed once per lock file: the name of the stamp carries the checksum of the lock.
STAMP := $(VENV)/.installed-$(shell cksum < requirements-dev.lock | tr ' ' '-')
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(PYTHON) -m pip install -qq
# Further arguments for demo, test, slow, power, peers, servers and bench: make test ARGS="-k relay -x"
ARGS ?=

.PHONY: help demo test check check-format check-lint check-types check-imports check-house format
.PHONY: slow power peers servers bench gate docs image lock clean setup

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP) ## run the whole loop on real flights and two real models, about two minutes
	@$(PYTHON) -m proxy demo $(ARGS)

test: $(STAMP) ## run the tests that belong to every change
	@$(PYTHON) -m pytest -m "not slow and not power and not servers" $(ARGS)

check: check-format check-lint check-types check-imports check-house ## format, lint, types, contracts, house

check-format: $(STAMP)
	@$(PYTHON) -m ruff format --check .

check-lint: $(STAMP)
	@$(PYTHON) -m ruff check .

check-types: $(STAMP)
	@$(PYTHON) -m mypy

check-imports: $(STAMP)
	@$(VENV)/bin/lint-imports

check-house: $(STAMP)
	@$(PYTHON) -m pytest -q tests/test_house.py

format: $(STAMP) ## format the code and apply the safe fixes of the linter
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

slow: $(STAMP) ## run what is too long for every run (installs Debian packages)
	@$(call debian,prometheus prometheus-alertmanager chromium redis-server)
	@$(PYTHON) -m pytest -m slow $(ARGS)

power: $(STAMP) ## Monte-Carlo study of false alarms and delays
	@$(PYTHON) -m pytest -m power $(ARGS)

peers: $(STAMP) ## judge the same streams with other libraries, each in an environment of its own
	@PYTHON=$(CURDIR)/$(PYTHON) sh bench/peers/setup.sh
	@$(PYTHON) bench/peers/run.py $(ARGS)

servers: $(STAMP) ## drive real model servers, each in a virtual environment of its own
	@command -v java >/dev/null || { $(call debian,default-jre-headless); }
	@$(PYTHON) -m pytest -m servers $(ARGS)

bench: $(STAMP) ## measure the data plane beside other proxies (installs Debian packages)
	@$(call debian,gcc libc6-dev nginx-light haproxy)
	@PYTHON=$(CURDIR)/$(PYTHON) sh bench/setup.sh
	@$(PYTHON) bench/relay.py $(ARGS)

gate: $(STAMP) ## fail when a request costs far more than the least that Python can do
	@$(call debian,gcc libc6-dev)
	@sh bench/setup.sh --own
	@$(PYTHON) bench/relay.py --gate --rounds 5 --seconds 0.4

docs: $(STAMP) ## write the pages that are made from the code
	@$(PYTHON) docs/generate.py

image: ## build the container image
	docker build --tag stablehand:$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' proxy/__init__.py) .

# The pins stay where they can; `make lock UPGRADE=--upgrade` moves all of them.
UPGRADE ?=
COMPILE = $(VENV)-uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header $(UPGRADE)

lock: $(STAMP) ## write the hash-pinned requirements anew from pyproject.toml
	@$(PYTHON) -m venv $(VENV)-uv && $(VENV)-uv/bin/python -m pip install --quiet uv
	@$(COMPILE) pyproject.toml --all-extras --group dev -o requirements-dev.lock
	@$(COMPILE) pyproject.toml --extra codings --extra fleet -c requirements-dev.lock \
		-o requirements.lock
	@$(COMPILE) --group build -c requirements-dev.lock -o requirements-build.lock
	@rm -rf $(VENV)-uv

clean: ## remove everything that make made
	rm -rf $(VENV) $(VENV)-uv build dist .demo .bench .servers .peers bench/.build
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(STAMP) ## make .venv and install what the lock names
	@:

# The lock is tested on 3.11, so that one goes first. Debian ships Python without venv.
define find_python
found=; \
for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
    >/dev/null 2>&1; then found=$$python; break; fi; \
done
endef

$(STAMP): requirements-dev.lock
	@$(find_python); \
	if [ -z "$$found" ]; then \
	  echo "no Python 3.11 or newer with venv was found"; $(call debian,python3-venv); $(find_python); \
	fi; \
	if [ -z "$$found" ]; then echo "make: this machine needs Python 3.11 or newer" >&2; exit 1; fi; \
	if [ "$$found" != "$(PYTHON)" ]; then \
	  echo "making $(VENV) with $$("$$found" --version)"; \
	  rm -rf $(VENV) && "$$found" -m venv $(VENV) || exit 1; \
	fi
	@echo "installing requirements-dev.lock into $(VENV)"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.installed-*
	@touch $@

# $(call debian,PACKAGES): install Debian packages where this is possible, else say what is missing.
define debian
missing=; for package in $(1); do \
  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' \
    || missing="$$missing $$package"; \
done; \
if [ -n "$$missing" ]; then \
  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    echo "installing$$missing"; \
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
      apt-get -qq install --no-install-recommends -y $$missing >/dev/null || exit 1; \
  else \
    echo "make: missing$$missing; on Debian: sudo apt-get install$$missing" >&2; exit 1; \
  fi; \
fi
endef
