# What a learner needs is also there as plain commands (see README.md), so nothing needs make.
PYTHON ?= python3
PROMPT ?= a red ball bounces
NAME ?= transformer
export PROMPT  # as it is, with its quotes
BIN := .venv/bin
NOTEBOOKS = $(sort $(wildcard course/*.ipynb))
STAMP := .venv/.minivid

.PHONY: help lab app video test lint mutants train bench notebooks
help:  ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

# all modules are compiled at once, by all cores, where pip would use one: otherwise the first start
# takes some seconds more, and each, where Python may not keep what it compiles
# (PYTHONDONTWRITEBYTECODE); a few files are templates and no Python, so errors are passed over
$(STAMP): pyproject.toml constraints.txt
	@echo "making .venv and installing minivid into it (about 6 GB with torch, two minutes or more)"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --no-compile -c constraints.txt -e '.[test]'
	@$(BIN)/python -m compileall -qq -j 0 .venv minivid || true
	@touch $(STAMP)

lab: $(STAMP)  ## open the course in JupyterLab
	$(BIN)/jupyter lab course

app: $(STAMP)  ## open the panel that makes films, as a page of its own
	$(BIN)/minivid app

video: $(STAMP)  ## make a film: make video PROMPT="a blue cat rides a bicycle"
	$(BIN)/minivid make "$$PROMPT"

# notebooks side by side, each on one core: two that share their threads would wait for each other
test: lint  ## lint, then the tests, then every notebook against its stored outputs
	$(BIN)/pytest -n auto --maxprocesses 4 tests
	@if [ -n "$(NOTEBOOKS)" ]; then set -x; \
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadscope \
	  --nbval --nbval-current-env --nbval-cell-timeout=300 \
	  --nbval-sanitize-with tests/sanitize.cfg $(NOTEBOOKS); \
	else echo "course/ has no notebook yet"; fi

lint: $(STAMP)  ## ruff over everything
	$(BIN)/ruff check .

mutants: $(STAMP)  ## break the package on purpose, and see that the lessons notice (an hour)
	$(BIN)/python tests/mutants.py

train: $(STAMP)  ## train a network: make train NAME=autoencoder
	$(BIN)/minivid train $(NAME)

bench: $(STAMP)  ## how fast this computer is
	$(BIN)/minivid bench

notebooks: $(STAMP)  ## run every notebook again and store its outputs
	$(BIN)/python tests/execute.py $(NOTEBOOKS)
