"""One file for each stored table: ``run(seed, device) -> rows``. ``python -m studies NAME`` runs it and keeps the rows."""
