"""A study as parts that can be computed anywhere, in any order: their names, the rows of one, and the table of all."""

from importlib import import_module
from types import ModuleType

SINGLE_PART = "all"


def load_study(name: str, small: bool = False) -> ModuleType:
    """The module of a study; ``small``: with the constants of its quick trial, for the rest of this process.

    Raises:
        LookupError: a quick trial is asked for and the study has none.
    """
    study = import_module(f"experiments.{name}")
    if small:
        if not hasattr(study, "SMALL"):
            raise LookupError(f"{name} has no small setting: give it a dictionary SMALL of its constants")
        for place, value in study.SMALL.items():
            module, _, constant = place.rpartition(".")
            owner = import_module(f"experiments.{module}") if module else study
            getattr(owner, constant)  # a name that has moved must not pass unnoticed
            setattr(owner, constant, value)
    return study


def part_names(study: ModuleType) -> list[str]:
    """The names of its parts, in the order of the table; a study without any is one part."""
    return list(study.parts()) if hasattr(study, "parts") else [SINGLE_PART]


def run_rows(study: ModuleType, part: str, seed: int, device) -> list[dict]:
    return study.run_part(part, seed, device) if hasattr(study, "parts") else study.run(seed, device)


def join_rows(study: ModuleType, found: list[list[dict]]) -> list[dict]:
    """The rows of the table from those of every part, in the order of the parts."""
    return study.joined(found) if hasattr(study, "joined") else [row for rows in found for row in rows]


def data_sources(study: ModuleType) -> list[dict]:
    return study.sources() if hasattr(study, "sources") else []
