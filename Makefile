# Two commands for a fresh machine; each sets up a virtual environment of its own first.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: examples demo test check types layers docs bench fuzz faults soak

demo: $(INSTALLED)
	$(BIN)/fastssl train --data demo --minutes 2 --out runs/demo --overwrite
	$(BIN)/fastssl probe runs/demo

test: check
	$(BIN)/pytest --numprocesses auto --maxprocesses 8 --dist loadfile
	$(BIN)/pytest bench --benchmark-disable -q

check: types layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# In a tree of its own, laid out as the package is installed: mypy does not follow setup.py's package_dir.
types: $(INSTALLED)
	rm -rf build/types && mkdir -p build/types
	cp -r fastssl build/types && cp -r kernels pipelines build/types/fastssl
	cd build/types && $(abspath $(BIN))/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir ../mypy fastssl

# Who may import whom: the contracts of pyproject.toml, in the same tree.
layers: types
	cd build/types && $(abspath $(BIN))/lint-imports --no-cache $(CURDIR)/pyproject.toml

# Every example against the real libraries, also those that the suite leaves out.
examples: $(INSTALLED)
	$(BIN)/pytest tests/examples --slow -q

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(INSTALLED)
	$(BIN)/pytest bench

# Every parser against inputs that are nearly right, a minute each: guided by coverage where atheris can be installed
# (the extra "fuzz"), else by chance. Inputs that are faults are kept in build/fuzz, and tried first the next time.
SECONDS ?= 60
fuzz: $(INSTALLED)
	-$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/pip install --quiet --editable ".[fuzz]"
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

# Kills, full disks, damaged files in the middle of everything, then going on: ten minutes.
RUNS ?= 100
faults: $(INSTALLED)
	$(BIN)/python -m tests.faults --runs $(RUNS)

# Half an hour of training and a thousand loaders: memory, handles and throughput stay as they are.
MINUTES ?= 30
soak: $(INSTALLED)
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

$(INSTALLED): setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[test,docs]"
	touch $@
