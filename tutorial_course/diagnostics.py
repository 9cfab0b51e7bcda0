"""Checks of the environment, one function each: GPU, memory, versions, data folder, datasets, weights, hosts."""

import http.client
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tutorial_lib._download import DATA_ENV_VAR, resolve_data_dir
from tutorial_lib.runtime import COLAB_GPU_HINT, best_device, describe_device, in_colab

DISTRIBUTION_NAME = "tutorial-lib"

# Enough for every set but the largest two; below it downloads begin to fail half-way.
MIN_FREE_DISK_BYTES = 10**9

HOST_TIMEOUT_S = 3.0

# What a chapter may take at its peak; the book holds every run to it.
CHAPTER_MEMORY_BYTES = 3 * 10**9

# Where Linux says how much memory a new program can have.
PROC_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Finding:
    """One thing the doctor looked at: ``state`` is "ok", "note" or "problem"; ``cure`` says what to do."""

    state: str
    text: str
    fix: str = ""


@dataclass(frozen=True, repr=False)
class Report:
    """What the doctor found; prints as text."""

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> list[str]:
        """What must be mended, each with its cure; empty when all is well."""
        return [f"{found.text} → {found.fix}" for found in self.findings if found.state == "problem"]

    def __repr__(self) -> str:
        marks = {"ok": "✓", "note": "·", "problem": "✗"}
        lines = []
        for found in self.findings:
            lines.append(f"{marks[found.state]} {found.text}")
            if found.fix:
                lines.append(f"    {found.fix}")
        count = len(self.problems)
        lines.append(f"{count} problem{'s' * (count > 1)} (✗) to mend." if count else "All is well.")
        return "\n".join(lines)


def run_diagnostics(device: str, hint: str = "", *, colab: bool = False, network: bool = False) -> Report:
    """Look at everything; ``device`` is the one in use, in words, and ``hint`` how to come by a better one."""
    findings = [Finding("note" if hint else "ok", f"device: {device}", hint)]
    for organ in [
        check_gpu,
        check_memory,
        check_versions,
        check_data_dir,
        check_datasets,
        check_weights,
        *([check_hosts] if network else []),
    ]:
        try:
            findings += organ(colab) if organ is check_versions else organ()
        except ImportError as error:
            cure = "install what is missing, then ask again"
            findings.append(Finding("problem", f"{organ.__name__} cannot be looked at ({error})", cure))
    return Report(tuple(findings))


def check_gpu() -> Iterator[Finding]:
    """A graphics card that this PyTorch cannot use."""
    if torch.cuda.is_available() or not shutil.which("nvidia-smi"):
        return
    if torch.version.cuda is None:
        cure = "where .venv was made with TORCH=cpu: rm -r .venv, then make book; elsewhere install a PyTorch with CUDA"
        yield Finding(
            "note", f"there is an NVIDIA card, but torch {torch.__version__} is built for the processor alone", cure
        )
    else:
        cure = "nvidia-smi says what the driver can do: update it, then start Python anew"
        yield Finding("note", f"there is an NVIDIA card, but its driver does not serve CUDA {torch.version.cuda}", cure)


def check_memory() -> Iterator[Finding]:
    """What is left for a chapter, where the system says so."""
    if not PROC_MEMINFO.is_file():
        return
    said = dict(line.split(":", 1) for line in PROC_MEMINFO.read_text(encoding="ascii").splitlines())
    if "MemAvailable" in said:
        free = 1024 * int(said["MemAvailable"].split()[0])
        cure = (
            f"a chapter takes up to {CHAPTER_MEMORY_BYTES / 1e9:.0f} GB: shut down other notebooks first"
            if free < CHAPTER_MEMORY_BYTES
            else ""
        )
        yield Finding("note" if cure else "ok", f"memory: {free / 1e9:.1f} GB free", cure)


def install_command(what: str, colab: bool) -> str:
    """How a package is installed, where the reader is."""
    if colab:
        return f'in a cell: %pip install "{what}", then menu Runtime → Restart session'
    return f'"{sys.executable}" -m pip install "{what}"'


def check_versions(colab: bool = False) -> Iterator[Finding]:
    """Python and the packages the library needs, against the ranges it declares."""
    try:
        declared = metadata.metadata(DISTRIBUTION_NAME)
    except metadata.PackageNotFoundError:
        home = Path(__file__).parents[1]
        cure = f'"{sys.executable}" -m pip install -e "{home}"'
        yield Finding("problem", f"tutorial_lib is read from {home} but not installed", cure)
        return
    python, wanted = ".".join(map(str, sys.version_info[:3])), SpecifierSet(declared["Requires-Python"] or "")
    sound = [f"tutorial_lib {metadata.version(DISTRIBUTION_NAME)}"]
    if python in wanted:
        sound.append(f"python {python}")
    else:
        yield Finding("problem", f"python {python} is outside {wanted}", "install such a Python and start anew with it")
    for requirement in map(Requirement, declared.get_all("Requires-Dist") or []):
        if requirement.marker:  # extras: not needed by the library itself
            continue
        package, ranges = requirement.name, requirement.specifier
        cure = install_command(f"{package}{ranges}", colab)
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            yield Finding("problem", f"{package} is missing", cure)
            continue
        if ranges.contains(version, prereleases=True):
            sound.append(f"{package} {version}")
        else:
            yield Finding("problem", f"{package} {version} is outside {ranges}", cure)
    yield Finding("ok", ", ".join(sound))


def check_data_dir() -> Iterator[Finding]:
    """The data folder: is it there, may it be written, is there room."""
    path = resolve_data_dir()
    named = os.environ.get(DATA_ENV_VAR)
    if named and not path.is_dir():
        yield Finding("problem", f"{DATA_ENV_VAR} names {path}, which is no folder", f'mkdir -p "{path}", or unset it')
        return
    there = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    text = f"data folder: {path}, {free / 1e9:.1f} GB free"
    if not os.access(there, os.W_OK):
        yield Finding("note", f"{text}, read-only", f"to download into another one: export {DATA_ENV_VAR}=<folder>")
    elif free < MIN_FREE_DISK_BYTES:
        yield Finding("problem", text, f"make room, or export {DATA_ENV_VAR}=<folder on another disk>")
    else:
        yield Finding("ok", text)


def check_datasets() -> Iterator[Finding]:
    """Which published pictures are at hand and sound."""
    from tutorial_lib.data.fixations import (
        FIXATION_DATASETS,
        fixations_available,
        fixations_install_hint,
        load_fixations,
    )
    from tutorial_lib.data.iqa_datasets import IQA_DATASETS, iqa_dataset_available, iqa_install_hint, load_iqa_dataset
    from tutorial_lib.data.loading import is_available, load
    from tutorial_lib.data.registry import DATASETS

    for world, published in DATASETS.items():
        for split, (_, megabytes) in published.splits.items():
            if not is_available(world, split):
                cure = f'data.load("{world}", "{split}"), {megabytes} MB'
                yield Finding("note", f"{world}/{split} is not at hand: {cure}")
                continue
            try:
                load(world, split, limit=1)
            except ValueError as error:
                yield Finding("problem", f"{world}/{split} is damaged", str(error))
            else:
                yield Finding("ok", f"{world}/{split} is at hand")
    # Sets that their authors alone give: never downloaded, so what helps is where they are had.
    asked = [(name, fixations_available, load_fixations, fixations_install_hint) for name in FIXATION_DATASETS]
    asked += [(name, iqa_dataset_available, load_iqa_dataset, iqa_install_hint) for name in IQA_DATASETS]
    for name, there, read, how in asked:
        if not there(name):
            yield Finding("note", f"{name} is not at hand", how(name))
            continue
        try:
            read(name, limit=1)
        except ValueError as error:
            yield Finding("problem", f"{name} is damaged", str(error))
        else:
            yield Finding("ok", f"{name} is at hand")


def check_weights() -> Iterator[Finding]:
    """Which published weights are at hand and sound."""
    from tutorial_lib.models.pretrained import PRETRAINED, locate_weights, read_weights

    for name in PRETRAINED:
        path, file = locate_weights(name)
        if not path.is_file():
            yield Finding("note", f'{name} is not at hand: models.load_pretrained("{name}")')
            continue
        try:
            read_weights(path, file)
        except ValueError as error:
            yield Finding("problem", f"{name} is damaged", str(error))
        else:
            yield Finding("ok", f"{name} is at hand")


def check_hosts() -> Iterator[Finding]:
    """Whether the hosts of pictures and weights answer."""
    from tutorial_lib.data.registry import DATASETS
    from tutorial_lib.models.pretrained import HOSTS

    places = [*(published.host for published in DATASETS.values()), *HOSTS]
    with ThreadPoolExecutor(len(places)) as pool:
        reasons = dict(zip(places, pool.map(unreachable_reason, places), strict=True))
    offline = f"work without: export {DATA_ENV_VAR}=<a folder with the files>; the errors of data.load name them"
    if all(reasons.values()):
        yield Finding("problem", f"no host answers ({reasons[places[0]]})", f"connect to a network, or {offline}")
        return
    for host, reason in reasons.items():
        if reason:
            yield Finding("problem", f"{host} does not answer ({reason})", f"try again later, or {offline}")
        else:
            yield Finding("ok", f"{host} answers")


def unreachable_reason(host: str) -> str:
    """Return why a host does not answer within ``SECONDS``; nothing if it does."""
    try:
        urllib.request.urlopen(urllib.request.Request(host, method="HEAD"), timeout=HOST_TIMEOUT_S).close()
    except urllib.error.HTTPError as refusal:
        # A refusal is an answer too: the host can be reached.
        refusal.close()
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return ""


def are_available(*datasets: str, weights: str | None = None) -> bool:
    """Say whether real pictures (their test split) and published weights are here; on Colab, fetch them first.

    A chapter asks before it shows real pictures, and shows its stored results where the answer is no. Colab begins each
    time with an empty disk and has a quick line, so there what is missing is fetched. If a host does not answer, one line
    says so, and the answer is no.

    Raises:
        ValueError: an unknown name, or a file that is at hand and damaged.

    Example:
        >>> are_available("digits")
        True
    """
    from tutorial_lib import data, models

    if in_colab():
        try:
            for world in datasets:
                data.load(world, limit=1)
            if weights:
                models.load_pretrained(weights)
        except FileNotFoundError as error:
            print(str(error).partition("\n")[0])
            return False
    return all(map(data.is_available, datasets)) and (weights is None or models.is_pretrained_available(weights))


def check_environment(*, network: bool = False) -> Report:
    """Examine the machine: device, memory, versions, disk, which pictures and weights are at hand, and how to get the others.

    What is at hand is read and checked, so this takes some seconds. What is missing is a note, not a problem: the
    course shows stored results in its place.

    Args:
        network: also ask the hosts of the data, for at most three seconds, whether they answer.

    Example:
        >>> report = check_environment()
        >>> problems, text = report.problems, str(report)
    """
    chosen = best_device()
    hint = COLAB_GPU_HINT if chosen.type == "cpu" and in_colab() else ""
    return run_diagnostics(describe_device(chosen), hint, colab=in_colab(), network=network)
