"""Fill the page of printable polls: every prediction and quiz question of the chapters, for a class without computers.

The page has one placeholder for the sheets of the chapters and one for the answers. The questions come from
``ask_prediction`` in the notebooks and from the quizzes, so that paper and screen agree. Measured results are added
when every chapter has run.
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
    """Return a text with an ellipsis in place of every number that only a running chapter can compute."""
    parts = (before + ("…" if field is not None else "") for before, field, _, _ in Formatter().parse(text))
    return "".join(parts).strip()


def choices(question):
    """Return the options of a question as Markdown lines."""
    return "\\\n".join(f"{letter}) {to_printable(option)}" for letter, option in zip(ascii_lowercase, question.options))


def chapter_sheet(name, lesson):
    """Return the predictions, the quiz and the poll of one chapter as Markdown."""
    parts = [PAGE_BREAK, "", f"## Chapter {int(name[:2])}: {lesson[0].title}", "", "### Predictions", ""]
    for place, question in notebook_outline.predictions(lesson):
        parts += [f"**{place}** {question}", "", ANSWER_LINE, ""]
    _, quiz = notebook_outline.exercises_of(lesson)
    parts += ["### Quiz", ""]
    for number, question in enumerate(quiz, 1):
        parts += [f"**{number}.** {to_printable(question.text)}", ""]
        parts += [choices(question), ""]
    if claims := notebook_outline.claim_questions(lesson):
        parts += ["### Poll on claims: vote before you open the claims table", "", choices(claims[0]), ""]
        parts += [
            line
            for number, claim in enumerate(claims, 1)
            for line in (f"**{number}.** {claim.text} ✎\u00a0" + "." * 9, "")
        ]
    return "\n".join(parts)


def answers(name, lesson):
    """Return the answers of one chapter as Markdown: measured results, correct options, verdicts of claims."""
    parts = [
        f"### Answers for chapter {int(name[:2])}",
        "",
        f'<div class="polls-measured" data-chapter="{name}"></div>',
        "",
    ]
    for number, question in enumerate(notebook_outline.exercises_of(lesson)[1], 1):
        option, why = map(to_printable, list(question.options.items())[question.correct])
        parts.append(f"- **{number} {ascii_lowercase[question.correct]}.** “{option}” {why}")
    for number, claim in enumerate(notebook_outline.claim_questions(lesson), 1):
        parts.append(
            f"- **Poll {number} {ascii_lowercase[claim.correct]}.** {list(claim.options.values())[claim.correct]}"
        )
    return "\n".join([*parts, ""])


def fill_page(app, docname, source):
    """Write the sheets and the answers while the page is read."""
    if docname != PAGE:
        return
    root = Path(app.srcdir)
    outlines = notebook_outline.chapters(root)
    for mark, make in ((SHEETS, chapter_sheet), (ANSWERS, answers)):
        if mark not in source[0]:
            raise ValueError(f"{PAGE} needs the line {mark}, where the questions go")
        source[0] = source[0].replace(mark, "\n".join(make(name, lesson) for name, lesson in outlines.items()))
    for file in [*(root / "chapters").glob("[0-9]*.ipynb"), *(root / "tutorial_course" / "exercises").rglob("*.py")]:
        app.env.note_dependency(str(file))


def measured(doctree):
    """Return {place: measured result} of every prediction, from the table at the end of a chapter."""
    return {
        k: v for raw in doctree.findall(nodes.raw) for k, v in notebook_outline.measured_in_table(raw.astext()).items()
    }


def fill_measured(app, doctree, docname):
    """Write the measured results when every chapter has run."""
    if docname != PAGE:
        return
    for raw in list(doctree.findall(nodes.raw)):
        if marker := re.search(r'class="polls-measured" data-chapter="([^"]+)"', raw.astext()):
            results = nodes.bullet_list()
            for where, value in measured(app.env.get_doctree(f"chapters/{marker[1]}")).items():
                results += nodes.list_item(
                    "", nodes.paragraph("", "", nodes.strong("", f"Measured, {where}."), nodes.Text(f" {value}"))
                )
            nothing = nodes.paragraph("", "No chapter was run when this page was built.")
            raw.replace_self(results if len(results) else nothing)


def setup(app):
    """Register the extension."""
    return post_build_page.register_post_build_page(app, PAGE, fill_page, fill_measured)
