"""The teaching guide's tables, made when the book is built: routes and their minutes from chapters/teaching.yml, names and links
from the chapters, mistakes from the exercises, and what a room costs from the run cards of this build and the packages of this machine.

The page holds a mark for each table. Those about the chapters are filled while it is read; those about their runs once every chapter has run.
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
    return yaml.safe_load((Path(root) / "chapters" / "teaching.yml").read_text(encoding="utf-8"))


# Minutes.


def chapter_minutes(chapter):
    return sum(section["minutes"] for section in chapter["sections"].values()) + chapter.get("polls", {}).get(
        "minutes", 0
    )


def plan_sections(plan):
    return {number: section for chapter in plan["chapters"].values() for number, section in chapter["sections"].items()}


def route_steps(plan, name):
    """A route step by step, routes inside it unrolled: each with its minutes, its minutes hands on, and whether it is a break."""
    for step in plan["routes"][name]["steps"]:
        if "route" in step:
            yield from route_steps(plan, step["route"])
        elif "chapter" in step:
            chapter = plan["chapters"][step["chapter"]]
            yield {"break": False, "minutes": chapter_minutes(chapter), "hands": chapter["hands"]} | step
        elif "sections" in step:
            yield {
                "break": False,
                "minutes": sum(plan_sections(plan)[n]["minutes"] for n in step["sections"]),
                "hands": 0,
            } | step
        else:
            yield {"break": False, "hands": 0} | step


def validate_plan(plan, found):
    """What does not hold of a plan, given the sections of the chapters that are there."""
    said = [
        f"nobody teaches {name}: give it an entry below 'chapters'" for name in found if name not in plan["chapters"]
    ]
    for name, chapter in plan["chapters"].items():
        if name not in found:  # not in this edition yet
            continue
        lesson = found[name]
        headings, words = notebook_outline.numbered_sections(lesson), "\n".join(section.words for section in lesson)
        missing = [number for number in chapter["sections"] if number not in headings]
        said += [f"{name} has no section {number}" for number in missing]
        core = [
            number
            for number, section in headings.items()
            if section.rank == 2 and not section.title.endswith("What we saw")
        ]
        said += [f"{name}: nobody teaches {number}" for number in core if number not in chapter["sections"]]
        if f"{chapter_minutes(chapter)} min to teach" not in words:
            said.append(f"{name}: its first screen does not say '{chapter_minutes(chapter)} min to teach'")
        for mark in ("must", "cut"):
            if not any(mark in section.get("marks", []) for section in chapter["sections"].values()):
                said.append(f"{name}: no section is marked '{mark}'")
    for name, route in plan["routes"].items():
        done, sat = 0, 0
        for step in route_steps(plan, name):
            done, sat = done + step["minutes"], 0 if step["break"] else sat + step["minutes"]
            if sat > route["sitting"]:
                said.append(f"{name}: at {done} min people have sat for {sat}, and {route['sitting']} is the most")
            if step["hands"] > step["minutes"]:
                said.append(f"{name}: more minutes hands on than minutes: {step}")
        if done != route["minutes"]:
            said.append(f"{name}: its steps take {done} min, not {route['minutes']}")
    return said


# Tables.


def table(head, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]) + "\n"


def format_clock(minutes):
    return f"{minutes // 60}:{minutes % 60:02d}"


def section_marks(section):
    return "".join(f" {SECTION_MARKS[mark]}" for mark in section.get("marks", []))


class Guide:
    """The tables about one book: its plan and its chapters."""

    def __init__(self, root):
        self.plan, self.found = read_plan(root), notebook_outline.chapters(root)
        self.headings = {
            number: s
            for lesson in self.found.values()
            for number, s in notebook_outline.numbered_sections(lesson).items()
        }

    def named(self, number):
        """A section with its link, where the book has it already."""
        section = plan_sections(self.plan)[number]
        title = self.headings[number].link if number in self.headings else f"{number} {section['title']}"
        return title + section_marks(section)

    def chapter(self, name):
        title = self.plan["chapters"][name]["title"]
        return f"[{title}]({name}.ipynb)" if name in self.found else title

    def step(self, step):
        if "chapter" in step:
            return f"**Chapter {int(step['chapter'][:2])}.** {self.chapter(step['chapter'])}"
        if "sections" in step:
            return " · ".join(self.named(number) for number in step["sections"])
        return step["what"]

    def routes(self):
        parts = []
        for name, route in self.plan["routes"].items():
            rows, at = [], 0
            for step in route_steps(self.plan, name):
                rows.append([format_clock(at), str(step["minutes"] or "–"), self.step(step), str(step["hands"] or "–")])
                at += step["minutes"]
            working = sum(step["minutes"] for step in route_steps(self.plan, name) if not step["break"])
            hands = sum(step["hands"] for step in route_steps(self.plan, name))
            rows.append(
                [f"**{format_clock(at)}**", f"**{route['minutes']}**", f"of which {working} at work", f"**{hands}**"]
            )
            # A route without planned minutes on the keys has no column for them.
            made = (
                table(["from", "min", "what", "hands on"], rows)
                if hands
                else table(["from", "min", "what"], [row[:3] for row in rows])
            )
            parts += [f"### {name[0].upper() + name[1:]}", "", route["about"], "", made]
        return "\n".join(parts)

    def sections(self):
        parts = []
        for name, chapter in self.plan["chapters"].items():
            rows = [[self.named(n), str(s["minutes"]), s.get("stop", "")] for n, s in chapter["sections"].items()]
            if polls := chapter.get("polls"):
                rows.append(
                    [f"Poll: quiz questions {' and '.join(map(str, polls['questions']))}", str(polls["minutes"]), ""]
                )
            rows.append(["**together**", f"**{chapter_minutes(chapter)}**", ""])
            parts += [
                f"### Chapter {int(name[:2])}, section by section",
                "",
                table(["section", "min", "stop point"], rows),
            ]
        return "\n".join(parts)

    def elastic(self):
        chosen = {
            mark: [n for n, s in plan_sections(self.plan).items() if mark in s.get("marks", [])]
            for mark in SECTION_MARKS
        }
        saved = sum(plan_sections(self.plan)[n]["minutes"] for n in chosen["cut"])
        words = {"must": "never cut", "cut": f"cut by the clock; all of them win {saved} minutes"}
        words |= {"line": "hold the exercise in its one-line form"}
        return "\n".join(
            f"- {SECTION_MARKS[mark]} **{words[mark]}:** {', '.join(chosen[mark])}" for mark in SECTION_MARKS
        )

    def questions(self):
        parts = []
        for number, section in plan_sections(self.plan).items():
            parts += [f"**{q}** ({number}) {a}\n" for q, a in section.get("ask", {}).items()]
        return "\n".join(parts)

    def deeper(self):
        rows = [[s.link, str(s.minutes)] for s in self.headings.values() if s.rank == 3]
        return table(["section", "min"], rows)

    def mistakes(self):
        """The first sentence of each hint names what is off; sentences that need a reader's numbers wait for that reader."""
        parts = []
        for name, lesson in self.found.items():
            parts += [f"### Mistakes in chapter {int(name[:2])}", ""]
            for section, exercise in notebook_outline.exercises_of(lesson)[0]:
                named = [first_sentence(hint) for hint in (*exercise.known_mistakes, *exercise.side_effect_checks)]
                parts += [
                    f"**`{exercise.name}`**, in {section.link}",
                    "",
                    *(f"- {slip}" for slip in named if "{" not in slip),
                    "",
                ]
        return "\n".join(parts)

    def tables(self):
        return {
            "routes": self.routes(), "sections": self.sections(), "elastic sections": self.elastic(), "questions": self.questions(),
            "deeper sections": self.deeper(), "mistakes": self.mistakes(),
        }  # fmt: skip


def first_sentence(hint):
    return re.split(r"(?<=[.:?])\s", hint, maxsplit=1)[0].rstrip(":")


# The page.


def placeholder(name):
    return f"<!-- {name} -->"


def fill_page(app, docname, source):
    if docname != PAGE:
        return
    root, text = Path(app.srcdir), source[0]
    guide = Guide(root)
    if said := validate_plan(guide.plan, guide.found):
        raise ValueError("chapters/teaching.yml: " + "; ".join(said))
    for name, content in guide.tables().items():
        if placeholder(name) not in text:
            raise ValueError(f"{PAGE} needs the line {placeholder(name)}, where a table goes")
        text = text.replace(placeholder(name), content)
    for table in ("run cards", "costs"):
        text = text.replace(placeholder(table), f'<div class="teaching-late" data-table="{table}"></div>')
    source[0] = text
    for file in [root / "chapters" / "teaching.yml", *sorted((root / "chapters").glob("[0-9]*.ipynb"))]:
        app.env.note_dependency(str(file))


def execution_stats(env):
    """The run card of every chapter of this build, by the chapter's title."""
    found = {}
    for docname in sorted(name for name in env.found_docs if re.match(r"chapters/\d", name)):
        for raw in env.get_doctree(docname).findall(nodes.raw):
            if card := compute_costs.read_execution_stats(raw.astext()):
                found[env.titles[docname].astext()] = card
    return found


def fill_measured(app, doctree, docname):
    if docname != PAGE:
        return
    measured = execution_stats(app.env)
    for raw in list(doctree.findall(nodes.raw)):
        asked = re.search(r'class="teaching-late" data-table="([^"]+)"', raw.astext())
        if asked:
            made = "<p>Nothing ran in this build.</p>"
            if measured:
                made = (
                    compute_costs.run_table(measured)
                    if asked[1] == "run cards"
                    else compute_costs.cost_table(measured, app.srcdir)
                )
            raw.replace_self(nodes.raw("", made, format="html"))


def setup(app):
    return post_build_page.register_post_build_page(app, PAGE, fill_page, fill_measured)
