# The commands of the project. They need python3 (3.11 to 3.13), git and make; everything else is installed into .venv.
#
#   make book                build the course and print which page to open
#   make test                build the course, then test the library, the notebooks and the pages
#   make test-lib            test the library alone, without a build
#   make lint                check format, style, types, docstrings and spelling
#   make lock                update the lock files after a change of dependencies
#   make overview-figure     plot the figure at the top of README.md
#   make test-gpu            run the tests marked `gpu` on a GPU with CUDA, or without one on an emulated device, as `make test` does
#   make test-accelerator    run all chapters on a GPU with CUDA, or without one on an emulated device
#   make test-slow           build the course, then run the slow tests that `make test` omits
#   make book TORCH=cpu      build with the CPU version of PyTorch, which is several gigabytes smaller; this download was not tested
#   make slides              write a slide deck for each chapter and each route, from the outputs of the last build
#   make pdf                 export the whole book to one PDF, with Chromium
#   make bundle              pack book, notebooks, slides and library into one file, for a classroom without an internet connection
#   make lab                 open the chapters in JupyterLab
#   make chapter N=1         build one chapter only, while writing it
#   make store-outputs       run the chapters, store the outputs that tests compare, collapse the advanced sections
#   make weights             train the shipped networks again
#   make reproduce           recompute every stored result; STUDIES=… JOBS=4 SMALL=1 DEVICE=cuda
#   make bench               measure speed and memory
#   make links               check every external link of the pages
#   make set-repo-url URL=…  write the address of the repository; buttons and setup cells use it
#   make release VERSION=…   write a version everywhere it is stated; see CONTRIBUTING.md
#   make clean               delete everything that was built, except the environment in .venv

PYTHON ?= python3
PY := .venv/bin/python
BUILD := $(PY) -c 'from jupyter_book.cli.main import main; main()' build .
COMPILE := --universal --python-version 3.11 --no-header --no-annotate
BUMP := bump-my-version@1.8.1
PYTEST := $(PY) -m pytest --timeout=600 -n 2 --durations=30
# Set once, when the environment is created, and stored there.
TORCH ?= $(shell cat .venv/torch 2>/dev/null)

# One thread per process: on a shared machine, several small networks run many times faster than with two.
export OMP_NUM_THREADS := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1
# Matplotlib keeps its list of fonts here and not in the home folder, where another environment or a personal style can change the figures.
export MPLCONFIGDIR := $(CURDIR)/.venv/matplotlib
# Every notebook and many tests start Python anew. Compiled modules are stored in the environment, even where PYTHONDONTWRITEBYTECODE
# keeps them out of the source folders, because each process would otherwise compile PyTorch and the other packages again.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/pycache

.DEFAULT_GOAL := book
.PHONY: book test test-lib test-gpu test-accelerator test-slow lint lock overview-figure slides pdf bundle lab chapter store-outputs weights reproduce bench links set-repo-url release clean

book: .venv/.ready
	$(BUILD) -W -n --keep-going
	@echo && echo "The course is built. Open $(CURDIR)/_build/html/index.html"

slides: book
	$(PY) -m tools.make_slides

pdf: book
	$(PY) -m tools.make_pdf

bundle: slides
	$(PY) -m tools.make_bundle

# Doctests of both packages and, with nbval, every cell of every chapter, in one run of pytest with one summary; then the tests for a GPU.
test: slides
	$(PYTEST) tests tutorial_lib tutorial_course chapters -m "not slow and not gpu" --dist loadfile --doctest-modules \
		--nbval-lax --nbval-current-env --nbval-cell-timeout=180
	$(MAKE) test-gpu

test-lib: .venv/.ready
	$(PYTEST) -p no:nbval tests/library tutorial_lib -m "not slow and not gpu" --doctest-modules

# In processes of their own, because PyTorch registers a device for a whole process, and before its first backward pass.
test-gpu: .venv/.ready
	$(PYTEST) -p no:nbval -p tests.accelerator.plugin -m gpu $$(grep -rl 'accelerator[,)]' --include='test_*.py' tests)

test-accelerator: .venv/.ready
	$(PY) -m tests.accelerator.run_chapter chapters/*.ipynb

test-slow: slides .venv/.snakemake
	$(PYTEST) tests -m slow --dist loadfile

lint: .venv/.ready
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pydoclint.main --quiet tutorial_lib tutorial_course
	$(PY) -m codespell_lib

lock: .venv/.ready
	$(PY) -m uv pip compile pyproject.toml --extra book --extra test --extra lint $(COMPILE) -o requirements.lock
	$(PY) -m uv pip compile pyproject.toml --extra experiments -c requirements.lock $(COMPILE) | grep -vxFf requirements.lock > requirements-experiments.lock

lab: .venv/.ready
	$(PY) -m jupyterlab chapters

# A separate build in its own folder: the page is complete, but its links to other pages are broken.
chapter: .venv/.ready
	@ls chapters/0$(N)-*.ipynb >/dev/null 2>&1 || { echo "Please give the number of a chapter from 1 to 5, for example: make chapter N=1"; exit 2; }
	@mkdir -p _build/chapter
	@printf 'format: jb-book\nroot: %s\n' "$$(ls chapters/0$(N)-*.ipynb)" > _build/chapter/toc.yml
	@sed -e 's/^only_build_toc_files: false/only_build_toc_files: true/' -e 's|: ./$$|: ../../|' _config.yml > _build/chapter/config.yml
	$(BUILD) -q --toc _build/chapter/toc.yml --config _build/chapter/config.yml --path-output _build/chapter
	@echo && echo "Open $(CURDIR)/_build/chapter/_build/html/index.html"

store-outputs: .venv/.ready
	$(PY) -m tools.store_outputs chapters/*.ipynb
	$(PY) -m docs_ext.advanced_sections chapters/*.ipynb

overview-figure: .venv/.ready
	$(PY) -m tools.make_overview_figure

weights: .venv/.ready
	for study in train_sign_networks train_sign_transformer train_quality_network model_card; do \
		$(PY) -m experiments $$study || exit 1; \
	done

# It can be interrupted at any time: the same command resumes where it stopped. SNAKEMAKE=… passes further options.
reproduce: .venv/.snakemake
	$(PY) -m snakemake --snakefile experiments/Snakefile --jobs $(or $(JOBS),1) $(SNAKEMAKE) \
		--config studies="$(or $(STUDIES),all)" $(if $(SMALL),small=1) $(if $(DEVICE),device=$(DEVICE))

bench: .venv/.ready
	$(PY) -m benchmarks

links: .venv/.ready
	$(BUILD) --builder linkcheck --path-output _build/links

set-repo-url: .venv/.ready
	@$(PY) -m tools.repo_url "$(URL)"

release: .venv/.ready
	@echo "$(VERSION)" | grep -Eqx '[0-9]+\.[0-9]+\.[0-9]+(\.dev0)?' || \
		{ echo "Please give a version, for example: make release VERSION=1.2.0, and afterwards: make release VERSION=1.3.0.dev0"; exit 2; }
	@$(PY) -m uv tool run --quiet $(BUMP) bump $(if $(findstring .dev,$(VERSION)),minor,stage) --new-version "$(VERSION)"
	@$(PY) -m tools.repo_url
	@echo "The version is now $(VERSION)."
	$(if $(findstring .dev,$(VERSION)),,@echo 'Publish it: make test && git commit -am "Version $(VERSION)" && git tag v$(VERSION) && git push origin HEAD v$(VERSION)')

clean:
	rm -rf _build .snakemake chapters/_api .pytest_cache dist *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# Snakemake, in versions that leave the packages of the course as they are.
.venv/.snakemake: .venv/.ready requirements-experiments.lock
	$(PY) -m uv pip install --quiet --python $(PY) --no-deps -r requirements-experiments.lock || \
		$(PY) -m pip install --disable-pip-version-check --no-deps -r requirements-experiments.lock
	@touch $@

# The environment is created once, and again when the lock file or pyproject.toml changes.
# uv installs much faster than pip; where uv fails (for example with a mirror that only pip is configured for), pip is used.
# With TORCH=cpu, uv chooses the CPU version of PyTorch and leaves out the packages that only a GPU needs. This has not been tested
# with a completed download. The lock file limits the versions.
.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || \
		{ echo "This course needs Python 3.11, 3.12 or 3.13, but '$(PYTHON)' is $$($(PYTHON) -V 2>/dev/null || echo not installed). Please choose another Python: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "This Python cannot create environments, because its module venv is missing. On Debian or Ubuntu, install it with: sudo apt install python3-venv"; exit 1; }
	@echo "Installing the packages into .venv. This is done once and can take several minutes without further messages."
	@[ -x .venv/bin/pip ] || $(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check uv || echo "uv could not be installed. Therefore pip installs the packages, which takes longer."
ifeq ($(TORCH),cpu)
	@$(PY) -m uv pip install --quiet --python $(PY) --torch-backend=cpu -c requirements.lock -e ".[book,test,lint]" || \
		{ echo "The CPU version of PyTorch was not installed. Please check that your network can reach PyTorch's own package index,"; \
		  echo "or install the version with CUDA, which also runs without a GPU: make book TORCH="; exit 1; }
	@echo cpu > .venv/torch
else
	$(PY) -m uv pip install --quiet --python $(PY) -r requirements.lock || \
		$(PY) -m pip install --disable-pip-version-check -r requirements.lock
	$(PY) -m uv pip install --quiet --python $(PY) --no-deps -e . || \
		$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@rm -f .venv/torch
endif
	@rm -rf $(MPLCONFIGDIR) && $(PY) -c 'import matplotlib.font_manager'  # writes the list before several notebooks need it at once
	@touch $@
