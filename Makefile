# `make demo` and `make test` set up everything they need; the rest is for who works on qtui.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench docs format

demo: .venv/installed
	$(BIN)/qtui demo

test: .venv/installed
	$(BIN)/pytest

# What CI runs. The tests come last, so that the last line is pytest's.
check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

# Speed as ratios against a yardstick in the same run; on a quiet machine.
bench: .venv/installed
	$(BIN)/python -m tests.bench $(ARGS)

# Pictures and tables of the README again; STUDY is the assets folder of a clone of gpt4-autoeval.
docs: .venv/installed
	$(BIN)/python docs/refresh.py $(STUDY)

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[engines,dev]'
	touch $@
