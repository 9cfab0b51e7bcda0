"""The library works without the packages that only the course needs."""

import subprocess
import sys

COURSE_PACKAGES = ("matplotlib", "ipywidgets", "pandas", "yaml", "skimage")


def run_without_course_packages(code):
    """Run code in a new process in which importing a package of the course fails as if it were not installed."""
    block = f"import sys\nsys.modules.update(dict.fromkeys({COURSE_PACKAGES!r}))\n"
    return subprocess.run([sys.executable, "-c", block + code], capture_output=True, text=True)


def test_library_imports_without_course_packages():
    packages = (
        "gradients",
        "attribution",
        "uncertainty",
        "data",
        "models",
        "foundations",
        "metrics",
        "quality",
        "saliency",
    )
    process = run_without_course_packages("\n".join(f"import tutorial_lib.{package}" for package in packages))
    assert process.returncode == 0, process.stderr


def test_skimage_photos_names_the_extra_to_install_without_skimage():
    process = run_without_course_packages("from tutorial_lib.data import skimage_photos\nskimage_photos(8)")
    assert process.returncode == 1
    message = process.stderr.splitlines()[-1]
    assert message.startswith("ModuleNotFoundError: ") and 'pip install "tutorial-lib[course]"' in message
