# `make app` and `make test` install what they need into .venv on their own.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
APP_INSTALLED := $(VENV)/.installed-app
INSTALLED := $(VENV)/.installed
PIP_INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: app test install install-app lint screenshots clean

app: install-app
	@echo 'Starting the app. Stop it with Ctrl+C.'
	@$(BIN)/audioset-demo app

test: install
	$(BIN)/pytest $(PYTEST_ARGS)

# What the app needs: no TensorFlow.
install-app: $(APP_INSTALLED)

install: $(INSTALLED)

# pip would compile each module of each package (200 MB): Python does so with those that it imports.
# Of PyTorch, the C++ headers and the test programs are left out (145 MB).
$(APP_INSTALLED): pyproject.toml constraints.txt
	@echo 'Installing the app into $(VENV), once: 350 MB to download, 1.2 GB on disk, about 2 minutes.'
	@$(PYTHON) -m venv $(VENV)
	@echo '1 of 3: PyTorch, about 1 minute'
	@$(PIP_INSTALL) --no-compile torch
	@rm -rf $(VENV)/lib/python*/site-packages/torch/include $(VENV)/lib/python*/site-packages/torch/test
	@echo '2 of 3: Streamlit and the other packages, about 1 minute'
	@$(PIP_INSTALL) --no-compile --editable .
	@echo '3 of 3: preparing the first start, about 20 seconds'
	@$(BIN)/python -c 'import audioset_demo.tagging, audioset_demo.views.navigation, streamlit.web.bootstrap'
	@touch $@

$(INSTALLED): pyproject.toml constraints.txt
	@echo 'Installing everything into $(VENV), once: 1 GB to download, 3.4 GB on disk, about 5 minutes.'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --editable '.[tensorflow,tensorboard,speech,resampy,test]'
	@touch $(APP_INSTALLED) $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

screenshots: install
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV)
