"""What a network looks at: a world of traffic signs that needs no download, and real images through the same door.

Images are floats in [0, 1], (N, 3, H, W); labels are int64, (N,).
"""

from tutorial_lib.data.challenges import CHALLENGES, LEVELS, challenge, check_images
from tutorial_lib.data.dials import roll, turn_hue
from tutorial_lib.data.gaze import GAZE, Gaze, gaze, gaze_available, how_to_get_gaze
from tutorial_lib.data.opinions import convert_live, convert_tid2013, how_to_get_opinions, opinions, opinions_available
from tutorial_lib.data.painting import Rendered, render
from tutorial_lib.data.pictures import Pictures
from tutorial_lib.data.public import READERS, available, how_to_get, load
from tutorial_lib.data.rated import DAMAGES, PHOTOGRAPHS, Rated, photographs, severities
from tutorial_lib.data.scenes import WORLDS, Pose, Scene, sample_scenes
from tutorial_lib.data.signs import NOVEL, SIGNS, as_labels
from tutorial_lib.data.textures import TEXTURES, textures
from tutorial_lib.data.twins import ARRAYS, CHANGES, Arrays, Pairs, Twins, arrays, pairs, twins
from tutorial_lib.data.world import read as _read_signs

READERS["signs"] = _read_signs

__all__ = [
    "ARRAYS",
    "CHALLENGES",
    "CHANGES",
    "DAMAGES",
    "GAZE",
    "LEVELS",
    "NOVEL",
    "PHOTOGRAPHS",
    "SIGNS",
    "TEXTURES",
    "WORLDS",
    "Arrays",
    "Gaze",
    "Pairs",
    "Pictures",
    "Pose",
    "Rated",
    "Rendered",
    "Scene",
    "Twins",
    "arrays",
    "as_labels",
    "available",
    "challenge",
    "check_images",
    "convert_live",
    "convert_tid2013",
    "gaze",
    "gaze_available",
    "how_to_get",
    "how_to_get_gaze",
    "how_to_get_opinions",
    "load",
    "opinions",
    "opinions_available",
    "pairs",
    "photographs",
    "render",
    "roll",
    "sample_scenes",
    "severities",
    "textures",
    "turn_hue",
    "twins",
]
