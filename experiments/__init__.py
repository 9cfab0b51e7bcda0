"""The experiments, one module for each stored table: ``python -m experiments NAME`` runs one and stores its rows.

Every experiment has ``run(seed, device)``, which returns the rows. A long experiment is made of parts: ``part_names()``
returns their names, ``run_part(part, seed, device)`` the rows of one, and ``join_parts(rows_of_each_part)`` the table;
without it, the rows are concatenated in the order of the parts. ``data_sources()`` describes the data sets that the
table depends on, and ``SMALL`` holds the constants of a small trial run, for example ``{"N_IMAGES": 28,
"_image_groups.NOVEL_SIGNS": …}``.
"""
