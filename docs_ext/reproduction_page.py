"""Fill the page on reproduction with the provenance of every stored table, from the tables themselves.

The page holds a placeholder, which becomes a summary of all stored results and a section for each: the question of the
experiment, the command, the date, machine, versions and seeds, the data sets, and the time of each part where it was
recorded.
"""

import ast
import json
import re
from html import escape
from pathlib import Path

PAGE, PLACEHOLDER = "chapters/reproduction", "<!-- stored results -->"
NOT_RECORDED = "not recorded"


def study_summary(study):
    """Return the question of an experiment: the first paragraph of its module's docstring."""
    return ast.get_docstring(ast.parse(study.read_text(encoding="utf-8"))).partition("\n\n")[0].replace("\n", " ")


def seeds(content):
    """Return the seeds in a table's rows; without any, the seed of its command."""
    row_seeds = sorted({row["seed"] for row in content["rows"] if isinstance(row.get("seed"), int)})
    option = re.search(r"--seed (\d+)", content["provenance"]["command"])
    return ", ".join(map(str, row_seeds or [int(option[1]) if option else 0]))


def duration(seconds):
    """Return a duration in words, such as ``2 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def format_provenance(provenance):
    """Return the total time of all parts, or that it was not recorded."""
    return duration(sum(provenance["seconds"].values())) if "seconds" in provenance else NOT_RECORDED


def chapters_using(name, chapters):
    """Return the names of the chapters that load a table."""
    call = re.compile(rf"load_result\(\W*{re.escape(name)}\W*\)")
    return [file.stem for file in chapters if call.search(file.read_text(encoding="utf-8"))]


def section(name, content, study, chapters):
    """Return the section of one stored table as Markdown."""
    p = content["provenance"]
    data = [f"{source['subset']} (sha256 `{source['sha256'][:12]}…`)" for source in p["data"]] or [
        "the synthetic traffic-sign dataset"
    ]
    versions = ", ".join(f"{package} {version}" for package, version in p["versions"].items())
    stems = chapters_using(name, chapters)
    links = " and ".join(f"[{int(stem[:2])}]({stem}.ipynb)" for stem in stems)
    lines = [f"### {name}", "", study_summary(study), ""]
    lines += [f"- **command:** `{p['command']}`", f"- **computed:** {p['date']}, on {p['machine']}, with {versions}"]
    lines += [f"- **note:** {p['note']}"] if "note" in p else []
    counted = f"- **seeds:** {seeds(content)} · **rows:** {len(content['rows']):,}"
    lines += [counted + f" · **shown in chapter{'s' * (len(stems) > 1)}** {links}" * bool(links)]
    lines += ["- **data:**" + "".join(f"\n  - {source}" for source in data) if data[1:] else f"- **data:** {data[0]}"]
    lines += [f"- **time:** {format_provenance(p)}", ""]
    if len(p.get("seconds", ())) > 1:
        parts = "".join(f"<tr><td>{escape(part)}</td><td>{duration(s)}</td></tr>" for part, s in p["seconds"].items())
        lines += [
            "<details><summary>Time by part</summary><table><tr><th>part</th><th>time</th></tr>"
            f"{parts}</table></details>",
            "",
        ]
    return "\n".join(lines)


def data_sources(root):
    """Return the files from which the page is made: tables, experiments and chapters."""
    tables = sorted((root / "tutorial_course" / "results").glob("*.json"))
    return (
        tables,
        [root / "experiments" / f"{table.stem}.py" for table in tables],
        sorted((root / "chapters").glob("[0-9]*.ipynb")),
    )


def stored_results(root):
    """Return Markdown about every stored result below ``root``: a summary, then one section per table."""
    tables, studies, chapters = data_sources(root)
    results = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in tables}
    table = ["| table | rows | date | time |", "|---|---|---|---|"]
    for name, content in results.items():
        p = content["provenance"]
        table.append(f"| [{name}](#{name}) | {len(content['rows']):,} | {p['date']} | {format_provenance(p)} |")
    sections = [
        section(name, content, study, chapters) for (name, content), study in zip(results.items(), studies, strict=True)
    ]
    return "\n".join([*table, "", *sections])


def fill_page(app, docname, source):
    """Replace the placeholder of the page while it is read."""
    if docname == PAGE:
        before, mark, after = source[0].partition(PLACEHOLDER)
        if not mark:
            raise ValueError(f"{PAGE} needs the line {PLACEHOLDER}, where the stored results go")
        for file in (file for files in data_sources(Path(app.srcdir)) for file in files):
            app.env.note_dependency(str(file))
        source[0] = before + stored_results(Path(app.srcdir)) + after


def setup(app):
    """Register the extension."""
    app.connect("source-read", fill_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
