"""Fill the page of all methods from the table of methods, ``tutorial_course.methods``.

The page holds a placeholder, which becomes the meaning of the cost symbols and one table of methods for each chapter.
"""

from pathlib import Path

PAGE, PLACEHOLDER = "chapters/methods", "<!-- methods -->"


def section_link(section):
    """Return a Markdown link to a section."""
    from tutorial_course.widgets.section_links import CHAPTER_FILES, section_label

    return f"[{section}]({CHAPTER_FILES[int(section[0])]}.ipynb#{section_label(section)})"


def table_row(method):
    """Return the row of a method."""
    name = method.name + " (our own experiment)" * method.is_own_proposal
    source = f"{{cite:t}}`{method.source}`" if method.source else ""
    cells = name, f"`{method.function}`", section_link(method.section), method.backward_passes, source
    return f"| {' | '.join(cells)} |"


def method_tables():
    """Return Markdown about all methods: the cost symbols, then a table for each chapter."""
    from tutorial_course.methods import COST_SYMBOLS, METHODS

    lines = [" ".join(f"${letter}$: {meaning}." for letter, meaning in COST_SYMBOLS.items()), ""]
    for chapter in sorted({method.chapter for method in METHODS.values()}):
        lines += [
            f"### Chapter {chapter}",
            "",
            "| method | function | section | passes | source |",
            "|---|---|---|---|---|",
        ]
        lines += [table_row(method) for method in METHODS.values() if method.chapter == chapter] + [""]
    return "\n".join(lines)


def fill_page(app, docname, source):
    """Replace the placeholder of the page while it is read."""
    if docname == PAGE:
        before, mark, after = source[0].partition(PLACEHOLDER)
        if not mark:
            raise ValueError(f"{PAGE} needs the line {PLACEHOLDER}, where the tables of methods go")
        app.env.note_dependency(str(Path(app.srcdir) / "tutorial_course" / "methods.py"))
        source[0] = before + method_tables() + after


def setup(app):
    """Register the extension."""
    app.connect("source-read", fill_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
