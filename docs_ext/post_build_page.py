"""Register a page that shows what other pages of the same build measured.

Such a page is written in every build, because the others may have run again while its own source is unchanged, and
after the others, when their outputs exist.
"""


def register_post_build_page(app, name, fill, place):
    """Register ``fill`` for what is known from the sources, and ``place`` for what only the finished build knows."""
    app.connect("source-read", fill)
    app.connect("env-updated", lambda app, env: [name] if name in env.found_docs else [])
    app.connect("doctree-resolved", place)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
