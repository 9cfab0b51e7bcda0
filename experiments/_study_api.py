"""Access an experiment as parts that can be run anywhere and in any order."""

from importlib import import_module
from types import ModuleType

SINGLE_PART = "all"


def load_study(name: str, small: bool = False) -> ModuleType:
    """Return the module of an experiment; ``small`` sets the constants of its trial run for the rest of this process.

    Raises:
        LookupError: the experiment has no small trial run.
    """
    study = import_module(f"experiments.{name}")
    if small:
        if not hasattr(study, "SMALL"):
            raise LookupError(f"{name} has no small trial run: add a dictionary SMALL of its constants")
        for place, value in study.SMALL.items():
            module, _, constant = place.rpartition(".")
            owner = import_module(f"experiments.{module}") if module else study
            getattr(owner, constant)  # raises for a name that has moved
            setattr(owner, constant, value)
    return study


def part_names(study: ModuleType) -> list[str]:
    """Return the names of the parts in the order of the table; an experiment without parts has a single one."""
    return list(study.part_names()) if hasattr(study, "part_names") else [SINGLE_PART]


def run_rows(study: ModuleType, part: str, seed: int, device) -> list[dict]:
    """Return the rows of one part."""
    return study.run_part(part, seed, device) if hasattr(study, "part_names") else study.run(seed, device)


def join_rows(study: ModuleType, rows_by_part: list[list[dict]]) -> list[dict]:
    """Return the rows of the table from those of the parts, in the order of the parts."""
    if hasattr(study, "join_parts"):
        return study.join_parts(rows_by_part)
    return [row for rows in rows_by_part for row in rows]


def data_sources(study: ModuleType) -> list[dict]:
    """Return the descriptions of the data sets that an experiment depends on."""
    return study.data_sources() if hasattr(study, "data_sources") else []
