"""Late: a page that shows what other pages of the same build measured.

It is written in every build, for they may have run anew while it stayed as it was, and after them, when their outputs are there.
"""


def register_post_build_page(app, name, fill, place):
    """Make a page late: ``fill`` writes what sources know, ``place`` what only the build knows."""
    app.connect("source-read", fill)
    app.connect("env-updated", lambda app, env: [name] if name in env.found_docs else [])
    app.connect("doctree-resolved", place)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
