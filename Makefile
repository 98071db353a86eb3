# Everything a developer does here; `make` lists it.
# The environment is .venv; it is made once and again only when pyproject.toml changes.

PYTHON ?= python3
PROMPT ?= a hamster in a sombrero
# Further options of the command, such as ARGS="--seed 7".
ARGS ?=
export PROMPT

VENV := .venv
RUN := $(VENV)/bin
INSTALL := @bash scripts/install_packages.sh $(RUN)/python --constraint constraints.txt
USE_STAMP := $(VENV)/.installed
SERVE_STAMP := $(VENV)/.installed-serve
DEV_STAMP := $(VENV)/.installed-dev
PAGE_STAMP := node_modules/.installed

.DEFAULT_GOAL := help
.PHONY: help draw serve teach test check peer page format imports types policy unit parity parity-table licence-table pictures bench corpus bias train lock sbom clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

draw: $(USE_STAMP) ## Draw nine pictures: make draw PROMPT="a red apple"
	@$(RUN)/ninefold draw $(ARGS) -- "$$PROMPT"

serve: $(SERVE_STAMP) ## Serve pages and APIs at http://127.0.0.1:8000: make serve ARGS="--model mini"
	@$(RUN)/ninefold serve $(ARGS)

teach: $(USE_STAMP) ## Teach pocket your own pictures: make teach FROM=mine PROMPT="tom in the snow"
	@test -n "$(FROM)" || { echo "Say which pictures: make teach FROM=FOLDER, of name.jpg and name.txt"; exit 2; }
	@$(RUN)/ninefold corpus build --from "$(FROM)"
	@$(RUN)/ninefold train finetune --out runs/taught
ifneq ($(origin PROMPT),file)
	@$(RUN)/ninefold draw --seed 7 --out pictures/before -- "$$PROMPT"
	@$(RUN)/ninefold draw --seed 7 --out pictures/after --model runs/taught -- "$$PROMPT"
endif
	@echo "Draw with it: make draw ARGS='--model runs/taught' PROMPT=\"...\""

test: check policy unit peer ## All checks and tests, as CI runs them

check: $(DEV_STAMP) page ## Format, lint, types, layers, spelling
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/codespell src tests docs scripts benchmarks examples *.md Makefile

policy: $(DEV_STAMP) ## Precision and recall of the prompt policy; fails below its limits
	$(RUN)/ninefold policy test

unit: $(DEV_STAMP) $(PAGE_STAMP) ## Tests with branch coverage
	bash scripts/install_compiler.sh
	bash scripts/install_postgresql.sh
	PYTHON=$(RUN)/python bash scripts/install_client_tools.sh
	$(RUN)/pytest --cov --cov-report=
	$(RUN)/coverage report --fail-under=90
	$(RUN)/coverage report --include='*/generation/*,*/checkpoints/*,*/text/*' --fail-under=95

peer: $(DEV_STAMP) ## Our engine beside min-dalle from the package index, at a tiny size
	$(RUN)/python benchmarks/draw_nine.py --model tiny --images 1,9 --prompts 1

page: $(PAGE_STAMP) ## The page's modules: eslint, types (tsc), node --test
	npm run --silent lint
	npm run --silent types
	npm run --silent test

format: $(DEV_STAMP) ## Format the code and sort its imports
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

imports: $(DEV_STAMP) ## The layers, held by import-linter
	$(RUN)/lint-imports

types: $(DEV_STAMP) ## mypy --strict
	$(RUN)/mypy

parity: $(DEV_STAMP) ## Compare with the reference packages from the package index
	PYTHONPATH=. $(RUN)/python scripts/parity_references.py

parity-table: $(DEV_STAMP) ## Write the table of docs/models.md anew
	PYTHONPATH=. $(RUN)/python scripts/parity_table.py

licence-table: $(DEV_STAMP) ## Write the licence table of MODEL_CARD.md anew
	$(RUN)/python scripts/licence_table.py

pictures: $(DEV_STAMP) ## Draw the contact sheets of docs/pictures anew
	$(RUN)/python scripts/draw_contact_sheets.py

bench: $(DEV_STAMP) ## Memory and time of converting a checkpoint of mega's size
	$(RUN)/python benchmarks/convert_mega.py

corpus: $(DEV_STAMP) ## Fetch and render pocket's corpus (needs npm)
	$(RUN)/ninefold corpus build

bias: $(DEV_STAMP) ## What pocket shows of people: table, plot and the page's notice, for a release
	$(RUN)/ninefold audit bias --seeds 200 --threads 1 --release

train: corpus ## Train pocket from nothing; goes on where it stopped
	$(RUN)/ninefold train pocket

lock: $(DEV_STAMP) ## Write constraints.txt anew, from this environment
	$(RUN)/python scripts/dependencies.py lock

sbom: $(DEV_STAMP) ## The bill of materials of a release: dist/sbom.cdx.json (CycloneDX)
	$(RUN)/python scripts/dependencies.py sbom dist/sbom.cdx.json

clean: ## Remove the environment and caches, keep trained runs
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Ninefold needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "Making an environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(USE_STAMP): export WHAT := Ninefold
$(SERVE_STAMP): export WHAT := what the service needs
$(DEV_STAMP): export WHAT := what development needs

$(USE_STAMP): pyproject.toml constraints.txt scripts/install_torch.sh | $(VENV)/bin/python
	@bash scripts/install_torch.sh $(RUN)/python
	$(INSTALL) --editable .
	@touch $@

$(SERVE_STAMP): $(USE_STAMP)
	$(INSTALL) --editable '.[serve]'
	@touch $@

$(DEV_STAMP): $(USE_STAMP)
	$(INSTALL) --editable '.[dev,train,serve]'
	@touch $@

$(PAGE_STAMP): package.json package-lock.json scripts/install_page_tools.sh
	bash scripts/install_page_tools.sh
	@touch $@
