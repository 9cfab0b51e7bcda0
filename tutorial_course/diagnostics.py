"""The check of the environment: the device, the versions of Python and packages, and the data that chapters show."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from tutorial_lib.runtime import COLAB_GPU_HINT, best_device, describe_device, in_colab

OK, NOTE, PROBLEM = "✓", "·", "✗"
# The mark, the result in words, and the command or call that changes it, which is empty if nothing needs to change.
Finding = tuple[str, str, str]


@dataclass(frozen=True, repr=False)
class Report:
    """The results of the check; prints as text.

    Attributes:
        findings: the mark, the text and the fix of each result.
    """

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> list[str]:
        """What must be fixed, and how; empty if nothing."""
        return [f"{text} → {fix}" for mark, text, fix in self.findings if mark == PROBLEM]

    def __repr__(self) -> str:
        lines = [f"{mark} {text}" + f"\n    {fix}" * bool(fix) for mark, text, fix in self.findings]
        return "\n".join([*lines, f"Problems to fix: {len(self.problems)}."])


def check_environment() -> Report:
    """Check the device, the versions and the data, and give the command that fixes each problem.

    Missing data are a note and not a problem, because the chapters show stored results instead. The check needs no
    network and downloads nothing.

    Returns:
        The results of the check.

    Example:
        >>> report = check_environment()
        >>> problems, text = report.problems, str(report)
    """
    return Report((*_check_device(), *_check_versions(), *_check_data()))


def _check_device() -> Iterator[Finding]:
    """The device that the chapters use, and a GPU that this PyTorch cannot use."""
    device = best_device()
    hint = COLAB_GPU_HINT if device.type == "cpu" and in_colab() else ""
    yield NOTE if hint else OK, f"device: {describe_device(device)}", hint
    if device.type != "cuda" and shutil.which("nvidia-smi"):
        yield (
            NOTE,
            f"torch {torch.__version__} (CUDA {torch.version.cuda}) cannot use the NVIDIA GPU of this machine",
            "rm -r .venv && make book, if TORCH=cpu was chosen; otherwise update the NVIDIA driver",
        )


def _check_versions() -> Iterator[Finding]:
    """Python, and the packages that the library and the notebooks require, with their lowest versions."""
    try:
        declared = metadata.metadata("tutorial-lib")
    except metadata.PackageNotFoundError:
        folder = Path(__file__).parents[1]
        yield PROBLEM, "tutorial-lib is not installed", _install_command(f"{folder}[course]")
        return
    versions = [f"python {sys.version.split()[0]}"]
    for requirement in declared.get_all("Requires-Dist") or []:
        requirement, _, marker = requirement.partition(";")
        if marker and marker.split("==")[-1].strip(" '\"") != "course":  # an extra that the notebooks do not need
            continue
        name, lowest = re.match(r"([\w.-]+)>=([\d.]+)", requirement).groups()
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield PROBLEM, f"{name} is missing", _install_command(requirement.strip())
            continue
        if _release(version) < _release(lowest):
            yield PROBLEM, f"{name} {version} is older than {lowest}", _install_command(requirement.strip())
        else:
            versions.append(f"{name} {version}")
    yield OK, ", ".join(versions), ""


def _release(version: str) -> list[int]:
    """The numbers of a version, such as [2, 10, 1] for 2.10.1+cu121."""
    return [int(number) for number in re.match(r"[\d.]*", version)[0].split(".") if number]


def _install_command(requirement: str) -> str:
    """The command that installs a package into this Python."""
    if in_colab():
        return f'%pip install "{requirement}" in a cell, then menu Runtime → Restart session'
    return f'"{sys.executable}" -m pip install "{requirement}"'


def _check_data() -> Iterator[Finding]:
    """The datasets and weights that the chapters show in addition to the synthetic traffic signs."""
    folder = os.environ.get("TUTORIAL_DATA")
    if folder and not Path(folder).is_dir():
        yield PROBLEM, f"TUTORIAL_DATA names {folder}, which is not a folder", f'mkdir -p "{folder}"'
    try:
        from tutorial_course import datasets
        from tutorial_lib import data, models

        pretrained = models.is_pretrained_available, models.weights_download_hint
        for name, is_available, hint in (
            ("cifar10", data.is_available, data.download_hint),
            ("cifar10/resnet20", *pretrained),
            ("imagenet/squeezenet1_1", *pretrained),
            ("osie", datasets.fixations_available, datasets.fixations_install_hint),
            ("live", datasets.iqa_dataset_available, datasets.iqa_install_hint),
        ):
            if is_available(name):
                yield OK, f"{name} is available", ""
            else:
                yield NOTE, f"{name} is not available", hint(name)
    except ImportError as error:
        yield PROBLEM, f"the data cannot be checked ({error})", _install_command(error.name or "torchvision")
    except (OSError, RuntimeError) as error:  # for example, a user without a home folder
        yield PROBLEM, f"the data folder cannot be read ({error})", "export TUTORIAL_DATA=<folder>"


def are_available(*datasets: str, weights: str | None = None) -> bool:
    """Return whether datasets and published weights are available.

    A chapter calls this before it shows real images, and shows its stored results otherwise. Because Colab starts with
    an empty disk and has a fast connection, missing files are fetched there first. If a host does not answer, one line
    is printed.

    Args:
        *datasets: names of datasets, of which the test split is needed.
        weights: name of published weights; None needs none.

    Returns:
        Whether all of them are available.

    Raises:
        ValueError: an unknown name, or a file that is available and corrupt.

    Example:
        >>> are_available("digits")
        True
    """
    from tutorial_lib import data, models

    if in_colab():
        try:
            for name in datasets:
                data.load(name, limit=1)
            if weights:
                models.load_pretrained(weights)
        except FileNotFoundError as error:
            print(str(error).partition("\n")[0])
            return False
    return all(map(data.is_available, datasets)) and (weights is None or models.is_pretrained_available(weights))
