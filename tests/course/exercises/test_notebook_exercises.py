"""The exercises as the chapters show them: stubs, solutions, and the cells that use the reader's function."""

import ast
import builtins
import inspect
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from tutorial_course._display import BOOK_ENV_VAR

CHAPTERS = Path(__file__).parents[3] / "chapters"
CHECK = re.compile(r"^check\((\w+), exercises\.\1\)$", re.M)
SOLUTION = re.compile(r"<summary>Solution</summary>.*?```python\n(.*?)```", re.S)
PACKAGES = [path.parent.name for path in (CHAPTERS.parent / "tutorial_lib").glob("*/__init__.py")]


def exercises_in_chapters():
    """Return (name, chapter number, the code of the stub, the code of the solution, all code of the chapter)."""
    exercises = []
    for path in sorted(CHAPTERS.glob("0*.ipynb")):
        cells = [
            (cell["cell_type"], "".join(cell["source"]))
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        ]
        for i, (kind, source) in enumerate(cells):
            match = CHECK.search(source)
            if kind == "code" and match:
                # The solution is directly below the stub, or directly above it; its text may name further imports.
                text = next(text for _, text in cells[i + 1 : i + 2] + cells[i - 1 : i] if SOLUTION.search(text))
                code = [re.sub(r"(?m)^\s*[%!].*$", "", text) for kind, text in cells if kind == "code"]
                code += re.findall(r"`((?:from \S+ )?import [^`]+)`", text)
                exercises.append((match[1], int(path.name[:2]), source, SOLUTION.search(text)[1], code))
    return exercises


EXERCISES_IN_CHAPTERS = exercises_in_chapters()
each_exercise = pytest.mark.parametrize(
    ("name", "chapter", "stub", "solution", "code"),
    EXERCISES_IN_CHAPTERS,
    ids=[one[0] for one in EXERCISES_IN_CHAPTERS],
)


def reference_parameters(name, chapter):
    """Return the names of the parameters of a reference solution."""
    exercise = getattr(import_module(f"tutorial_course.exercises.ch{chapter}"), name)
    return list(inspect.signature(exercise.reference).parameters)


def bound_names(tree):
    """Return the names that code assigns, imports or defines, with the arguments of its functions."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    names |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return names | imported_names(tree)


def imported_names(tree):
    """Return the names that code imports."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}


def unguarded_uses(name, later):
    """Return the statements of later cells that use a reader's function before it is replaced where it is wrong."""
    uses = []
    for statement in (statement for source in later for statement in ast.parse(source).body):
        if ast.unparse(statement) == f"{name} = solution_or_reference({name}, exercises.{name})":
            break
        if any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(statement)):
            uses.append(ast.unparse(statement))
    return uses


def test_exercises_are_all_shown_in_their_chapters():
    chapters = [import_module(f"tutorial_course.exercises.ch{number}") for number in range(1, 6)]
    assert {name for name, *_ in EXERCISES_IN_CHAPTERS} == {
        name for chapter in chapters for name in chapter.__all__
    } - {"QUIZ"}


@each_exercise
def test_stub_has_parameters_of_reference(name, chapter, stub, solution, code):
    (function,) = (node for node in ast.parse(stub).body if isinstance(node, ast.FunctionDef) and node.name == name)
    assert [argument.arg for argument in function.args.args] == reference_parameters(name, chapter)


@each_exercise
def test_solution_uses_parameters_of_reference_and_imported_names(name, chapter, stub, solution, code):
    tree = ast.parse(solution)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - bound_names(tree)
    imported = set().union(*(imported_names(ast.parse(source)) for source in code))
    in_stub = bound_names(ast.parse(stub))
    assert used - imported - in_stub - set(dir(builtins)) - set(reference_parameters(name, chapter)) == set()
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    library = {call.attr: import_module(f"tutorial_lib.{call.value.id}") for call in calls if call.value.id in PACKAGES}
    assert [name for name, package in library.items() if not hasattr(package, name)] == []


@each_exercise
def test_unstarted_exercise_shows_no_feedback_in_book(
    name, chapter, stub, solution, code, monkeypatch, capsys, recwarn
):
    monkeypatch.setenv(BOOK_ENV_VAR, "1")
    namespace = {}
    for statement in (statement for source in code for statement in ast.parse(source).body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            exec(ast.unparse(statement), namespace)
    definitions, call = stub.rsplit("\n", 1)
    exec(definitions, namespace)
    recwarn.clear()  # those of the imports
    verdict = eval(call, namespace)
    assert verdict._repr_markdown_() == f"✎ *In the notebook, this cell checks your* `{name}`*.*"
    assert capsys.readouterr() == ("", "") and not recwarn.list


@each_exercise
def test_later_cells_use_reference_until_exercise_is_solved(name, chapter, stub, solution, code):
    assert unguarded_uses(name, code[code.index(stub) + 1 :]) == []


def test_unguarded_uses_finds_cells_that_depend_on_unsolved_exercise():
    guard = "auroc = solution_or_reference(auroc, exercises.auroc)  # yours"
    assert unguarded_uses("auroc", ["print('auroc', areas.auroc)", guard, "print(auroc(a, b))"]) == []
    assert unguarded_uses("auroc", ["if (yours := auroc(a, b)) is not None:\n    print(yours)", guard]) != []
    assert unguarded_uses("auroc", ["def area(a, b):\n    return auroc(a, b)", guard]) != []


@pytest.mark.parametrize("path", sorted(CHAPTERS.glob("0*.ipynb")), ids=lambda path: path.stem)
def test_exercise_titles_state_their_minutes_alike(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    titles = re.findall(r"\*\*Exercise [^*]*\*\*", "\n".join("".join(cell["source"]) for cell in cells))
    assert titles and [t for t in titles if not re.match(r"\*\*Exercise \d\.\w(, part \d)? \(\d+ min\)", t)] == []
