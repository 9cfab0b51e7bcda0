"""What a network looks at: a world of traffic signs that needs no download, and real images through the same door.

Images are floats in [0, 1], (N, 3, H, W); labels are int64, (N,).
"""

from tutorial_lib.data.challenges import CHALLENGES, LEVELS, challenge, check_images
from tutorial_lib.data.painting import Rendered, render
from tutorial_lib.data.scenes import WORLDS, Pose, Scene, sample_scenes
from tutorial_lib.data.signs import NOVEL, SIGNS, as_labels
from tutorial_lib.data.twins import ARRAYS, CHANGES, Arrays, Pairs, Twins, arrays, pairs, twins

__all__ = [
    "ARRAYS",
    "CHALLENGES",
    "CHANGES",
    "LEVELS",
    "NOVEL",
    "SIGNS",
    "WORLDS",
    "Arrays",
    "Pairs",
    "Pose",
    "Rendered",
    "Scene",
    "Twins",
    "arrays",
    "as_labels",
    "challenge",
    "check_images",
    "pairs",
    "render",
    "sample_scenes",
    "twins",
]
