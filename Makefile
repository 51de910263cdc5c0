# `make demo` and `make test` are all a new user needs: each installs what it lacks into .venv first.

PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin
DEMO := build/demo

# one thread per worker: the matrices of a test are small, and two pools of BLAS threads fight over the cores
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test lint types slow clean

demo: .venv/.installed
	@mkdir -p $(DEMO)
	@run() { printf '\n$$ %s\n' "$$*"; $(BIN)/"$$@"; }; set -e; \
	run derive list; \
	for name in marchenko-pastur ridge-regression; do \
	  run derive show $$name; \
	  run derive solve $$name --digits 30; \
	  run derive verify $$name; \
	  run derive latex $$name -o $(DEMO)/$$name.tex; \
	  if command -v pdflatex >/dev/null; then \
	    run derive latex $$name --pdf $(DEMO)/$$name.pdf; \
	  else \
	    echo "pdflatex was not found: no PDF this time; $(DEMO)/$$name.tex holds the theorem"; \
	  fi; \
	  run derive plot $$name --overlay-simulation -o $(DEMO)/$$name.png; \
	done

test: .venv/.installed-test lint types
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q

lint: .venv/.installed-test
	$(BIN)/ruff check .

# types of SymPy, flint and mpmath are not followed: their annotations contradict their documented use
types: .venv/.installed-test
	$(BIN)/mypy

slow: .venv/.installed-test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q -m slow

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Resolvent needs Python 3.11 or newer; say which one with: make PYTHON=python3.12 demo" >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.installed-test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ .venv/.installed

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
