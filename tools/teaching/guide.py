"""Fill the tables of the teaching guide when the book is built.

Routes and minutes come from chapters/teaching.yml, names and links from the chapters, mistakes from the exercises, and
costs from the execution stats of this build and the packages of this machine. The page has a placeholder for each
table. Tables about the chapters are filled while the page is read, tables about their runs when every chapter has run.
"""

import re
from pathlib import Path

import yaml
from docutils import nodes

from docs_ext import post_build_page
from tools.teaching import compute_costs, notebook_outline

PAGE = "chapters/teaching"
SECTION_MARKS = {"must": "●", "cut": "◌", "line": "✎"}


def read_plan(root):
    """Return the teaching plan."""
    return yaml.safe_load((Path(root) / "chapters" / "teaching.yml").read_text(encoding="utf-8"))


def chapter_minutes(chapter):
    """Return the minutes of a chapter in the plan: its sections and its polls."""
    return sum(section["minutes"] for section in chapter["sections"].values()) + chapter.get("polls", {}).get(
        "minutes", 0
    )


def plan_sections(plan):
    """Return the sections of all chapters of the plan by number."""
    return {number: section for chapter in plan["chapters"].values() for number, section in chapter["sections"].items()}


def route_steps(plan, name):
    """Yield the steps of a route, with nested routes expanded: minutes, hands-on minutes, and whether it is a break."""
    for step in plan["routes"][name]["steps"]:
        if "route" in step:
            yield from route_steps(plan, step["route"])
        elif "chapter" in step:
            chapter = plan["chapters"][step["chapter"]]
            yield {"break": False, "minutes": chapter_minutes(chapter), "hands": chapter["hands"]} | step
        else:
            yield {"break": False, "hands": 0} | step


def validate_plan(plan, outlines):
    """Return the errors of a plan as messages, given the sections of the existing chapters."""
    errors = [
        f"{name} is not in the plan: add an entry below 'chapters'" for name in outlines if name not in plan["chapters"]
    ]
    for name, chapter in plan["chapters"].items():
        if name not in outlines:  # not in this edition yet
            continue
        lesson = outlines[name]
        headings, words = notebook_outline.numbered_sections(lesson), "\n".join(section.words for section in lesson)
        missing = [number for number in chapter["sections"] if number not in headings]
        errors += [f"{name} has no section {number}" for number in missing]
        core = [
            number
            for number, section in headings.items()
            if section.rank == 2 and not section.title.endswith(notebook_outline.SUMMARY_TITLES)
        ]
        errors += [
            f"{name}: section {number} is not in the plan" for number in core if number not in chapter["sections"]
        ]
        if f"{chapter_minutes(chapter)} min to teach" not in words:
            errors.append(f"{name}: its first screen does not state '{chapter_minutes(chapter)} min to teach'")
        for mark in ("must", "cut"):
            if not any(mark in section.get("marks", []) for section in chapter["sections"].values()):
                errors.append(f"{name}: no section is marked '{mark}'")
    for name, route in plan["routes"].items():
        total, since_break = 0, 0
        for step in route_steps(plan, name):
            total, since_break = total + step["minutes"], 0 if step["break"] else since_break + step["minutes"]
            if since_break > route["sitting"]:
                errors.append(
                    f"{name}: at {total} min there was no break for {since_break} min; "
                    f"the maximum is {route['sitting']}"
                )
            if step["hands"] > step["minutes"]:
                errors.append(f"{name}: more hands-on minutes than minutes: {step}")
        if total != route["minutes"]:
            errors.append(f"{name}: its steps take {total} min, not {route['minutes']}")
    return errors


def table(head, rows):
    """Return a Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]) + "\n"


def format_clock(minutes):
    """Return minutes as ``h:mm``."""
    return f"{minutes // 60}:{minutes % 60:02d}"


def section_marks(section):
    """Return the symbols of a section's marks."""
    return "".join(f" {SECTION_MARKS[mark]}" for mark in section.get("marks", []))


class Guide:
    """The tables of the teaching guide, from the plan and the chapters of one book."""

    def __init__(self, root):
        self.plan, self.outlines = read_plan(root), notebook_outline.chapters(root)
        self.headings = {
            number: s
            for lesson in self.outlines.values()
            for number, s in notebook_outline.numbered_sections(lesson).items()
        }

    def section_title(self, number):
        """Return the title of a section with its marks, as a link if the section exists."""
        section = plan_sections(self.plan)[number]
        title = self.headings[number].link if number in self.headings else f"{number} {section['title']}"
        return title + section_marks(section)

    def chapter(self, name):
        """Return the title of a chapter, as a link if the chapter exists."""
        title = self.plan["chapters"][name]["title"]
        return f"[{title}]({name}.ipynb)" if name in self.outlines else title

    def step(self, step):
        """Return the description of a step of a route."""
        if "chapter" in step:
            return f"**Chapter {int(step['chapter'][:2])}.** {self.chapter(step['chapter'])}"
        if "section" in step:  # its minutes do not include the exercise
            return self.section_title(step["section"]).removesuffix(f" {SECTION_MARKS['line']}")
        return step["what"]

    def routes(self):
        """Return the table of every route."""
        parts = []
        for name, route in self.plan["routes"].items():
            rows, at = [], 0
            for step in route_steps(self.plan, name):
                rows.append([format_clock(at), str(step["minutes"] or "–"), self.step(step), str(step["hands"] or "–")])
                at += step["minutes"]
            working = sum(step["minutes"] for step in route_steps(self.plan, name) if not step["break"])
            hands = sum(step["hands"] for step in route_steps(self.plan, name))
            rows.append(
                [
                    f"**{format_clock(at)}**",
                    f"**{route['minutes']}**",
                    f"total; {working} minutes without the breaks" if working < at else "total",
                    f"**{hands}**",
                ]
            )
            # A route without planned hands-on minutes has no column for them.
            rendered = (
                table(["start", "minutes", "content", "hands-on minutes"], rows)
                if hands
                else table(["start", "minutes", "content"], [row[:3] for row in rows])
            )
            parts += [f"### {name[0].upper() + name[1:]}", "", route["about"], "", rendered]
        return "\n".join(parts)

    def sections(self):
        """Return the table of sections, minutes and stop points of every chapter."""
        parts = []
        for name, chapter in self.plan["chapters"].items():
            rows = [
                [self.section_title(n), str(s["minutes"]), s.get("stop", "")] for n, s in chapter["sections"].items()
            ]
            if polls := chapter.get("polls"):
                rows.append(
                    [f"Poll on quiz questions {' and '.join(map(str, polls['questions']))}", str(polls["minutes"]), ""]
                )
            rows.append(["**total**", f"**{chapter_minutes(chapter)}**", ""])
            parts += [
                f"### Sections of chapter {int(name[:2])}",
                "",
                table(["section", "minutes", "stop point"], rows),
            ]
        return "\n".join(parts)

    def elastic(self):
        """Return the list of sections that are never cut, may be cut, or have a short exercise."""
        chosen = {
            mark: [n for n, s in plan_sections(self.plan).items() if mark in s.get("marks", [])]
            for mark in SECTION_MARKS
        }
        saved = sum(plan_sections(self.plan)[n]["minutes"] for n in chosen["cut"])
        meanings = {
            "must": "Never cut these sections",
            "cut": f"Cut these sections if time is short, which saves up to {saved} minutes",
            "line": "Solve the exercise of these sections in its one-line form",
        }
        return "\n".join(
            f"- {SECTION_MARKS[mark]} **{meanings[mark]}:** {', '.join(chosen[mark])}" for mark in SECTION_MARKS
        )

    def questions(self):
        """Return the common questions of learners with their answers."""
        parts = []
        for number, section in plan_sections(self.plan).items():
            parts += [f"**{q}** ({number}) {a}\n" for q, a in section.get("ask", {}).items()]
        return "\n".join(parts)

    def advanced(self):
        """Return the table of advanced sections and their minutes."""
        rows = [[s.link, str(s.minutes)] for s in self.headings.values() if s.rank == 3]
        return table(["section", "minutes"], rows)

    def mistakes(self):
        """Return the mistakes that each exercise recognizes: the first sentence of each hint without a number field."""
        parts = []
        for name, lesson in self.outlines.items():
            parts += [f"### Mistakes in chapter {int(name[:2])}", ""]
            for section, exercise in notebook_outline.exercises_of(lesson)[0]:
                mistakes = [first_sentence(hint) for hint in (*exercise.known_mistakes, *exercise.side_effect_checks)]
                parts += [
                    f"**`{exercise.name}`** in {section.link}:",
                    "",
                    *(f"- {mistake}" for mistake in mistakes if "{" not in mistake),
                    "",
                ]
        return "\n".join(parts)

    def tables(self):
        """Return all tables by the name of their placeholder."""
        return {
            "routes": self.routes(),
            "sections": self.sections(),
            "elastic sections": self.elastic(),
            "questions": self.questions(),
            "further sections": self.advanced(),
            "mistakes": self.mistakes(),
        }


def first_sentence(hint):
    """Return the first sentence of a hint."""
    return re.split(r"(?<=[.:?])\s", hint, maxsplit=1)[0].rstrip(":")


def placeholder(name):
    """Return the comment that marks the place of a table."""
    return f"<!-- {name} -->"


def fill_page(app, docname, source):
    """Fill the tables about the chapters while the page is read."""
    if docname != PAGE:
        return
    root, text = Path(app.srcdir), source[0]
    guide = Guide(root)
    if errors := validate_plan(guide.plan, guide.outlines):
        raise ValueError("chapters/teaching.yml: " + "; ".join(errors))
    for name, content in guide.tables().items():
        if placeholder(name) not in text:
            raise ValueError(f"{PAGE} needs the line {placeholder(name)}, where a table goes")
        text = text.replace(placeholder(name), content)
    for table in ("last runs", "costs"):
        text = text.replace(placeholder(table), f'<div class="teaching-measured" data-table="{table}"></div>')
    source[0] = text
    for file in [root / "chapters" / "teaching.yml", *sorted((root / "chapters").glob("[0-9]*.ipynb"))]:
        app.env.note_dependency(str(file))


def execution_stats(env):
    """Return the execution stats of every chapter of this build by its title."""
    stats = {}
    for docname in sorted(name for name in env.found_docs if re.match(r"chapters/\d", name)):
        for raw in env.get_doctree(docname).findall(nodes.raw):
            if numbers := compute_costs.read_execution_stats(raw.astext()):
                stats[env.titles[docname].astext()] = numbers
    return stats


def fill_measured(app, doctree, docname):
    """Fill the tables about the runs of the chapters when every chapter has run."""
    if docname != PAGE:
        return
    measured = execution_stats(app.env)
    for raw in list(doctree.findall(nodes.raw)):
        marker = re.search(r'class="teaching-measured" data-table="([^"]+)"', raw.astext())
        if marker:
            html = "<p>No chapter was run when this page was built.</p>"
            if measured:
                html = (
                    compute_costs.run_table(measured)
                    if marker[1] == "last runs"
                    else compute_costs.cost_table(measured, app.srcdir)
                )
            raw.replace_self(nodes.raw("", html, format="html"))


def setup(app):
    """Register the extension."""
    return post_build_page.register_post_build_page(app, PAGE, fill_page, fill_measured)
