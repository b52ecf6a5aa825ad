# make serve   the Worker on this machine          make test    all tests
# make bench   measured beside the alternatives    make check   linters and types
# Each sets up what it needs first; PYTHON=python3.12 chooses another Python (3.11 or later).
PYTHON ?= python3
NPM = PATH="$(CURDIR)/.venv/bin:$$PATH" npm --no-update-notifier --no-fund --no-audit

.PHONY: setup serve test bench check clean

setup: .venv/ready worker/node_modules/ready sdk/ts/node_modules/ready

serve: setup
	.venv/bin/pcpu serve

test: setup
	.venv/bin/pytest -n auto --dist loadfile

bench: setup bench/js/node_modules/ready
	.venv/bin/pcpu bench

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	cd worker && $(NPM) run --silent check
	cd sdk/ts && $(NPM) run --silent check

.venv/ready: requirements.lock sources.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "pCPU needs Python 3.11 or later; try make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "Python has no venv; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing into .venv, then node_modules: some minutes and 1.8 GB, the first time"
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	.venv/bin/pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  --no-binary :all: -r sources.lock -d .venv/src
	@touch $@

%/node_modules/ready: %/package-lock.json .venv/ready
	cd $* && $(NPM) ci --ignore-scripts --loglevel=error
	@touch $@

clean:
	rm -rf .venv build worker/node_modules sdk/ts/node_modules sdk/ts/dist bench/js/node_modules
