# make demo    set up, run the default configuration, say where the figures are
# make test    set up, run the test suite
# make test-slurm  set up, start a Slurm of one node (root; Debian's packages), run the tests on it
# make bench   set up, run the benchmarks, write benchmarks/out/figures.json, say which failed
# make families  set up, run every family of codes, draw docs/figures/families.png (half an hour)
# make figures  set up, run the default configuration, copy its figures to docs/figures
# make notebook  set up, run the default configuration, execute docs/example.ipynb on it
# make docs    set up, build the documentation site: site/index.html
# make check   set up, run the linters and the type checker
# VENV=path    the virtual environment to use or make (7 GB), so that clones can share one
VENV ?= .venv
PYTHON ?= python3
CORES ?= all
$(if $(word 2,$(VENV)),$(error VENV is $(VENV), expected a path without blanks, at which make would split it; name another))
BIN := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/workflow
READY := $(VENV)/.ready-$(shell cat envs/requirements*.txt pyproject.toml | cksum | tr ' ' -)

.PHONY: demo test test-slow test-slurm bench families figures notebook docs check format install

demo: install
	snakemake --cores $(CORES)
	@echo "Figures: $(CURDIR)/results/digits/figures"
	@echo "Tables:  $(CURDIR)/results/digits/influence and results/digits/frechet"
	@echo "Report:  snakemake --report report.html (from the environment $(VENV))"

test: install check
	pytest

test-slow: install
	pytest -m slow

test-slurm: install
	tests/slurm/slurm_up.sh
	pytest -m slurm --numprocesses 5 --dist load tests/slurm; \
	  status=$$?; tests/slurm/slurm_up.sh down; exit $$status

# cost.py counts with what the first one finds; the last one says which figures are of another commit.
bench: FIRST := benchmarks/screening.py
bench: LAST := benchmarks/machine.py
bench: install
	failed=; for program in $(FIRST) $(filter-out $(FIRST) $(LAST),$(sort $(wildcard benchmarks/*.py))) $(LAST); do \
	  python $$program || failed="$$failed $$program"; \
	done; \
	test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

families: install
	python studies/families.py

OF_DIGITS := aliasing attribution code evidence gains influence landscape samples
figures: install
	snakemake --cores $(CORES)
	cp $(OF_DIGITS:%=results/digits/figures/%.png) docs/figures

notebook: install
	snakemake --cores $(CORES)
	jupyter nbconvert --to notebook --execute --inplace \
	  --ExecutePreprocessor.record_timing=False docs/example.ipynb

docs: install
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

check: install
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules studies
	mypy
	snakemake --lint
	snakemake --lint --snakefile studies/Snakefile

format: install
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/rules studies

install: $(READY)

$(READY):
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python %s found, 3.11 or newer needed; name one with make PYTHON=..." % sys.version.split()[0])'
	test -x "$(BIN)/python" || $(PYTHON) -m venv "$(VENV)"
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check \
	  -r envs/requirements.txt -r envs/requirements-dev.txt
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	rm -f "$(VENV)"/.ready-*
	touch "$@"
