# `make app` and `make test` install what they need into .venv on their own.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
APP_INSTALLED := $(VENV)/.installed-app
INSTALLED := $(VENV)/.installed
PIP_INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable

.PHONY: app test install install-app lint screenshots clean

app: install-app
	$(BIN)/audioset-demo app

test: install
	$(BIN)/pytest $(PYTEST_ARGS)

# What the app needs: no TensorFlow.
install-app: $(APP_INSTALLED)

install: $(INSTALLED)

$(APP_INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) .
	touch $@

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) '.[tensorflow,tensorboard,speech,resampy,test]'
	touch $(APP_INSTALLED) $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

screenshots: install
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV)
