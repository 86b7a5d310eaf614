# Every command of the project. PYTHON chooses the interpreter (3.11, 3.12 or 3.13): make test PYTHON=python3.13
# EXTRAS adds optional parts: make run EXTRAS="postgres vectors"
PYTHON ?= python3
ARGS ?=
EXTRAS ?=
VENV := .venv
DEV := .venv-dev
DEMO := .venv-demo
SOURCES := $(shell find backstory -type f ! -path '*/__pycache__/*')

.PHONY: setup run test static check demo schema associations lock clean

# What a lock names, and nothing else, with hashes checked. The environments hold no pip of their own, and no
# byte code of packages that few starts load (Python adds it when one does): that keeps .venv small.
define packages
test -x $(1)/bin/python || $(PYTHON) -m venv --without-pip $(1)
$(PYTHON) -m pip --python $(1)/bin/python install -q --no-compile --no-deps --require-hashes -r $(2)
$(1)/bin/python -m compileall -q -x '/(sqlalchemy|alembic|mako|prometheus_client|yaml|conformance|bench)/' $(1)/lib
touch $(1)/.packages
endef

# The project itself. Its build tool comes from a lock too, and goes again.
define project
tools=$$(mktemp -d) && trap 'rm -rf "$$tools" build' EXIT && \
$(PYTHON) -m pip --python $(1)/bin/python install -q --require-hashes --target "$$tools" -r requirements-build.lock && \
PYTHONPATH="$$tools" $(PYTHON) -m pip --python $(1)/bin/python install -q --no-deps --no-build-isolation --force-reinstall $(2)
endef

# Away with what nothing needs at run time: test suites, and the compiled parts of SQLAlchemy, which has the same in Python and
# runs only where a schema is brought up to date.
NEEDLESS := sqlalchemy/testing alembic/testing sqlalchemy/*/*_cy.*.so
define lean
rm -rf $(addprefix $(1)/lib/python*/site-packages/,$(NEEDLESS))
endef

setup: $(VENV)/.ready $(addprefix $(VENV)/.extra-,$(EXTRAS))

$(VENV)/.packages: requirements.lock
	$(call packages,$(VENV),requirements.lock)

$(VENV)/.extra-%: requirements-extras/%.lock | $(VENV)/.packages
	$(PYTHON) -m pip --python $(VENV)/bin/python install -q --no-compile --no-deps --require-hashes -r $<
	touch $@

$(VENV)/.ready: $(VENV)/.packages requirements-build.lock pyproject.toml README.md $(SOURCES)
	$(call project,$(VENV),.)
	$(call lean,$(VENV))
	touch $@

$(DEV)/.packages: requirements-dev.lock
	$(call packages,$(DEV),requirements-dev.lock)

$(DEV)/.ready: $(DEV)/.packages requirements-build.lock pyproject.toml
	$(call project,$(DEV),-e .)
	touch $@

$(DEMO)/.packages: requirements-demo.lock
	$(call packages,$(DEMO),requirements-demo.lock)

$(DEMO)/.ready: $(DEMO)/.packages requirements-build.lock pyproject.toml README.md $(SOURCES)
	$(call project,$(DEMO),.)
	touch $@

# The proxy on its port: make run ARGS="--port 6000 --upstream https://api.openai.com"
run: setup
	$(VENV)/bin/backstory serve $(ARGS)

# Hundreds of tests start a proxy: where Python is told to write no byte code, each would compile all of it.
test: $(DEV)/.ready
	$(DEV)/bin/python -m compileall -q backstory
	$(DEV)/bin/python -m pytest -n 2 $(ARGS)

static: $(DEV)/.ready
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/lint-imports
	$(DEV)/bin/mypy

check: static test

demo: $(DEMO)/.ready
	$(DEMO)/bin/backstory demo $(ARGS)

# What the migrations come to, for new databases. After a change of the migrations.
schema: $(DEV)/.ready
	$(DEV)/bin/python -m backstory.stores.migrate --schema > backstory/stores/sqlite_schema.json.new
	$(DEV)/bin/python -m backstory.stores.migrate --sql "" > backstory/stores/postgres_schema.json.new
	for name in sqlite postgres; do mv backstory/stores/$${name}_schema.json.new backstory/stores/$${name}_schema.json; done

# The stems of the words that belong together. After a change of associations.txt or of the stemming.
ASSOCIATED := backstory/memory/recall/associations.json
associations: $(DEV)/.ready
	$(DEV)/bin/python -c 'import msgspec; from backstory.memory.recall.associations import listed; print(msgspec.json.encode(listed()).decode())' \
		> $(ASSOCIATED).new
	mv $(ASSOCIATED).new $(ASSOCIATED)

# Locks for all supported interpreters and systems; needs the network. They name no index.
LOCK = "$$tools/bin/uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
OPTIONAL = codecs google media minilm postgres vectors websocket
lock:
	tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(PYTHON) -m venv "$$tools" && "$$tools/bin/python" -m pip install -q uv && \
	$(LOCK) pyproject.toml -o requirements.lock && \
	$(LOCK) pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock && \
	$(LOCK) pyproject.toml --extra demo -c requirements-dev.lock -o requirements-demo.lock && \
	base=$$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' requirements.lock) && \
	for extra in $(OPTIONAL); do $(LOCK) pyproject.toml --extra $$extra $$base -c requirements-dev.lock -o requirements-extras/$$extra.lock || exit 1; done && \
	printf 'setuptools>=75\n' | $(LOCK) - -o requirements-build.lock

clean:
	rm -rf $(VENV) $(DEV) $(DEMO) build
