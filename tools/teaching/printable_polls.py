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
GLOSSARY_ROW = re.compile(r"^\| ([^|]+?) \| ([^|]+?) \| \[", re.M)
INNER_QUOTES = str.maketrans("“”", "‘’")
ANSWER_LINE = "✎ " + "." * 60


def to_printable(text):
    """Return a text with an ellipsis in place of every number that only a running chapter can compute."""
    parts = (before + ("…" if field is not None else "") for before, field, _, _ in Formatter().parse(text))
    return "".join(parts).strip()


def terms(root, sheet):
    """Return the glossary entries of the terms that a sheet uses outside longer terms, as Markdown."""
    entries = {}
    for term, meaning in GLOSSARY_ROW.findall((root / "chapters" / "glossary.md").read_text(encoding="utf-8")):
        abbreviations = [name for names in re.findall(r"\(([A-Z, ]+)\)", term) for name in names.split(", ")]
        for name in (*re.sub(r" \(.*?\)", "", term).split(", "), *abbreviations):
            entries[name.lower()] = f"- **{term}**: {meaning}"
    names = "|".join(sorted(map(re.escape, entries), key=len, reverse=True))
    used = {name.lower() for name in re.findall(rf"(?i)(?<![\w-])({names})s?(?![\w-])", sheet)}
    return "\n".join(dict.fromkeys(entry for name, entry in entries.items() if name in used))


def choices(question):
    """Return the options of a question as Markdown lines."""
    return "\\\n".join(f"{letter}) {to_printable(option)}" for letter, option in zip(ascii_lowercase, question.options))


def chapter_sheet(name, lesson, root):
    """Return the predictions, the quiz and the poll of one chapter, and the terms that they use, as Markdown."""
    parts = [PAGE_BREAK, "", f"## Chapter {int(name[:2])}: {lesson[0].title}", "", "### Predictions", ""]
    predictions, claims = notebook_outline.predictions(lesson), notebook_outline.claim_questions(lesson)
    for place, question in predictions:
        parts += [f"**{place}** {question}", "", ANSWER_LINE, ""]
    # Not those of the quiz, because some of its questions ask for the meaning of a term.
    questions = [question for _, question in predictions] + [claim.text for claim in claims]
    parts += [f"### Terms in the predictions{' and in the poll' if claims else ''}", ""]
    parts += [terms(root, "\n".join(questions)), ""]
    _, quiz = notebook_outline.exercises_of(lesson)
    parts += ["### Quiz", ""]
    for number, question in enumerate(quiz, 1):
        parts += [f"**{number}.** {to_printable(question.text)}", ""]
        parts += [choices(question), ""]
    if claims:
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
        quoted = option.translate(INNER_QUOTES)
        parts.append(f"- **{number} {ascii_lowercase[question.correct]}.** “{quoted}” {why}")
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
    sheets = "\n".join(chapter_sheet(name, lesson, root) for name, lesson in outlines.items())
    solutions = "\n".join(answers(name, lesson) for name, lesson in outlines.items())
    for mark, text in ((SHEETS, sheets), (ANSWERS, solutions)):
        if mark not in source[0]:
            raise ValueError(f"{PAGE} needs the line {mark}, where the questions go")
        source[0] = source[0].replace(mark, text)
    for file in [
        root / "chapters" / "glossary.md",
        *(root / "chapters").glob("[0-9]*.ipynb"),
        *(root / "tutorial_course" / "exercises").rglob("*.py"),
    ]:
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
