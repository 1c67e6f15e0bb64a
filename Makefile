# Short names for the commands of CONTRIBUTING.md.

PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)

.DEFAULT_GOAL := help
.PHONY: help check test slow long golden bench docs

help: ## list the targets
	@sed -n 's/^\([a-z]*\): ## /\1|/p' Makefile | awk -F'|' '{ printf "make %-8s %s\n", $$1, $$2 }'

check: ## formatting, lint, types and layers: seconds
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -c "from importlinter.cli import lint_imports_command as run; run()" --no-cache --no-logo

test: ## the tests but the slow ones
	$(PYTHON) -m pytest -n 2

slow: ## every test
	$(PYTHON) -m pytest -n 4 --slow

long: ## every test with all of its sizes
	$(PYTHON) -m pytest -n 4 --long

golden: ## write the golden screens anew, after a wanted change
	GOLDEN=write $(PYTHON) -m pytest tests/tui/test_golden.py tests/terminal/test_matrix.py tests/core/circuit/test_golden.py
	git diff --stat -- tests/tui/golden tests/terminal/golden tests/core/circuit/golden

bench: ## a tenth of every benchmark: a first impression
	$(PYTHON) benchmarks/all.py --percent 10

docs: ## build the docs site into site/, and check its links
	$(PYTHON) -m mkdocs build --strict
