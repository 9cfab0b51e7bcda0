"""Players: tells the kernels of this build that they draw for the book, where no kernel answers a slider.

``tutorial_course.widgets.interactive_figure`` then lays every frame into the page. Kernels inherit the environment of the process that starts them.
"""

import os


def setup(app):
    os.environ["TUTORIAL_BOOK"] = "1"
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
