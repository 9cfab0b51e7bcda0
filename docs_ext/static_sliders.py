"""Tell the kernels of this build that they render for the book, where no kernel can answer a slider.

``tutorial_course.widgets.interactive_figure`` then writes every frame into the page, as a static slider. Kernels
inherit the environment of the process that starts them.
"""

import os


def setup(app):
    """Register the extension."""
    os.environ["TUTORIAL_BOOK"] = "1"
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
