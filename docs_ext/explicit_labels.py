"""Give a section an address that does not depend on the wording of its heading.

In a notebook an invisible anchor, ``<a id="section-2-3"></a>``, stands on the line above the heading. Links lead to it
as ``02-information.ipynb#section-2-3``. A page that is not a notebook may use the labels of MyST instead, ``(name)=``.
"""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform

ANCHOR = re.compile(r'\s*<a id="([a-z][a-z0-9-]*)"></a>\s*')
ANCHOR_LINE = re.compile(r'^<a id="[a-z][a-z0-9-]*"></a>\n', re.M)


def without_anchors(text):
    """Return Markdown without the anchors above its headings."""
    return ANCHOR_LINE.sub("", text)


class MoveLabels(SphinxTransform):
    """Move each anchor to the section that follows it, where the links of MyST find it."""

    # Before MyST resolves the links inside a page (879).
    default_priority = 700

    def apply(self, **kwargs):
        """Register every anchor of the page as a target, with the title of its section."""
        slugs = getattr(self.document, "myst_slugs", {})
        for node in list(self.document.findall(lambda node: isinstance(node, nodes.paragraph | nodes.raw))):
            anchor = ANCHOR.fullmatch(node.astext())
            if not anchor or node.parent is None:
                continue
            section = next(iter(node.findall(nodes.section, include_self=False, descend=False, ascend=True)), None)
            if section is None:
                raise ValueError(f"{self.env.docname}: the anchor {anchor[1]!r} must stand directly above a heading")
            if anchor[1] in slugs:
                raise ValueError(f"{self.env.docname}: the anchor {anchor[1]!r} is used twice")
            section["ids"].append(anchor[1])
            slugs[anchor[1]] = (node.line, anchor[1], section.next_node(nodes.title).astext())
            node.parent.remove(node)
        # Sphinx has already moved the labels of MyST to their sections.
        for section in self.document.findall(nodes.section):
            for label in filter(self.document.nametypes.get, section["names"]):
                slugs.setdefault(label, (section.line, label, section.next_node(nodes.title).astext()))
        self.document.myst_slugs = self.env.metadata[self.env.docname]["myst_slugs"] = slugs


def setup(app):
    """Register the extension."""
    app.add_transform(MoveLabels)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
