"""One file for each stored table: ``run(seed, device) -> rows``. ``python -m experiments NAME`` runs it and keeps the rows.

A study that takes long is made of parts: ``parts()`` names them, ``run_part(part, seed, device)`` gives the rows of one, and
``joined(rows of each part, in order)`` makes the table of them; without it, they follow each other. ``sources()`` names the real
pictures that it rests on, and ``SMALL`` the constants of a quick trial: ``{"PICTURES": 28, "_families.NOVEL": …}``.
"""
