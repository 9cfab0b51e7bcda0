"""Slides: a deck for each chapter and for each route, made from the chapters as they last ran. No extension, but a command:
``make slides``.

A deck holds the question, and of each core section its opening, the predictions it asks for, the exercise of the room, and its
pictures with the texts that describe them; then the poll, and what was seen. Minutes, stop points, what was measured and the words between the
pictures are the speaker's notes. A route shows the same slides, those of its sections, with the clock.

reveal.js comes from the package sphinx-revealjs, formulas are drawn by the book's own MathJax; both are laid beside the decks, so that
no deck asks another host for anything.
"""

import re
import shutil
from html import escape, unescape
from importlib.util import find_spec
from pathlib import Path
from string import ascii_lowercase

import nbformat
from jupyter_cache import get_cache
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tools.teaching import guide, notebook_outline

WORDS = 70
IMAGE = re.compile(r'<img src="(data:[^"]+)" alt="([^"]+)"')
LINK = re.compile(r'<a href="(?!https?:)[^"]*">(.*?)</a>', re.S)
LIST = re.compile(r"\d+\. |[-*] ")
ASIDE = re.compile(r"\*\*(Predict|How to read|Where it fails|Exercise)|<details|[|#>]|\d+\. |[-*] ")
REVEAL = ["dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js", "LICENSE"]
# By package: the folder in it, the files, and the folder beside the decks.
FILES = {
    "sphinx_revealjs": ("_static/revealjs", REVEAL, "reveal"),
    "sphinx-mathjax-offline": ("static/mathjax", ["tex-svg.js"], "mathjax"),
}

DECK = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="reveal/reset.css"><link rel="stylesheet" href="reveal/reveal.css"><link rel="stylesheet" href="deck.css">
<script>
// The notes are copied as they stand: there, MathML for screen readers would be seen beside its formula.
window.MathJax = {{options: {{enableMenu: false}}, svg: {{fontCache: "local"}}, startup: {{pageReady: () => MathJax.startup.defaultPageReady()
  .then(() => document.querySelectorAll("aside.notes mjx-assistive-mml").forEach((part) => part.remove()))}}}};
</script>
<script src="mathjax/tex-svg.js" defer></script>
</head>
<body>
<main class="reveal"><div class="slides">
{slides}
</div></main>
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
<h2>By route</h2><ul>
{routes}
</ul><h2>By chapter</h2><ol>
{chapters}
</ol><p>Space goes on, S opens the speaker's notes, O shows all slides, G goes to the slide whose number you type, F fills the screen.</p>
<p>Text and figures: CC BY 4.0. Adapted from the slides of the IEEE ICIP 2023 tutorial by G. AlRegib and M. Prabhushankar (CC BY 4.0),
changes made.</p></main></body></html>
"""


def formula(content, how):
    return f"\\[{escape(content)}\\]" if how["display_mode"] else f"\\({escape(content)}\\)"


MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin, renderer=formula)


def html(markdown):
    """Markdown as a slide shows it: links into the book become plain words."""
    return LINK.sub(r"\1", MARKDOWN.render(markdown)).strip()


def inline(markdown):
    return html(markdown).removeprefix("<p>").removesuffix("</p>")


def paragraphs(text):
    return [
        part.strip()
        for part in re.split(r"\n\s*\n", re.sub(r"<details>.*?</details>", "", text, flags=re.S))
        if part.strip()
    ]


def first_sentences(text, words=WORDS):
    """How a section begins: whole paragraphs, at most so many words; of a first one that is longer, its first sentences."""
    kept = []
    for paragraph in paragraphs(text):
        if ASIDE.match(paragraph):
            break
        fits = paragraph.startswith("$$") or len(" ".join([*kept, paragraph]).split()) <= words
        if not fits and kept:
            break
        sentences, some = re.split(r"(?<=[.?!:])\s+(?=[A-Z*$])", paragraph), []
        while not fits and sentences and len(" ".join([*some, sentences[0]]).split()) <= words:
            some.append(sentences.pop(0))
        kept.append(paragraph if fits else " ".join(some) or sentences[0])
        if not fits:
            break
    # What announces something, and does not bring it, stays away.
    if kept and kept[-1].endswith(":"):
        kept[-1] = " ".join(re.split(r"(?<=[.?!])\s+(?=[A-Z*$])", kept[-1])[:-1])
    return "\n\n".join(part for part in kept if part)


def slide(title, body, notes=(), kind="", small=""):
    small = f'<span class="small">{escape(small)}</span>' if small else ""
    aside = "".join(html(note) for note in notes if note)
    head = f"<h2>{inline(title)}{small}</h2>" if title else ""
    return f'<section class="{kind}">{head}\n{body}\n<aside class="notes">{aside}</aside></section>'


def pictures(cell):
    """(address, description) of everything drawn below a cell; of a figure with sliders the frame where they stand."""
    shown = ["".join(output.get("data", {}).get("text/html", "")) for output in cell.get("outputs", [])]
    return [(address, unescape(alt)) for output in shown for address, alt in IMAGE.findall(output)]


def text_outputs(cell):
    """The sentences with numbers that a cell computed; tables stay in the chapter."""
    said = ["".join(output.get("data", {}).get("text/markdown", "")) for output in cell.get("outputs", [])]
    return [part for text in said for part in paragraphs(text) if not re.match(r"[|>\-✎]|\*\*[✎✗✓]|.*:$", part)]


def timing(section):
    """What a speaker wants to know on entering a section."""
    marks = {
        "must": "Never cut this one.",
        "cut": "May be cut by the clock.",
        "line": "The exercise here is done in its one-line form.",
    }
    notes = [f"**{section['minutes']} minutes.** " + " ".join(marks[mark] for mark in section.get("marks", []))]
    notes += [f"**Stop point:** {section['stop']}"] if "stop" in section else []
    return notes + [f"**{question}** {answer}" for question, answer in section.get("ask", {}).items()]


def section_slides(section, plan, after, measured):
    """The slides of one core section. ``after``: headings below the section, by the number of the cell they stand before.

    measured: what came out, by the place of its prediction. It waits in the notes of the picture after the prediction.
    """
    first = next((text for cell, text in section.cells if cell["cell_type"] == "markdown"), "")
    shown, waiting = first_sentences(first), []
    in_the_room = "line" in plan.get("marks", [])
    made = [[section.title, html(shown), timing(plan), "opening", f"{plan['minutes']} min{guide.section_marks(plan)}"]]
    title = section.title
    for place, (cell, text) in enumerate(section.cells):
        title = after.get(place, title)
        if cell["cell_type"] == "markdown":
            announced = False
            for part in paragraphs(text):
                if part.startswith("**Exercise") and in_the_room:
                    part = re.sub(r"\((\d+ min)\)", r"(at home: \1)", part, count=1)
                    made.append([f"✎ {title}", html(part), [], "exercise", ""])
                elif part.startswith("**Exercise"):
                    made[-1][2].append(f"For home: {part}")
                elif re.match(r"\*\*(How to read|Where it fails)", part) or (
                    announced if LIST.match(part) else not ASIDE.match(part)
                ):
                    if not (text is first and part in paragraphs(shown)):
                        made[-1][2].append(part)
                announced = part.endswith(":") or (announced and bool(LIST.match(part)))
            continue
        if made[-1][3] == "exercise" and "check(" in text:
            made[-1][1] += exercise_stub(text)
            in_the_room = False  # one is enough for a room
        alone = notebook_outline.Section("", 0, "", [(cell, text)])
        if claims := notebook_outline.votes([alone]):
            made.append(claim_poll_slides(claims))
        for arguments, named in alone.calls("predict"):
            question = f"<p>{escape(named.get('ask', ''))}</p>"
            made.append(
                [f"Predict, {arguments[0]}", question, ["Let everyone write it down before you go on."], "predict", ""]
            )
            waiting += [f"**Measured:** {measured[arguments[0]]}"] if arguments[0] in measured else []
        for address, alt in pictures(cell):
            made.append([title, f'<img src="{address}" alt="{escape(alt)}">', waiting, "picture", ""])
            waiting = []
        made[-1][2].extend(text_outputs(cell))
    made[-1][2].extend(waiting)
    return made


def claim_poll_slides(claims):
    """A vote on claims: all of them with the choices on one slide, what the ledger says in its notes."""
    asked = "".join(f"<li>{inline(claim.text)}</li>" for claim in claims)
    choices = " ".join(
        f"<span>{letter})&nbsp;{escape(choice)}</span>" for letter, choice in zip(ascii_lowercase, claims[0].options)
    )
    said = [
        f"{n} {ascii_lowercase[claim.correct]}) {[*claim.options.values()][claim.correct]}"
        for n, claim in enumerate(claims, 1)
    ]
    notes = ["A show of hands for each claim; count, then open the rows.", *said]
    return [f"Vote: {len(claims)} claims", f'<p class="choices">{choices}</p><ol>{asked}</ol>', notes, "vote", ""]


def exercise_stub(code):
    """The function that an exercise hands out, as far as a slide can hold it."""
    lines = code[code.find("def ") :].split("\ncheck(")[0].rstrip().splitlines()
    return f'<pre tabindex="0"><code>{escape(chr(10).join(lines))}</code></pre>' if len(lines) <= 16 else ""


def poll_slide(number, question):
    options = "".join(
        f"<li><span>{inline(option)}</span>"
        + ('<strong class="fragment" aria-label="right">✓</strong>' if i == question.correct else "") + "</li>"
        for i, option in enumerate(question.options)
    )  # fmt: skip
    notes = ["Vote; let neighbours talk; vote again. Then show the answer."]
    notes += [f"{letter}) {feedback}" for letter, feedback in zip(ascii_lowercase, question.options.values())]
    return [question.text, f'<ol type="a">{options}</ol>', notes, "poll", f"poll, {number}"]


def chapter_slides(lesson, plan):
    """The slides of a chapter, given its sections with what they showed when they ran: by section, and before and after them all."""
    start, found, measured = lesson[0], {}, notebook_outline.measured(lesson)
    for section in lesson:
        if section.number and section.rank == 2:
            current = found[section.number] = (
                notebook_outline.Section(section.page, 2, section.title, list(section.cells)),
                {},
            )
        elif section.rank == 3 and not section.number and found and current:
            current[1][len(current[0].cells)] = section.title
            current[0].cells.extend(section.cells)
        else:
            current = None
    asked = re.search(r"\*\*Question\.\*\* \*(.+?)\*", start.words)
    number = int(start.page[:2])
    welcome = [f"**{guide.chapter_minutes(plan)} minutes for this chapter.**", *paragraphs(start.words)[1:2]]
    cover = next((image for section in lesson[:3] for cell, _ in section.cells for image in pictures(cell)), None)
    image = f'<img src="{cover[0]}" alt="{escape(cover[1])}">' if cover else ""
    head = f'<p class="small">Chapter {number}</p><h1>{escape(start.title)}</h1><p class="question">{escape(asked[1]) if asked else ""}</p>'
    made = {"before": [["", f"{head}{image}", welcome, "cover", ""]]}
    goals = [part for part in paragraphs(start.words) if part.startswith("- ")]
    made["before"] += [["After this chapter you can", html(goals[0]), [], "goals", ""]] if goals else []
    for name, section in plan["sections"].items():
        made[name] = section_slides(found[name][0], section, found[name][1], measured)
    quiz = notebook_outline.exercises_of(lesson)[1]
    made["after"] = [poll_slide(n, quiz[n - 1]) for n in plan.get("polls", {}).get("questions", [])]
    seen = next((section for section, _ in found.values() if section.title.endswith("What we saw")), None)
    told = [
        part
        for cell, text in (seen.cells if seen else ())
        for part in (paragraphs(text) if cell["cell_type"] == "markdown" else text_outputs(cell))
    ]
    points = [part for part in told if part.startswith("1. ")]
    made["after"] += [["What we saw", html(points[0]), [], "seen", ""]] if points else []
    return made


def route_slides(plan, name, chapters, welcome=None):
    """The slides of a route, from those of its chapters; the clock is in the notes of each slide that begins something.

    welcome: a picture, (address, description), for the doors.
    """
    home = {number: chapter for chapter, entry in plan["chapters"].items() for number in entry["sections"]}
    minutes = {number: section["minutes"] for number, section in guide.plan_sections(plan).items()}
    made, at, last = [], 0, None

    def begin(parts, *notes):
        made.append([*parts[:2], [f"**Clock {guide.format_clock(at)}.**", *notes, *parts[2]], *parts[3:]])

    for step in guide.route_steps(plan, name):
        if "what" in step:
            what, _, more = step["what"].partition(": ")
            image = f'<img src="{welcome[0]}" alt="{escape(welcome[1])}">' if welcome and what == "Doors" else ""
            more = html(more[:1].upper() + more[1:]) if more else ""
            begin([what, more + image, [], "step", f"{step['minutes']} min" if step["minutes"] else ""])
            at += step["minutes"]
            continue
        whole = step.get("chapter")
        for number in plan["chapters"][whole]["sections"] if whole else step["sections"]:
            if home[number] != last:
                last = home[number]
                cover, *goals = chapters[last]["before"]
                # The minutes of a chapter are for who gives all of it.
                begin(cover if whole else [*cover[:2], cover[2][1:], *cover[3:]])
                made += goals if whole else []
            start, *others = chapters[last][number]
            begin(start)
            made += others
            at += minutes[number]
        if whole:
            polls = plan["chapters"][whole].get("polls", {})
            for place, parts in enumerate(chapters[whole]["after"]):
                made.append(parts) if place else begin(parts)
            at += polls.get("minutes", 0)
    return made


def deck_html(title, made):
    return DECK.format(title=escape(title), slides="\n".join(slide(*parts) for parts in made))


def executed(root, name):
    """A chapter with the outputs that the last build kept.

    Raises:
        SystemExit: there are none; the book was not built since the chapter changed.
    """
    path = root / "_build" / "jupyter_execute" / "chapters" / f"{name}.ipynb"
    cache = next((root / "_build" / ".jupyter_cache").glob("*/global.db"), None)
    try:
        return get_cache(cache.parent).merge_match_into_notebook(nbformat.read(path, as_version=4))[1]
    except (AttributeError, KeyError, FileNotFoundError):
        raise SystemExit(f"{name} has not run yet: make book") from None


def copy_assets(target):
    """Lay reveal.js, MathJax and the style beside the decks."""
    for package, (folder, files, name) in FILES.items():
        spec = find_spec(package)
        if spec is None:
            raise SystemExit(f"{package} is not installed: make book")
        (target / name).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(Path(spec.submodule_search_locations[0]) / folder / file, target / name / Path(file).name)
    shutil.copy(Path(__file__).parent.parent / "slides" / "deck.css", target / "deck.css")


def build_decks(root, target):
    """Write a deck for each route and for each chapter, and a page that names them."""
    plan, chapters, titles = guide.read_plan(root), {}, {}
    shutil.rmtree(target, ignore_errors=True)
    copy_assets(target)
    for path in sorted((root / "chapters").glob("[0-9]*.ipynb")):
        lesson = notebook_outline.sections(executed(root, path.stem), path.name)
        chapters[path.stem], titles[path.stem] = chapter_slides(lesson, plan["chapters"][path.stem]), lesson[0].title
    introduction = notebook_outline.sections(executed(root, "introduction"), "introduction.ipynb")
    welcome = next((image for section in introduction for cell, _ in section.cells for image in pictures(cell)), None)
    routes = {
        name.replace(" ", "-"): (name[0].upper() + name[1:], route_slides(plan, name, chapters, welcome))
        for name in plan["routes"]
    }
    whole = {
        name: (titles[name], [parts for some in made.values() for parts in some]) for name, made in chapters.items()
    }
    for name, (title, made) in (routes | whole).items():
        (target / f"{name}.html").write_text(deck_html(title, made), encoding="utf-8")
    listed = [
        "\n".join(f'<li><a href="{name}.html">{escape(title)}</a></li>' for name, (title, _) in some.items())
        for some in (routes, whole)
    ]
    (target / "index.html").write_text(INDEX.format(routes=listed[0], chapters=listed[1]), encoding="utf-8")
    return len(routes | whole)


if __name__ == "__main__":
    home = Path(__file__).resolve().parent.parent
    count = build_decks(home, home / "_build" / "slides")
    print(f"{count} decks. Open {home / '_build' / 'slides' / 'index.html'}")
