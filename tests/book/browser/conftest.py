"""Fixtures for the tests of the live exhibits, which need no built book."""

import pytest


@pytest.fixture(scope="session")
def live_folder(tmp_path_factory):
    """A folder with the files of the exhibits, with norms of fewer clean images than in the book."""
    from docs_ext import live_files

    folder = tmp_path_factory.mktemp("live") / "_static" / "live"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_files, "N_CLEAN", 1)
        live_files.write_files(folder)
    return folder
