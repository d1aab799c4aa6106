# `make app` and `make test` install what they need into .venv on their own.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
APP_INSTALLED := $(VENV)/.installed-app
INSTALLED := $(VENV)/.installed
PIP_INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt
FIRST_RUN = import logging; logging.disable(); import streamlit.web.bootstrap; \
	from streamlit.testing.v1 import AppTest; AppTest.from_file("app.py", default_timeout=600).run()

.PHONY: app test install install-app lint screenshots clean

app: install-app
	@echo 'Starting the app. Stop it with Ctrl+C.'
	@$(BIN)/audioset-demo app

test: install
	$(BIN)/pytest $(PYTEST_ARGS)

# What the app needs: no TensorFlow.
install-app: $(APP_INSTALLED)

install: $(INSTALLED)

# Of PyTorch, the C++ headers and the test programs are left out (145 MB). pip would compile every
# module of every package (226 MB); a first run of the app compiles those that it needs (44 MB).
$(APP_INSTALLED): pyproject.toml constraints.txt
	@echo 'Installing the app into $(VENV), once: 350 MB to download, 1.3 GB on disk, about 2 minutes'
	@echo '(9 on a machine that is busy).'
	@$(PYTHON) -m venv $(VENV)
	@echo '1 of 3: PyTorch, about 1 minute'
	@$(PIP_INSTALL) --no-compile torch
	@rm -rf $(VENV)/lib/python*/site-packages/torch/include $(VENV)/lib/python*/site-packages/torch/test
	@echo '2 of 3: Streamlit and the other packages, about 1 minute'
	@$(PIP_INSTALL) --no-compile --editable .
	@echo '3 of 3: a first run of the app, about 20 seconds'
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -c '$(FIRST_RUN)'
	@touch $@

$(INSTALLED): pyproject.toml constraints.txt
	@echo 'Installing everything into $(VENV), once: 4.0 GB on disk; this takes several minutes.'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --editable '.[tensorflow,tensorboard,speech,resampy,calibration,onnx,ray,test]'
	@touch $(APP_INSTALLED) $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

screenshots: install
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV)
