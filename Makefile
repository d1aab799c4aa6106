# `make app` and `make test` install what they need into .venv on their own.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: app test install lint screenshots clean

app: install
	$(BIN)/audioset-demo app

test: install
	$(BIN)/pytest $(PYTEST_ARGS)

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[tensorflow,tensorboard,speech,resampy,test]'
	touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

screenshots: install
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV)
