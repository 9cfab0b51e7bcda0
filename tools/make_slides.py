"""Write a slide deck for each chapter and each route from the cached outputs of the last build: ``make slides``.

A deck contains the question of the chapter and, for each core section, its opening, its predictions, one exercise for
the class, and its figures with their descriptions; then the poll and the summary. Minutes, stop points, measured
results and the text between the figures become speaker notes. A route has the slides of its sections, with the clock in
the notes.

reveal.js comes from the package sphinx-revealjs, and formulas are rendered by the MathJax of the book. Both are copied
beside the decks, so that no deck loads anything from another host.
"""

import re
import shutil
from html import escape, unescape
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from string import ascii_lowercase

import nbformat
from jupyter_cache import get_cache
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tools.teaching import guide, notebook_outline

MAX_WORDS = 70
IMAGE = re.compile(r'<img src="(data:[^"]+)" alt="([^"]+)"')
LINK = re.compile(r'<a href="(?!https?:)[^"]*">(.*?)</a>', re.S)
LIST = re.compile(r"\d+\. |[-*] ")
READING_TIME = re.compile(r"\*(This section takes a|A)bout \d+ minutes\b[^*]*\*")
ASIDE = re.compile(r"\*\*(Predict|How to read|Exercise)|<details|[|#>]|\d+\. |[-*] ")
REVEAL = ["dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js", "LICENSE"]
# {package: (folder in the package, files, folder beside the decks)}
FILES = {
    "sphinx_revealjs": ("_static/revealjs", REVEAL, "reveal"),
    "sphinx-mathjax-offline": ("static/mathjax", ["tex-svg.js"], "mathjax"),
}

DECK = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="reveal/reset.css"><link rel="stylesheet" href="reveal/reveal.css">
<link rel="stylesheet" href="deck.css">
<script>
// The notes are copied unchanged into the speaker view, where MathML for screen readers would be visible beside its
// formula. Therefore it is removed.
const removeHiddenMathML = () =>
  document.querySelectorAll("aside.notes mjx-assistive-mml").forEach((part) => part.remove());
window.MathJax = {{
  options: {{enableMenu: false}},
  svg: {{fontCache: "local"}},
  startup: {{pageReady: () => MathJax.startup.defaultPageReady().then(removeHiddenMathML)}},
}};
</script>
<script src="mathjax/tex-svg.js" defer></script>
</head>
<body>
<main><div class="reveal"><div class="slides">
{slides}
</div></div></main>
<script src="reveal/reveal.js"></script><script src="reveal/notes.js"></script>
<script>
Reveal.initialize({{hash: true, width: 1280, height: 720, margin: 0.04, slideNumber: "c/t", transition: "none",
  controlsTutorial: false, plugins: [RevealNotes]}});
</script>
</body>
</html>
"""

INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Slides</title><link rel="stylesheet" href="deck.css"></head>
<body class="index"><main><h1>Slides</h1>
<h2>Slides for each route</h2><ul>
{routes}
</ul><h2>Slides for each chapter</h2><ol>
{chapters}
</ol><p>Press the space bar for the next slide, S for the speaker notes, O for an overview of all slides, G to go to a
slide by its number, and F for full screen.</p>
<p>Text and figures are licensed under CC BY 4.0. They are adapted from the slides of the IEEE ICIP 2023 tutorial by
G. AlRegib and M. Prabhushankar (CC BY 4.0), with changes.</p></main></body></html>
"""


def formula(content, options):
    """Return a formula with the delimiters that MathJax reads."""
    return f"\\[{escape(content)}\\]" if options["display_mode"] else f"\\({escape(content)}\\)"


MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin, renderer=formula)


def html(markdown):
    """Return Markdown as HTML for a slide; links into the book become plain text."""
    return LINK.sub(r"\1", MARKDOWN.render(markdown)).strip()


def inline(markdown):
    """Return Markdown as HTML without the paragraph around it."""
    return html(markdown).removeprefix("<p>").removesuffix("</p>")


def paragraphs(text):
    """Return the paragraphs of a text, without collapsed parts, live exhibits and the reading time of a section."""
    return [
        part.strip()
        for part in re.split(r"\n\s*\n", re.sub(r"<(details|div)\b.*?</\1>", "", text, flags=re.S))
        if part.strip() and not READING_TIME.fullmatch(part.strip())
    ]


def first_sentences(text, max_words=MAX_WORDS):
    """Return the first paragraphs of a text, up to ``max_words``; of a longer first paragraph, its first sentences."""
    opening = []
    for paragraph in paragraphs(text):
        if ASIDE.match(paragraph):
            break
        fits = paragraph.startswith("$$") or len(" ".join([*opening, paragraph]).split()) <= max_words
        if not fits and opening:
            break
        sentences, selected = re.split(r"(?<=[.?!:])\s+(?=[A-Z*$])", paragraph), []
        while not fits and sentences and len(" ".join([*selected, sentences[0]]).split()) <= max_words:
            selected.append(sentences.pop(0))
        opening.append(paragraph if fits else " ".join(selected) or sentences[0])
        if not fits:
            break
    # A sentence that announces a list or a formula is left out if its continuation is.
    if opening and opening[-1].endswith(":"):
        opening[-1] = " ".join(re.split(r"(?<=[.?!])\s+(?=[A-Z*$])", opening[-1])[:-1])
    return "\n\n".join(part for part in opening if part)


def slide(title, body, notes=(), kind="", small=""):
    """Return the HTML of one slide."""
    small = f'<span class="small">{escape(small)}</span>' if small else ""
    aside = "".join(html(note) for note in notes if note)
    head = f"<h2>{inline(title)}{small}</h2>" if title else ""
    return f'<section class="{kind}">{head}\n{body}\n<aside class="notes">{aside}</aside></section>'


def figures(cell):
    """Return (address, description) of every figure below a cell; of a figure with sliders, its initial frame."""
    outputs = ["".join(output.get("data", {}).get("text/html", "")) for output in cell.get("outputs", [])]
    return [(address, unescape(alt)) for output in outputs for address, alt in IMAGE.findall(output)]


def text_outputs(cell):
    """Return the sentences that a cell computed, without its tables."""
    outputs = ["".join(output.get("data", {}).get("text/markdown", "")) for output in cell.get("outputs", [])]
    return [part for text in outputs for part in paragraphs(text) if not re.match(r"[|>\-✎]|\*\*[✎✗✓]|.*:$", part)]


def timing(section):
    """Return the speaker notes at the beginning of a section: minutes, stop point, and answers to common questions."""
    marks = {
        "must": "Never cut this section.",
        "cut": "You may cut this section if time is short.",
        "line": "The class solves the exercise of this section in its one-line form.",
    }
    notes = [" ".join([f"Plan **{section['minutes']} min**.", *(marks[mark] for mark in section.get("marks", []))])]
    notes += [f"**Stop point:** {section['stop']}"] if "stop" in section else []
    return notes + [f"**{question}** {answer}" for question, answer in section.get("ask", {}).items()]


def section_slides(section, plan, after, measured):
    """Return the slides of one core section.

    Args: section: the section with the outputs of its cells. plan: the entry of the section in the teaching plan.
        after: subheadings of the section, by the number of the cell that follows them. measured: measured results by
        the place of their prediction; each goes into the notes of the figure after the prediction.
    """
    first = next((text for cell, text in section.cells if cell["cell_type"] == "markdown"), "")
    opening, pending = first_sentences(first), []
    in_class = "line" in plan.get("marks", [])
    slides = [
        [section.title, html(opening), timing(plan), "opening", f"{plan['minutes']} min{guide.section_marks(plan)}"]
    ]
    title = section.title
    for place, (cell, text) in enumerate(section.cells):
        title = after.get(place, title)
        if cell["cell_type"] == "markdown":
            announced = False
            for part in paragraphs(text):
                if part.startswith("**Exercise") and in_class:
                    part = re.sub(r"\((\d+ min)\)", r"(at home: \1)", part, count=1)
                    sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z*$`])", part)
                    heading = title if title == section.title else f"{section.number} {title}"
                    slides.append([f"✎ {heading}", html(sentences[0]), [part], "exercise", ""])
                elif part.startswith("**Exercise"):
                    slides[-1][2].append(f"Homework: {part}")
                elif part.startswith("**How to read") or (announced if LIST.match(part) else not ASIDE.match(part)):
                    if not (text is first and part in paragraphs(opening)):
                        slides[-1][2].append(part)
                announced = part.endswith(":") or (announced and bool(LIST.match(part)))
            continue
        if in_class and slides[-1][3] == "exercise" and "check(" in text:
            slides[-1][1] += exercise_stub(text)
            in_class = False  # one exercise per section is enough for a class
        alone = notebook_outline.Section("", 0, "", [(cell, text)])
        if claims := notebook_outline.claim_questions([alone]):
            slides.append(claim_poll_slides(claims))
        for arguments, named in alone.calls("ask_prediction"):
            question = f"<p>{inline(arguments[1] + notebook_outline.printed_choices(named))}</p>"
            slides.append(
                [
                    f"Predict, {arguments[0]}",
                    question,
                    ["Wait until all learners have written down a prediction."],
                    "predict",
                    "",
                ]
            )
            pending += [f"**Measured:** {measured[arguments[0]]}"] if arguments[0] in measured else []
        for address, alt in figures(cell):
            slides.append([title, f'<img src="{address}" alt="{escape(alt)}">', pending, "figure", ""])
            pending = []
        slides[-1][2].extend(text_outputs(cell))
    slides[-1][2].extend(pending)
    return slides


def claim_poll_slides(claims):
    """Return the slide of a poll on claims: claims and options on the slide, the verdicts in its notes."""
    questions = "".join(f"<li>{inline(claim.text)}</li>" for claim in claims)
    choices = " ".join(
        f"<span>{letter})&nbsp;{escape(choice)}</span>" for letter, choice in zip(ascii_lowercase, claims[0].options)
    )
    verdicts = [
        f"{n} {ascii_lowercase[claim.correct]}) {[*claim.options.values()][claim.correct]}"
        for n, claim in enumerate(claims, 1)
    ]
    notes = ["For each claim, ask for a show of hands and count the votes. Then open the verdicts.", *verdicts]
    return [
        f"Poll on {len(claims)} claims",
        f'<p class="choices">{choices}</p><ol>{questions}</ol>',
        notes,
        "claim-poll",
        "",
    ]


def exercise_stub(code):
    """Return the code that an exercise starts from, or an empty string if it is too long for a slide."""
    lines = code[code.find("def ") :].split("\ncheck(")[0].rstrip().splitlines()
    return f'<pre tabindex="0"><code>{escape(chr(10).join(lines))}</code></pre>' if len(lines) <= 16 else ""


def poll_slide(number, question):
    """Return the slide of one quiz question, with the feedback of each option in its notes."""
    options = "".join(
        f"<li><span>{inline(option)}</span>"
        + ('<strong class="fragment" aria-label="correct">✓</strong>' if i == question.correct else "") + "</li>"
        for i, option in enumerate(question.options)
    )  # fmt: skip
    notes = ["Let learners vote, discuss the question with their neighbors, and vote again. Then show the answer."]
    notes += [f"{letter}) {feedback}" for letter, feedback in zip(ascii_lowercase, question.options.values())]
    return [question.text, f'<ol type="a">{options}</ol>', notes, "poll", f"quiz question {number}"]


def chapter_slides(lesson, plan):
    """Return the slides of a chapter by section, with "before" and "after" for the cover and the summary."""
    start, parts, measured = lesson[0], {}, notebook_outline.measured_results(lesson)
    for section in lesson:
        if section.number and section.rank == 2:
            current = parts[section.number] = (
                notebook_outline.Section(section.page, 2, section.title, list(section.cells)),
                {},
            )
        elif section.rank == 3 and not section.number and parts and current:
            current[1][len(current[0].cells)] = section.title
            current[0].cells.extend(section.cells)
        else:
            current = None
    question = re.search(r"\*\*Question\.\*\* (.+)", start.words)
    number = int(start.page[:2])
    welcome = [f"Plan **{guide.chapter_minutes(plan)} min** for this chapter.", *paragraphs(start.words)[1:2]]
    cover = next((image for section in lesson[:3] for cell, _ in section.cells for image in figures(cell)), None)
    image = f'<img src="{cover[0]}" alt="{escape(cover[1])}">' if cover else ""
    head = f'<p class="small">Chapter {number}</p><h1>{escape(start.title)}</h1>'
    head += f'<p class="question">{inline(question[1]) if question else ""}</p>'
    slides = {"before": [["", f"{head}{image}", welcome, "cover", ""]]}
    goals = [part for part in paragraphs(start.words) if part.startswith("- ")]
    slides["before"] += [["After this chapter you can", html(goals[0]), [], "goals", ""]] if goals else []
    for name, section in plan["sections"].items():
        slides[name] = section_slides(parts[name][0], section, parts[name][1], measured)
    quiz = notebook_outline.exercises_of(lesson)[1]
    slides["after"] = [poll_slide(n, quiz[n - 1]) for n in plan.get("polls", {}).get("questions", [])]
    summary_titles = notebook_outline.SUMMARY_TITLES
    summary = next((section for section, _ in parts.values() if section.title.endswith(summary_titles)), None)
    for address, alt in (image for cell, _ in (summary.cells if summary else ()) for image in figures(cell)):
        slides["after"].append([summary.title, f'<img src="{address}" alt="{escape(alt)}">', [], "figure", ""])
    texts = [
        part
        for cell, text in (summary.cells if summary else ())
        for part in (paragraphs(text) if cell["cell_type"] == "markdown" else text_outputs(cell))
    ]
    points = [part for part in texts if part.startswith("1. ")]
    if points:  # the slide shows the statements in bold type, and the notes have the whole text
        statements = "\n".join(re.sub(r"^(\d+\. \*\*.+?\*\*).*", r"\1", line) for line in points[0].splitlines())
        slides["after"].append(["Summary", html(statements), points, "summary", ""])
    return slides


def without_exercise(slides, section, minutes):
    """Return the slides of a section without its exercise, with other minutes on the first slide and in its notes.

    Args: slides: the slides of the section. section: the entry of the section in the teaching plan.
        minutes: minutes of the section in a route that omits the exercise.
    """
    (title, body, notes, kind, _), *others = slides
    short = section | {"minutes": minutes, "marks": [mark for mark in section.get("marks", []) if mark != "line"]}
    notes = timing(short) + notes[len(timing(section)) :]
    opening = [title, body, notes, kind, f"{minutes} min{guide.section_marks(short)}"]
    return [opening, *(parts for parts in others if parts[3] != "exercise")]


def route_slides(plan, name, chapters, welcome=None):
    """Return the slides of a route, from those of its chapters.

    The notes of the first slide of every step contain the time at which it starts.

    Args:
        plan: the teaching plan.
        name: name of the route.
        chapters: the slides of all chapters.
        welcome: figure of the opening slide, (address, description).
    """
    chapter_of = {number: chapter for chapter, entry in plan["chapters"].items() for number in entry["sections"]}
    entries = guide.plan_sections(plan)
    slides, clock, last = [], 0, None

    def begin(parts, *notes):
        time = f"This slide starts at **{guide.format_clock(clock)}**."
        slides.append([*parts[:2], [time, *notes, *parts[2]], *parts[3:]])

    for step in guide.route_steps(plan, name):
        if "what" in step:
            what, _, more = step["what"].partition(": ")
            image = f'<img src="{welcome[0]}" alt="{escape(welcome[1])}">' if welcome and what == "Welcome" else ""
            more = html(more[:1].upper() + more[1:]) if more else ""
            begin([what, more + image, [], "step", f"{step['minutes']} min" if step["minutes"] else ""])
            clock += step["minutes"]
            continue
        whole = step.get("chapter")
        for number in plan["chapters"][whole]["sections"] if whole else [step["section"]]:
            if chapter_of[number] != last:
                last = chapter_of[number]
                cover, *goals = chapters[last]["before"]
                # The note on the minutes of a chapter applies only if all of it is taught.
                begin(cover if whole else [*cover[:2], cover[2][1:], *cover[3:]])
                slides += goals if whole else []
            minutes, parts = entries[number]["minutes"], chapters[last][number]
            if not whole:
                minutes = step["minutes"]
                parts = without_exercise(parts, entries[number], minutes)
                parts = list(takewhile(lambda part: part[0] != step.get("until"), parts))
            begin(parts[0])
            slides += parts[1:]
            clock += minutes
        if whole:
            polls = plan["chapters"][whole].get("polls", {})
            for place, parts in enumerate(chapters[whole]["after"]):
                slides.append(parts) if place else begin(parts)
            clock += polls.get("minutes", 0)
    return slides


def deck_html(title, slides):
    """Return the HTML of a deck."""
    return DECK.format(title=escape(title), slides="\n".join(slide(*parts) for parts in slides))


def executed(root, name):
    """Return a chapter with the cached outputs of the last build.

    Raises:
        SystemExit: there are none, because the book was not built after the last change of the chapter.
    """
    path = root / "_build" / "jupyter_execute" / "chapters" / f"{name}.ipynb"
    cache = next((root / "_build" / ".jupyter_cache").glob("*/global.db"), None)
    try:
        return get_cache(cache.parent).merge_match_into_notebook(nbformat.read(path, as_version=4))[1]
    except (AttributeError, KeyError, FileNotFoundError):
        raise SystemExit(
            f"{name} has no cached outputs, because the book was not built after its last change. Run `make book`."
        ) from None


def copy_assets(target):
    """Copy reveal.js, MathJax and the style sheet beside the decks."""
    for package, (folder, files, name) in FILES.items():
        spec = find_spec(package)
        if spec is None:
            raise SystemExit(f"The package {package} is not installed. Run `make book`, which installs it.")
        (target / name).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(Path(spec.submodule_search_locations[0]) / folder / file, target / name / Path(file).name)
    shutil.copy(Path(__file__).parent / "templates" / "deck.css", target / "deck.css")


def build_decks(root, target):
    """Write a deck for each route and each chapter and an index page, and return the number of decks."""
    plan, chapters, titles = guide.read_plan(root), {}, {}
    shutil.rmtree(target, ignore_errors=True)
    copy_assets(target)
    for path in sorted((root / "chapters").glob("[0-9]*.ipynb")):
        lesson = notebook_outline.sections(executed(root, path.stem), path.name)
        chapters[path.stem], titles[path.stem] = chapter_slides(lesson, plan["chapters"][path.stem]), lesson[0].title
    introduction = notebook_outline.sections(executed(root, "introduction"), "introduction.ipynb")
    welcome = next((image for section in introduction for cell, _ in section.cells for image in figures(cell)), None)
    routes = {
        name.replace(" ", "-"): (name[0].upper() + name[1:], route_slides(plan, name, chapters, welcome))
        for name in plan["routes"]
    }
    whole = {
        name: (titles[name], [parts for some in slides.values() for parts in some]) for name, slides in chapters.items()
    }
    for name, (title, slides) in (routes | whole).items():
        (target / f"{name}.html").write_text(deck_html(title, slides), encoding="utf-8")
    lists = [
        "\n".join(f'<li><a href="{name}.html">{escape(title)}</a></li>' for name, (title, _) in some.items())
        for some in (routes, whole)
    ]
    (target / "index.html").write_text(INDEX.format(routes=lists[0], chapters=lists[1]), encoding="utf-8")
    return len(routes | whole)


if __name__ == "__main__":
    root_dir = Path(__file__).resolve().parent.parent
    count = build_decks(root_dir, root_dir / "_build" / "slides")
    print(f"{count} slide decks were written. Open {root_dir / '_build' / 'slides' / 'index.html'}")
