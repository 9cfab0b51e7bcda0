"""Execute the notebooks of a build two at a time, before Sphinx reads them one after the other.

The outputs are stored in the cache, from which MyST-NB takes them when Sphinx reads the pages. Two notebooks at a time
use two cores, and at most twice the memory that a chapter may use.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from myst_nb.core.execute import create_client
from sphinx.util import logging

from docs_ext.execution_stats import append_measurement_cell

N_KERNELS = 2


def execute_notebooks(app, env, docnames):
    """Execute the notebooks among the pages that are read next, unless their outputs are cached."""
    config = env.mystnb_config
    if config.execution_mode != "cache":
        return
    get_cache(config.execution_cache_path).list_cache_records()  # creates the database before two threads need it

    def execute(path, notebook):
        with create_client(notebook, path, config, logging.getLogger(__name__)):
            pass

    with ThreadPoolExecutor(N_KERNELS) as threads:
        runs = []
        for docname in sorted(docnames):
            path = env.doc2path(docname)
            if path.endswith(".ipynb"):
                source = [Path(path).read_text(encoding="utf-8")]
                append_measurement_cell(app, docname, source)  # because the key of the cache depends on all cells
                runs.append(threads.submit(execute, path, nbformat.reads(source[0], as_version=4)))
        for run in runs:
            run.result()


def setup(app):
    """Register the extension."""
    app.connect("env-before-read-docs", execute_notebooks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
