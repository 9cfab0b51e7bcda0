"""Link a public name to the package page that documents it, whichever module of the package defines it.

``tutorial_lib.data.render`` is defined in a module of that package and annotated with classes of others. Sphinx looks
such names up by their module and does not find them. Names that exist but are on no page are written without a link;
names that do not exist are left to Sphinx, which stops the build. Bars in a docstring are absolute values. The page of
a package comes from _templates/autosummary/package.rst.
"""

import re
from importlib import import_module

LITERAL = re.compile(r"(``.*?``)")


def exists(dotted):
    """Return whether a dotted name can be imported."""
    module, _, name = dotted.rpartition(".")
    try:
        return hasattr(import_module(module), name)
    except ImportError:
        return False


def resolve_reference(app, env, node, contnode):
    """Resolve a reference to a name of the library by its package; return plain text for names without a page."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith(("tutorial_lib.", "tutorial_course.")):
        return None
    package, name = ".".join(target.split(".")[:2]), target.rpartition(".")[2]
    public = f"{package}.{name}"
    python = env.get_domain("py")
    if public in python.objects and public != target:
        return python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], public, node, contnode)
    return contnode if exists(target) else None


def skip_namedtuple_fields(app, what, name, obj, skipped, options):
    """Skip the generated text of a named tuple's field; the docstring of the class explains its fields."""
    return True if (getattr(obj, "__doc__", "") or "").startswith("Alias for field number") else None


def escape_bars(app, what, name, obj, options, lines):
    """Escape the bars of |x|, which reStructuredText would read as a substitution; literals stay as they are."""
    for i, line in enumerate(lines):
        if "|" in line and not line.lstrip().startswith((">>>", "...")):
            parts = LITERAL.split(line)
            lines[i] = "".join(part if part.startswith("``") else part.replace("|", r"\|") for part in parts)


def setup(app):
    """Register the extension."""
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("autodoc-skip-member", skip_namedtuple_fields)
    app.connect("missing-reference", resolve_reference)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
