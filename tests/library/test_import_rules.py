"""The layers of the project: which package may import which. CONTRIBUTING.md gives the reasons."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["tutorial_lib", "tutorial_course", "experiments", "benchmarks", "docs_ext", "tools"]

BASE_MODULES = {"_validation", "_batching", "_tensor_ops", "_download", "runtime"}
ENGINE = BASE_MODULES | {"gradients", "metrics"}
# What each package of the library may import besides itself, from the lowest layer to the highest.
ALLOWED_IMPORTS = {
    "_validation": set(),
    "_batching": set(),
    "_tensor_ops": {"_validation"},
    "runtime": {"_validation"},
    "_download": {"_validation"},
    "data": BASE_MODULES,
    "models": BASE_MODULES,
    "metrics": BASE_MODULES,
    "gradients": BASE_MODULES,
    "foundations": ENGINE,
    "attribution": ENGINE,
    "saliency": ENGINE | {"attribution"},
    "uncertainty": ENGINE,
    "quality": ENGINE | {"attribution"},
}


@cache
def source_files():
    """Return every Python file of the project by its dotted name."""
    files = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            files[dotted.removesuffix(".__init__")] = path
    return files


def modules_imported_by(name, code, known, *, package=False):
    """Return the modules among ``known`` that ``code``, the text of module ``name``, imports, by dotted name."""
    tree, imported = ast.parse(code), set()  # imports inside functions count like any other
    home = name if package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = home.split(".")[: len(home.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            imported |= {
                f"{module}.{alias.name}" if f"{module}.{alias.name}" in known else module for alias in node.names
            }
    return {module for module in imported if module in known}


@cache
def import_graph():
    files = source_files()
    return {
        name: modules_imported_by(
            name, path.read_text(encoding="utf-8"), set(files), package=path.name == "__init__.py"
        )
        for name, path in files.items()
    }


def forbidden_imports(edges):
    """Return imports of a higher layer by a lower one, and imports of the other packages by the library."""
    wrong = []
    for module, others in edges.items():
        here = module.split(".")
        for other in others:
            there = other.split(".")
            if here[0] == "tutorial_lib" and there[0] != "tutorial_lib":
                wrong.append(f"{module} imports {other}: the library depends on no other package of the project")
            elif here[0] == "tutorial_course" and there[0] not in ("tutorial_lib", "tutorial_course"):
                wrong.append(f"{module} imports {other}: the course depends on the library alone")
            elif here[0] == there[0] == "tutorial_lib" and len(here) > 1 and len(there) > 1 and there[1] != here[1]:
                if there[1] not in ALLOWED_IMPORTS.get(here[1], set()):
                    wrong.append(f"{module} imports {other}: {here[1]} is not above {there[1]}")
    return wrong


def import_cycle(edges):
    """Return a chain of imports that ends where it began, or None."""
    done = set()

    def visit(module, chain):
        if module in chain:
            return [*chain[chain.index(module) :], module]
        if module in done:
            return None
        for other in sorted(edges.get(module, ())):
            if cycle := visit(other, [*chain, module]):
                return cycle
        done.add(module)
        return None

    return next((cycle for module in sorted(edges) if (cycle := visit(module, []))), None)


def style_violations(code, library=True):
    """Return violations of the style rules in ``code``; experiments, unlike the library, may seed the process."""
    wrong = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            wrong.append(f"line {node.lineno}: import * hides where a name comes from")
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            if {"pickle", "dill", "joblib", "cloudpickle"} & {name.split(".")[0] for name in names}:
                wrong.append(f"line {node.lineno}: a pickle can run anything; store numbers")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called, keywords = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            if called.endswith(".cuda"):
                wrong.append(f"line {node.lineno}: .cuda() decides for the caller; use the device of x")
            if (
                called in ("torch.load", "torch.hub.load_state_dict_from_url")
                and keywords.get("weights_only") != "True"
            ):
                wrong.append(f"line {node.lineno}: {called} without weights_only=True can run anything")
            if keywords.get("allow_pickle") == "True":
                wrong.append(f"line {node.lineno}: allow_pickle=True can run anything")
            if called in ("plt.show", "pyplot.show"):
                wrong.append(f"line {node.lineno}: a library function returns the figure and does not show it")
            if library and called in ("torch.manual_seed", "np.random.seed", "random.seed"):
                wrong.append(f"line {node.lineno}: {called} changes everyone's random numbers; take a generator")
    return wrong


def test_import_graph_has_no_forbidden_imports():
    assert forbidden_imports(import_graph()) == []


def test_allowed_imports_covers_every_package():
    packages = {name.split(".")[1] for name in source_files() if name.startswith("tutorial_lib.")}
    assert packages - set(ALLOWED_IMPORTS) == set(), "list in ALLOWED_IMPORTS what the new package may import"


def test_import_graph_has_no_cycle():
    assert import_cycle(import_graph()) is None


def test_allowed_imports_has_no_cycle():
    assert import_cycle(ALLOWED_IMPORTS) is None


@pytest.mark.parametrize("name", source_files())
def test_source_follows_style_rules(name):
    assert (
        style_violations(source_files()[name].read_text(encoding="utf-8"), library=name.startswith("tutorial_lib"))
        == []
    )


# Each rule can fail.


@pytest.mark.parametrize(
    "edges",
    [
        {"tutorial_lib.gradients.engine": {"tutorial_lib.models"}},
        {"tutorial_lib.attribution.cam": {"tutorial_lib.uncertainty.logit_scores"}},
        {"tutorial_course.plots": {"experiments.saliency"}},
        {"tutorial_lib.data.signs": {"tutorial_course"}},
        {"tutorial_lib.newcomer": {"tutorial_lib._validation"}},
    ],
)
def test_forbidden_imports_detects_each_violation(edges):
    assert len(forbidden_imports(edges)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "from tutorial_lib import models",
        "import tutorial_lib.models",
        "from tutorial_lib.models import load",
        "def f():\n    from tutorial_lib import models",
        "from .. import models",
        "from ..models import load",
    ],
)
def test_modules_imported_by_reads_every_import_form(code):
    known = {"tutorial_lib", "tutorial_lib.models", "tutorial_lib.data", "tutorial_lib.data.signs"}
    assert modules_imported_by("tutorial_lib.data.signs", code, known) - {"tutorial_lib"} == {"tutorial_lib.models"}


def test_import_cycle_finds_cycle_or_returns_none():
    assert import_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert import_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


@pytest.mark.parametrize(
    "code",
    [
        "from torch import *",
        "import pickle",
        "from pickle import load",
        "x = x.cuda()",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "plt.show()",
        "torch.manual_seed(0)",
    ],
)
def test_style_violations_detects_each_rule(code):
    assert len(style_violations(code)) == 1


def test_style_violations_accepts_clean_code():
    assert (
        style_violations("torch.load(path, weights_only=True)\nnp.load(path)\nx.to(device)\ntorch.cuda.is_available()")
        == []
    )
