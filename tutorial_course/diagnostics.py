"""Checks of the environment, one function each: GPU, memory, versions, data folder, datasets, weights, hosts."""

import http.client
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
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

# Enough for every dataset but the largest two; with less, downloads fail half-way.
MIN_FREE_DISK_BYTES = 10**9

HOST_TIMEOUT_S = 3.0

# The largest peak memory of a chapter; a test holds every run to it.
CHAPTER_MEMORY_BYTES = 3 * 10**9

# The file in which Linux reports the available memory.
PROC_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Attributes:
        state: "ok", "note" or "problem".
        text: the result in words.
        fix: what to do; empty if nothing.
    """

    state: str
    text: str
    fix: str = ""


@dataclass(frozen=True, repr=False)
class Report:
    """The results of all checks; prints as text.

    Attributes:
        findings: the results.
    """

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> list[str]:
        """What must be fixed, and how; empty when all is well."""
        return [f"{finding.text} → {finding.fix}" for finding in self.findings if finding.state == "problem"]

    def __repr__(self) -> str:
        marks = {"ok": "✓", "note": "·", "problem": "✗"}
        lines = []
        for finding in self.findings:
            lines.append(f"{marks[finding.state]} {finding.text}")
            if finding.fix:
                lines.append(f"    {finding.fix}")
        count = len(self.problems)
        lines.append(f"{count} problem{'s' * (count > 1)} (✗) to fix." if count else "All is well.")
        return "\n".join(lines)


def run_diagnostics(device: str, hint: str = "", *, colab: bool = False, network: bool = False) -> Report:
    """Run all checks.

    Args:
        device: the device in use, in words.
        hint: how to get a better device; empty if there is nothing to do.
        colab: whether this is Colab.
        network: whether the hosts of the data are contacted.

    Returns:
        The results.
    """
    findings = [Finding("note" if hint else "ok", f"device: {device}", hint)]
    for check in [
        check_gpu,
        check_memory,
        check_versions,
        check_data_dir,
        check_datasets,
        check_weights,
        *([check_hosts] if network else []),
    ]:
        try:
            findings += check(colab) if check is check_versions else check()
        except ImportError as error:
            fix = "install what is missing, then run the check again"
            findings.append(
                Finding("problem", f"{check.__name__.removeprefix('check_')} cannot be checked ({error})", fix)
            )
    return Report(tuple(findings))


def check_gpu() -> Iterator[Finding]:
    """Report a GPU that this PyTorch cannot use.

    Yields:
        A note, if there is one.
    """
    if torch.cuda.is_available() or not shutil.which("nvidia-smi"):
        return
    if torch.version.cuda is None:
        fix = "where .venv was made with TORCH=cpu: rm -r .venv, then make book; elsewhere install a PyTorch with CUDA"
        yield Finding(
            "note", f"there is an NVIDIA card, but torch {torch.__version__} is built for the processor alone", fix
        )
    else:
        fix = "nvidia-smi says what the driver can do: update it, then restart Python"
        yield Finding("note", f"there is an NVIDIA card, but its driver does not serve CUDA {torch.version.cuda}", fix)


def check_memory() -> Iterator[Finding]:
    """Report the free memory, where the system says so.

    Yields:
        The free memory.
    """
    if not PROC_MEMINFO.is_file():
        return
    fields = dict(line.split(":", 1) for line in PROC_MEMINFO.read_text(encoding="ascii").splitlines())
    if "MemAvailable" in fields:
        free = 1024 * int(fields["MemAvailable"].split()[0])
        fix = (
            f"a chapter takes up to {CHAPTER_MEMORY_BYTES / 1e9:.0f} GB: shut down other notebooks first"
            if free < CHAPTER_MEMORY_BYTES
            else ""
        )
        yield Finding("note" if fix else "ok", f"memory: {free / 1e9:.1f} GB free", fix)


def _install_command(requirement: str, colab: bool) -> str:
    """The command that installs a package here."""
    if colab:
        return f'in a cell: %pip install "{requirement}", then menu Runtime → Restart session'
    return f'"{sys.executable}" -m pip install "{requirement}"'


def check_versions(colab: bool = False) -> Iterator[Finding]:
    """Compare Python and the installed packages with the declared ranges.

    Args:
        colab: whether this is Colab, where packages are installed in a cell.

    Yields:
        A problem for each version outside its range, then the versions that fit.
    """
    try:
        declared = metadata.metadata(DISTRIBUTION_NAME)
    except metadata.PackageNotFoundError:
        home = Path(__file__).parents[1]
        fix = f'"{sys.executable}" -m pip install -e "{home}"'
        yield Finding("problem", f"tutorial_lib is read from {home} but not installed", fix)
        return
    python, wanted = ".".join(map(str, sys.version_info[:3])), SpecifierSet(declared["Requires-Python"] or "")
    versions = [f"tutorial_lib {metadata.version(DISTRIBUTION_NAME)}"]
    if python in wanted:
        versions.append(f"python {python}")
    else:
        yield Finding("problem", f"python {python} is outside {wanted}", "install such a Python and restart with it")
    for requirement in map(Requirement, declared.get_all("Requires-Dist") or []):
        if requirement.marker:  # extras: not needed by the library itself
            continue
        package, ranges = requirement.name, requirement.specifier
        fix = _install_command(f"{package}{ranges}", colab)
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            yield Finding("problem", f"{package} is missing", fix)
            continue
        if ranges.contains(version, prereleases=True):
            versions.append(f"{package} {version}")
        else:
            yield Finding("problem", f"{package} {version} is outside {ranges}", fix)
    yield Finding("ok", ", ".join(versions))


def check_data_dir() -> Iterator[Finding]:
    """Check that the data folder exists, is writable and has free space.

    Yields:
        The state of the folder.
    """
    path = resolve_data_dir()
    named = os.environ.get(DATA_ENV_VAR)
    if named and not path.is_dir():
        text = f"{DATA_ENV_VAR} names {path}, which is not a folder"
        yield Finding("problem", text, f'mkdir -p "{path}", or unset it')
        return
    existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    text = f"data folder: {path}, {free / 1e9:.1f} GB free"
    if not os.access(existing, os.W_OK):
        yield Finding("note", f"{text}, read-only", f"to download into another one: export {DATA_ENV_VAR}=<folder>")
    elif free < MIN_FREE_DISK_BYTES:
        yield Finding("problem", text, f"free some space, or export {DATA_ENV_VAR}=<folder on another disk>")
    else:
        yield Finding("ok", text)


def check_datasets() -> Iterator[Finding]:
    """Check which published datasets are available and intact.

    Yields:
        The state of each dataset.
    """
    from tutorial_lib.data.fixations import (
        FIXATION_DATASETS,
        fixations_available,
        fixations_install_hint,
        load_fixations,
    )
    from tutorial_lib.data.iqa_datasets import IQA_DATASETS, iqa_dataset_available, iqa_install_hint, load_iqa_dataset
    from tutorial_lib.data.loading import is_available, load
    from tutorial_lib.data.registry import DATASETS

    for name, published in DATASETS.items():
        for split, (_, megabytes) in published.splits.items():
            if not is_available(name, split):
                fix = f'data.load("{name}", "{split}"), {megabytes} MB'
                yield Finding("note", f"{name}/{split} is not available: {fix}")
                continue
            try:
                load(name, split, limit=1)
            except ValueError as error:
                yield Finding("problem", f"{name}/{split} is corrupt", str(error))
            else:
                yield Finding("ok", f"{name}/{split} is available")
    # Sets that only their authors distribute are never downloaded; the hint says where to get them.
    datasets: list[tuple[str, Callable, Callable, Callable]] = [
        *((name, fixations_available, load_fixations, fixations_install_hint) for name in FIXATION_DATASETS),
        *((name, iqa_dataset_available, load_iqa_dataset, iqa_install_hint) for name in IQA_DATASETS),
    ]
    for name, available, load_dataset, install_hint in datasets:
        if not available(name):
            yield Finding("note", f"{name} is not available", install_hint(name))
            continue
        try:
            load_dataset(name, limit=1)
        except ValueError as error:
            yield Finding("problem", f"{name} is corrupt", str(error))
        else:
            yield Finding("ok", f"{name} is available")


def check_weights() -> Iterator[Finding]:
    """Check which published weights are available and intact.

    Yields:
        The state of each file of weights.
    """
    from tutorial_lib.models.pretrained import PRETRAINED, locate_weights, read_weights

    for name in PRETRAINED:
        path, file = locate_weights(name)
        if not path.is_file():
            yield Finding("note", f'{name} is not available: models.load_pretrained("{name}")')
            continue
        try:
            read_weights(path, file)
        except ValueError as error:
            yield Finding("problem", f"{name} is corrupt", str(error))
        else:
            yield Finding("ok", f"{name} is available")


def check_hosts() -> Iterator[Finding]:
    """Check whether the hosts of datasets and weights answer.

    Yields:
        The state of each host, or one problem if none answers.
    """
    from tutorial_lib.data.registry import DATASETS
    from tutorial_lib.models.pretrained import HOSTS

    hosts = [*(published.host for published in DATASETS.values()), *HOSTS]
    with ThreadPoolExecutor(len(hosts)) as pool:
        reasons = dict(zip(hosts, pool.map(unreachable_reason, hosts), strict=True))
    offline = f"work offline: export {DATA_ENV_VAR}=<a folder with the files>; the errors of data.load name them"
    if all(reasons.values()):
        yield Finding("problem", f"no host answers ({reasons[hosts[0]]})", f"connect to a network, or {offline}")
        return
    for host, reason in reasons.items():
        if reason:
            yield Finding("problem", f"{host} does not answer ({reason})", f"try again later, or {offline}")
        else:
            yield Finding("ok", f"{host} answers")


def unreachable_reason(host: str) -> str:
    """Return why a host does not answer within ``HOST_TIMEOUT_S`` seconds.

    Args:
        host: its address.

    Returns:
        The reason; empty if it answers.
    """
    try:
        urllib.request.urlopen(urllib.request.Request(host, method="HEAD"), timeout=HOST_TIMEOUT_S).close()
    except urllib.error.HTTPError as refusal:
        # An error of HTTP is an answer too: the host can be reached.
        refusal.close()
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return ""


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


def check_environment(*, network: bool = False) -> Report:
    """Check the device, memory, versions, disk, datasets and weights, and say what to do.

    Available files are read and verified, which takes some seconds. A missing file is a note and not a
    problem, because the course shows stored results instead.

    Args:
        network: whether to test for at most three seconds if the hosts of the data answer.

    Returns:
        The results of the checks.

    Example:
        >>> report = check_environment()
        >>> problems, text = report.problems, str(report)
    """
    chosen = best_device()
    hint = COLAB_GPU_HINT if chosen.type == "cpu" and in_colab() else ""
    return run_diagnostics(describe_device(chosen), hint, colab=in_colab(), network=network)
