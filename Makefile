# The whole project in a few commands. They need python3 (3.11 to 3.13), git and make; the rest goes into .venv.
#
#   make book                build the course and say which page to open
#   make test                build it, then test the library, the notebooks and the pages
#   make test-lib            test the library alone, in two minutes and without a build: the quick loop while coding
#   make test-slow           build it, then run the tests that `make test` leaves out because they take long
#   make book TORCH=cpu      the same with PyTorch for the processor alone: gigabytes less, for a machine without a GPU
#   make slides              a deck for each chapter and each route, from the chapters as they last ran
#   make pdf                 the whole book in one file to print, by Chromium; no TeX
#   make bundle              book, notebooks, slides and library in one file, for a classroom without a network
#   make lab                 open the chapters in JupyterLab
#   make chapter N=1         run and draw one chapter only: the quick loop while writing
#   make store-outputs       run the chapters, keep the outputs that tests compare, collapse the advanced sections
#   make weights             train the shipped networks again
#   make reproduce           make every stored result again; STUDIES=… JOBS=4 SMALL=1 DEVICE=cuda
#   make bench               measure speed and memory
#   make links               try every link that leads out of the pages
#   make set-repo-url URL=…  say where this project lives; buttons and setup cells follow
#   make release VERSION=… write a version wherever it is said; CONTRIBUTING.md has the list
#   make clean               forget what was built (the environment in .venv stays)

PYTHON ?= python3
PY := .venv/bin/python
BUILD := $(PY) -c 'from jupyter_book.cli.main import main; main()' build .
PYTEST := $(PY) -m pytest --timeout=600 -n 2
LIBRARY := data networks gradients measures foundations information uncertainty expectancy
# Said once, when the environment is made; it is remembered there.
TORCH ?= $(shell cat .venv/torch 2>/dev/null)
CPU_INDEX := https://download.pytorch.org/whl/cpu

# One thread each: several small networks on a shared machine then run many times faster than with two.
export OMP_NUM_THREADS := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1

.DEFAULT_GOAL := book
.PHONY: book test test-lib test-slow slides pdf bundle lab chapter store-outputs weights reproduce bench links set-repo-url release clean

book: .venv/.ready
	$(BUILD) -W -n --keep-going
	@echo && echo "The course is built. Open $(CURDIR)/_build/html/index.html"

slides: book
	$(PY) -m tools.make_slides

pdf: book
	$(PY) -m tools.make_pdf

bundle: slides
	$(PY) -m tools.make_bundle

# Doctests run in the library, nbval runs every cell of every chapter; both in one pytest, so that one line says it all.
test: slides
	$(PYTEST) tests tutorial_lib chapters -m "not slow" --dist loadfile --doctest-modules \
		--nbval-lax --nbval-current-env --nbval-cell-timeout=180

test-lib: .venv/.ready
	$(PYTEST) $(LIBRARY:%=tests/%) tests/fuzz tests/test_names.py tests/test_folder.py tests/test_house.py \
		$(LIBRARY:%=tutorial_lib/%) -m "not slow" --doctest-modules

test-slow: slides
	$(PYTEST) tests -m slow --dist loadfile

lab: .venv/.ready
	$(PY) -m jupyterlab chapters

# A build of its own, in its own folder: the page is right, links to other pages lead nowhere.
chapter: .venv/.ready
	@ls chapters/0$(N)-*.ipynb >/dev/null 2>&1 || { echo "make chapter needs a number: make chapter N=1"; exit 2; }
	@mkdir -p _build/chapter
	@printf 'format: jb-book\nroot: %s\n' "$$(ls chapters/0$(N)-*.ipynb)" > _build/chapter/toc.yml
	@sed -e 's/^only_build_toc_files: false/only_build_toc_files: true/' -e 's|: ./$$|: ../../|' _config.yml > _build/chapter/config.yml
	$(BUILD) -q --toc _build/chapter/toc.yml --config _build/chapter/config.yml --path-output _build/chapter
	@echo && echo "Open $(CURDIR)/_build/chapter/_build/html/index.html"

store-outputs: .venv/.ready
	$(PY) -m tools.store_outputs chapters/*.ipynb
	$(PY) -m docs_ext.advanced_sections chapters/*.ipynb

weights: .venv/.ready
	$(PY) -m experiments weights

# Stop it when you like: the same command goes on where it was.
reproduce: .venv/.ready
	$(PY) -m experiments $(or $(STUDIES),all) $(if $(JOBS),--jobs $(JOBS)) $(if $(SMALL),--small) $(if $(DEVICE),--device $(DEVICE))

bench: .venv/.ready
	$(PY) -m benchmarks

links: .venv/.ready
	$(BUILD) --builder linkcheck --path-output _build/links

set-repo-url: .venv/.ready
	@$(PY) -m tools.repo_url "$(URL)"

release: .venv/.ready
	@$(PY) -m tools.bump_version "$(VERSION)"

clean:
	rm -rf _build chapters/_api .pytest_cache dist *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# The environment: made once, made again when the lock or the package's description changes.
# uv installs in a fraction of pip's time; where it cannot (a mirror that only pip is told of), pip does it.
.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || \
		{ echo "This course needs Python 3.11, 3.12 or 3.13; '$(PYTHON)' is $$($(PYTHON) -V 2>/dev/null || echo not there). Name another one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "This Python cannot make environments: its venv module is missing. On Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }
	@[ -x .venv/bin/pip ] || $(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check uv || echo "uv is not at hand; pip will do."
ifeq ($(TORCH),cpu)
	@$(PY) -m tools.cpu_lock requirements.lock > .venv/cpu.lock
	@$(PY) -m tools.cpu_lock --torch requirements.lock > .venv/cpu-torch.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --index-url $(CPU_INDEX) -r .venv/cpu-torch.lock || \
		{ echo "PyTorch for the processor alone comes from $(CPU_INDEX), which cannot be reached from here, or lacks these versions."; \
		  echo "Try again where it can be reached, or leave TORCH=cpu away: make book"; exit 1; }
	$(PY) -m uv pip install --quiet --python $(PY) --no-deps -r .venv/cpu.lock || \
		$(PY) -m pip install --disable-pip-version-check --no-deps -r .venv/cpu.lock
	@echo cpu > .venv/torch
else
	$(PY) -m uv pip install --quiet --python $(PY) -r requirements.lock || \
		$(PY) -m pip install --disable-pip-version-check -r requirements.lock
	@rm -f .venv/torch
endif
	$(PY) -m uv pip install --quiet --python $(PY) --no-deps -e . || \
		$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@
