"""Where every stored table comes from, on one page: written when the book is built, from the tables themselves.

The page holds a mark; here it becomes a summary of all stored results and a section for each: what the study asks, the command, the
day, machine, versions, seeds, the real pictures, and how long each part took, where that was recorded.
"""

import ast
import json
import re
from html import escape
from pathlib import Path

PAGE, PLACEHOLDER = "chapters/reproduction", "<!-- stored results -->"
NOT_RECORDED = "not recorded"


def study_summary(study):
    """What a study asks, in the words of its own first line."""
    return ast.get_docstring(ast.parse(study.read_text(encoding="utf-8"))).partition("\n\n")[0].replace("\n", " ")


def seeds(content):
    """The seeds that a table's rows name; else the one that the whole study began with."""
    found = sorted({row["seed"] for row in content["rows"] if isinstance(row.get("seed"), int)})
    begun = re.search(r"--seed (\d+)", content["provenance"]["command"])
    return ", ".join(map(str, found or [int(begun[1]) if begun else 0]))


def duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def format_provenance(provenance):
    """How long all parts took together."""
    return duration(sum(provenance["seconds"].values())) if "seconds" in provenance else NOT_RECORDED


def chapters_using(name, chapters):
    """The chapters that show a table."""
    asked = re.compile(rf"stored\(\W*{re.escape(name)}\W*\)")
    return [file.stem for file in chapters if asked.search(file.read_text(encoding="utf-8"))]


def section(name, content, study, chapters):
    p = content["provenance"]
    data = [f"{source['subset']} (sha256 `{source['sha256'][:12]}…`)" for source in p["data"]] or [
        "the drawn sign world"
    ]
    versions = ", ".join(f"{package} {version}" for package, version in p["versions"].items())
    shown = ", ".join(f"[{int(stem[:2])}]({stem}.ipynb)" for stem in chapters_using(name, chapters))
    lines = [f"### {name}", "", study_summary(study), ""]
    lines += [f"- **make it again:** `{p['command']}`", f"- **made:** {p['date']}, on {p['machine']}, with {versions}"]
    counted = f"- **seeds:** {seeds(content)} · **rows:** {len(content['rows']):,}"
    lines += [counted + f" · **shown in chapter** {shown}" * bool(shown)]
    lines += ["- **looked at:** " + "; ".join(data), f"- **time:** {format_provenance(p)}", ""]
    if len(p.get("seconds", ())) > 1:
        parts = "".join(f"<tr><td>{escape(part)}</td><td>{duration(s)}</td></tr>" for part, s in p["seconds"].items())
        lines += [
            f"<details><summary>Time by part</summary><table><tr><th>part</th><th>time</th></tr>{parts}</table></details>",
            "",
        ]
    return "\n".join(lines)


def data_sources(root):
    """The files that the page is made of: tables, studies, chapters."""
    tables = sorted((root / "tutorial_lib" / "results").glob("*.json"))
    return (
        tables,
        [root / "experiments" / f"{table.stem}.py" for table in tables],
        sorted((root / "chapters").glob("[0-9]*.ipynb")),
    )


def stored_results(root):
    """Markdown about every stored result below ``root``: a summary, then a section each."""
    tables, studies, chapters = data_sources(root)
    found = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in tables}
    table = ["| table | rows | made | time |", "|---|---|---|---|"]
    for name, content in found.items():
        p = content["provenance"]
        table.append(f"| [{name}](#{name}) | {len(content['rows']):,} | {p['date']} | {format_provenance(p)} |")
    sections = [
        section(name, content, study, chapters) for (name, content), study in zip(found.items(), studies, strict=True)
    ]
    return "\n".join([*table, "", *sections])


def fill_page(app, docname, source):
    if docname == PAGE:
        before, mark, after = source[0].partition(PLACEHOLDER)
        if not mark:
            raise ValueError(f"{PAGE} needs the line {PLACEHOLDER}, where the stored results go")
        for file in (file for files in data_sources(Path(app.srcdir)) for file in files):
            app.env.note_dependency(str(file))
        source[0] = before + stored_results(Path(app.srcdir)) + after


def setup(app):
    app.connect("source-read", fill_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
