"""Rooms: a public name is linked where its room documents it, whichever file of the room defines it.

``tutorial_lib.data.render`` is defined in a file of that room and annotated with classes of others. Sphinx looks for them under the
file's name and finds nothing. Names that exist but that no room shows are written without a link; names that do not exist are
left to Sphinx, which stops the build. Bars in a docstring are absolute values. A room's page comes from _templates/autosummary/room.rst.
"""

import re
from importlib import import_module

LITERAL = re.compile(r"(``.*?``)")


def exists(dotted):
    module, _, name = dotted.rpartition(".")
    try:
        return hasattr(import_module(module), name)
    except ImportError:
        return False


def resolve_reference(app, env, node, contnode):
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("tutorial_lib."):
        return None
    room, name = ".".join(target.split(".")[:2]), target.rpartition(".")[2]
    public = f"{room}.{name}"
    python = env.get_domain("py")
    if public in python.objects and public != target:
        return python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], public, node, contnode)
    return contnode if exists(target) else None


def skip_namedtuple_fields(app, what, name, obj, skipped, options):
    """A named tuple tells of each field that it is one; its own text says what the fields mean."""
    return True if (getattr(obj, "__doc__", "") or "").startswith("Alias for field number") else None


def escape_bars(app, what, name, obj, options, lines):
    """The bars of |x| are absolute values, not the name of a text to put in; what is written as code stays as it is."""
    for i, line in enumerate(lines):
        if "|" in line and not line.lstrip().startswith((">>>", "...")):
            parts = LITERAL.split(line)
            lines[i] = "".join(part if part.startswith("``") else part.replace("|", r"\|") for part in parts)


def setup(app):
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("autodoc-skip-member", skip_namedtuple_fields)
    app.connect("missing-reference", resolve_reference)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
