# Two commands for a fresh machine; each sets up a virtual environment of its own first.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test check bench

demo: $(INSTALLED)
	$(BIN)/fastssl train --data demo --epochs 30 --out runs/demo --overwrite
	$(BIN)/fastssl probe runs/demo

test: check
	$(BIN)/pytest --numprocesses auto --maxprocesses 8 --dist loadfile

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(INSTALLED)
	$(BIN)/pytest bench

$(INSTALLED): setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[test]"
	touch $@
