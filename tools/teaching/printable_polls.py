"""Polls on paper: every prediction and every quiz question of the chapters on one page, for a room without machines.

The page holds a mark; here it becomes a sheet for each chapter and, last, the answers. Questions come from ``predict`` in the notebooks
and from the exercises' quizzes, so the sheet asks what the screen asks. What was measured is known once every chapter has run.
"""

import re
from pathlib import Path
from string import Formatter, ascii_lowercase

from docutils import nodes

from docs_ext import post_build_page
from tools.teaching import notebook_outline

PAGE, SHEETS, ANSWERS = "chapters/polls", "<!-- sheets -->", "<!-- answers -->"
PAGE_BREAK = '<div style="break-before: page"></div>'
ANSWER_LINE = "✎ " + "." * 60


def to_printable(text):
    """A question as it can be printed: a number that only a running chapter knows is left open."""
    parts = (before + ("…" if field is not None else "") for before, field, _, _ in Formatter().parse(text))
    return "".join(parts).strip()


def choices(question):
    return "\\\n".join(f"{letter}) {to_printable(option)}" for letter, option in zip(ascii_lowercase, question.options))


def chapter_sheet(name, lesson):
    """Markdown of one chapter's predictions and quiz."""
    parts = [PAGE_BREAK, "", f"## Chapter {int(name[:2])}: {lesson[0].title}", "", "### Before you see it", ""]
    for place, question in notebook_outline.predictions(lesson):
        parts += [f"**{place}** {question}", "", ANSWER_LINE, ""]
    _, quiz = notebook_outline.exercises_of(lesson)
    parts += ["### A show of hands", ""]
    for number, question in enumerate(quiz, 1):
        parts += [f"**{number}.** {to_printable(question.text)}", ""]
        parts += [choices(question), ""]
    if claims := notebook_outline.votes(lesson):
        parts += ["### A vote, before the ledger is opened", "", choices(claims[0]), ""]
        parts += [
            line
            for number, claim in enumerate(claims, 1)
            for line in (f"**{number}.** {claim.text} ✎\u00a0" + "." * 9, "")
        ]
    return "\n".join(parts)


def answers(name, lesson):
    """What was measured; which option is right, and the line that says why; what the ledger says."""
    parts = [f"### Chapter {int(name[:2])}, answers", "", f'<div class="polls-late" data-chapter="{name}"></div>', ""]
    for number, question in enumerate(notebook_outline.exercises_of(lesson)[1], 1):
        why = to_printable(list(question.options.values())[question.correct])
        parts.append(f"- **{number} {ascii_lowercase[question.correct]}.** {why}")
    for number, claim in enumerate(notebook_outline.votes(lesson), 1):
        parts.append(
            f"- **Vote {number} {ascii_lowercase[claim.correct]}.** {list(claim.options.values())[claim.correct]}"
        )
    return "\n".join([*parts, ""])


def fill_page(app, docname, source):
    if docname != PAGE:
        return
    root = Path(app.srcdir)
    found = notebook_outline.chapters(root)
    for mark, make in ((SHEETS, chapter_sheet), (ANSWERS, answers)):
        if mark not in source[0]:
            raise ValueError(f"{PAGE} needs the line {mark}, where the questions go")
        source[0] = source[0].replace(mark, "\n".join(make(name, lesson) for name, lesson in found.items()))
    for file in [*(root / "chapters").glob("[0-9]*.ipynb"), *(root / "tutorial_lib" / "exercises").rglob("*.py")]:
        app.env.note_dependency(str(file))


def measured(doctree):
    """(place, what came out) of every prediction, from the table at the end of a chapter."""
    tables = [
        [[entry.astext() for entry in row] for row in table.findall(nodes.row)]
        for table in doctree.findall(nodes.table)
    ]
    return [
        (row[0], row[3])
        for head, *rows in tables
        if head[2:] == ["your prediction", "measured"]
        for row in rows
        if row[3] != "–"
    ]


def fill_measured(app, doctree, docname):
    if docname != PAGE:
        return
    for raw in list(doctree.findall(nodes.raw)):
        if asked := re.search(r'class="polls-late" data-chapter="([^"]+)"', raw.astext()):
            made = nodes.bullet_list()
            for where, value in measured(app.env.get_doctree(f"chapters/{asked[1]}")):
                made += nodes.list_item(
                    "", nodes.paragraph("", "", nodes.strong("", f"Measured, {where}."), nodes.Text(f" {value}"))
                )
            raw.replace_self(made if len(made) else nodes.paragraph("", "Nothing ran in this build."))


def setup(app):
    return post_build_page.register_post_build_page(app, PAGE, fill_page, fill_measured)
