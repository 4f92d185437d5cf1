# Set-up on a fresh machine with Python 3.11 or later: `make run` or `make test`, nothing before.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROJECT ?= headwater-quickstart
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run test lint bench clean

run: $(VENV)/.ready
	@mkdir -p $(PROJECT)
	@$(BIN)/headwater run --project $(PROJECT)

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(TESTS)

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/mypy

BENCHMARKS := quickstart embedded_stream local_corpora dirty_stream neural_student error_rates gate_cost ngram_speed lab_speed mixture_speed chain_speed \
	detector_quality detector_speed detector_lm_speed audit_share own_output forecast_speed english_words language curate_signals curate_spans near_duplicates engine_overhead endpoint
bench: $(VENV)/.ready-dev
	@for name in $(BENCHMARKS); do echo "## $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

clean:
	rm -rf $(VENV) $(PROJECT)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# The last step compiles and caches the numeric kernels, so that no run has to.
$(VENV)/.ready: $(VENV)/bin/python pyproject.toml requirements.lock
	@echo "Installing into $(VENV) (a minute or two)"
	@$(PIP) install --constraint requirements.lock --editable .
	@$(BIN)/headwater warm
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@$(PIP) install --constraint requirements.lock torch==2.13.0
	@$(PIP) install --constraint requirements.lock --editable '.[dev,train,lora,audit,tokens,cluster,generate]'
	@touch $@
