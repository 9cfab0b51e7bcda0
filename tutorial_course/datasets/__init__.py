"""Images with human quality ratings or eye fixations, which only their authors may distribute.

``convert_live`` and the other converters copy an official download into the data folder. ``load_iqa_dataset`` and
``load_fixations`` read and check the copy.
"""

from tutorial_course.datasets.converters import (
    convert_kadid10k,
    convert_live,
    convert_mit1003,
    convert_osie,
    convert_scene500,
    convert_tid2013,
)
from tutorial_course.datasets.fixations import (
    FIXATION_DATASETS,
    FixationDataset,
    fixations_available,
    fixations_install_hint,
    load_fixations,
)
from tutorial_course.datasets.iqa_datasets import (
    iqa_dataset_available,
    iqa_dataset_sha256,
    iqa_install_hint,
    load_iqa_dataset,
)

__all__ = [
    "FIXATION_DATASETS",
    "FixationDataset",
    "convert_kadid10k",
    "convert_live",
    "convert_mit1003",
    "convert_osie",
    "convert_scene500",
    "convert_tid2013",
    "fixations_available",
    "fixations_install_hint",
    "iqa_dataset_available",
    "iqa_dataset_sha256",
    "iqa_install_hint",
    "load_fixations",
    "load_iqa_dataset",
]
