"""The experiments, one module for each stored table: ``python -m experiments NAME`` runs one and stores its rows.

A short experiment has ``run(seed, device)``, which returns the rows. A long experiment is made of parts instead:
``part_names()`` returns their names and ``run_part(part, seed, device)`` the rows of one. ``join_parts(rows_by_part)``
returns the table; without it, the rows are concatenated in the order of the parts. ``data_sources()`` describes the
data sets that the table depends on, and ``SMALL`` holds the constants of a small trial run, for example ``{"N_IMAGES":
28, "_image_groups.NOVEL_SIGNS": …}``.
"""

from pathlib import Path

# The folder of finished parts, relative to the current folder as every path of the Snakefile.
WORK_DIR = Path("_build") / "reproduce"
