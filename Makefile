# make serve   the Worker on this machine          make test    all tests
# make bench   measured beside the alternatives    make check   linters and types
# Each sets up what it needs first, and make setup all of it; PYTHON=python3.12 chooses another Python (3.11 or later).
PYTHON ?= python3
PIP = .venv/bin/pip --quiet --disable-pip-version-check
NPM = PATH="$(CURDIR)/.venv/bin:$$PATH" npm --no-update-notifier --no-fund --no-audit

# Where the environment says that modules are not to be kept compiled, every process would compile what it imports.
export PYTHONDONTWRITEBYTECODE =

.PHONY: setup serve test bench check clean

setup: .venv/dev-ready worker/node_modules/ready sdk/ts/node_modules/ready

serve: .venv/ready worker/node_modules/ready
	.venv/bin/pcpu serve

test: setup
	.venv/bin/pytest -n auto --dist loadfile --no-loadscope-reorder

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
	@echo "Installing into .venv and worker/node_modules: a minute or two and 1.2 GB, the first time"
	$(PYTHON) -m venv .venv
	$(PIP) install --no-compile -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	$(PIP) download --no-deps --no-build-isolation \
	  --no-binary :all: -r sources.lock -d .venv/src
	@touch $@

.venv/dev-ready: requirements-dev.lock .venv/ready
	@echo "Installing what tests, linters and benchmarks need: another minute and 500 MB, the first time"
	$(PIP) install --no-compile -r requirements-dev.lock
	@touch $@

%/node_modules/ready: %/package-lock.json .venv/ready
	cd $* && $(NPM) ci --ignore-scripts --loglevel=error
	@touch $@

clean:
	rm -rf .venv build worker/node_modules sdk/ts/node_modules sdk/ts/dist bench/js/node_modules
