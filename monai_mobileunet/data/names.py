"""What the names of files say: which are images, which are labels, and which are the channels of one case."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

__all__ = [
    "DETACHED",
    "IMAGE_SUFFIXES",
    "JPEG",
    "LABEL_WORDS",
    "METAIMAGE",
    "NIFTI",
    "NRRD",
    "PICTURES_IN_PIXELS",
    "PICTURE_SUFFIXES",
    "PNG",
    "SEG_NRRD",
    "TIFF",
    "VOLUME_SUFFIXES",
    "case_name",
    "image_suffix",
    "is_picture",
    "is_label_file",
    "is_label_name",
    "labelled_name",
    "names_without_channel",
    "parse_channel",
    "split_channel",
    "without_suffix",
]

NIFTI, NRRD, METAIMAGE = (".nii.gz", ".nii"), (".nrrd", ".nhdr"), (".mha", ".mhd")
SEG_NRRD = (".seg.nrrd",)
"""Of a segmentation of 3D Slicer, which is a NRRD file that says what its numbers mean."""

VOLUME_SUFFIXES = (*NIFTI, *SEG_NRRD, *NRRD, *METAIMAGE)
PNG, TIFF, JPEG = (".png",), (".tif", ".tiff"), (".jpg", ".jpeg")
PICTURE_SUFFIXES = (*PNG, *TIFF, *JPEG)
"""Suffixes of 2D pictures, which are images only where no volume lies beside them; see :mod:`.walking`."""

IMAGE_SUFFIXES = (*VOLUME_SUFFIXES, *PICTURE_SUFFIXES)

DETACHED = {".nhdr": ".nrrd", ".mhd": ".mha"}
"""Suffixes of headers whose voxels lie in files of their own, each with the suffix of its format in one file."""

CHANNEL = re.compile(r"(.+)_(\d{4})")
LABEL_WORDS = "labels?|masks?|d?segs?|segmentations?|annotations?|gt|ground[-_ ]?truth|gt_segmentations"
"""What names of labels end with, and names of their folders begin with."""
LABEL_NAME = re.compile(rf"(?:(?P<case>.*?)[-_. ])?(?:{LABEL_WORDS}|manual|roi)", re.IGNORECASE)


def image_suffix(path: str | Path) -> str:
    """The suffix that makes a file an image, as it is written in the name; empty if there is none."""
    name = Path(path).name
    return next((name[-len(suffix) :] for suffix in IMAGE_SUFFIXES if name.lower().endswith(suffix)), "")


PICTURES_IN_PIXELS = "Pictures tell no mm: a pixel is taken for 1 mm, and areas and distances are in pixels."
"""What reports of pictures say."""


def is_picture(path: str | Path) -> bool:
    """Whether a file is a 2D picture by its name: PNG, TIFF or JPEG."""
    return image_suffix(path).lower() in PICTURE_SUFFIXES


def without_suffix(path: str | Path) -> str:
    """A path without the suffix of an image: ``a/b`` of ``a/b.nii.gz``."""
    return Path(path).as_posix().removesuffix(image_suffix(path))


def case_name(path: str | Path) -> str:
    """File name without its image suffix: ``hippocampus_001`` of ``imagesTr/hippocampus_001.nii.gz``."""
    return without_suffix(Path(path).name)


def parse_channel(name: str) -> tuple[str, str]:
    """A name without the four digits at its end, and these: ``a``, ``0001`` of ``a_0001``; none where it has none."""
    match = CHANNEL.fullmatch(name)
    return (match[1], match[2]) if match else (name, "")


def split_channel(name: str, known: Collection[str] | None = None) -> tuple[str, str]:
    """A name without nnU-Net's number of a channel, and that number: ``a``, ``0000`` of ``a_0000``.

    Four digits may as well be the number of the case, as in ``patient_0012``: only what stands with and without them
    is a channel.

    Args:
        name: file name without its suffix.
        known: names of labels; without any given, ``_0000`` alone is taken for a channel.

    Returns:
        The name as it is, and an empty number, where there is no channel.
    """
    stem, number = parse_channel(name)
    channel = number == "0000" if known is None else name not in known and stem in known
    return (stem, number) if channel else (name, "")


def names_without_channel(name: str, label: str = "") -> set[str]:
    """All names that the segmentation of an image may have: the image's, with nnU-Net's number of a channel or without.

    Args:
        name: of the image, without its suffix.
        label: name of the image's label, which tells whether four digits are a channel.
    """
    return {name, split_channel(name)[0], split_channel(name, [label])[0]}


def is_label_name(name: str) -> bool:
    """Whether a file name without its suffix says that the file is a label: ``seg``, ``p01_mask``, ``ground_truth``."""
    return LABEL_NAME.fullmatch(name) is not None


def is_label_file(path: str | Path) -> bool:
    """Whether the name of a file says that it is a label: the words that do, or 3D Slicer's suffix."""
    return image_suffix(path).lower() in SEG_NRRD or is_label_name(case_name(path))


def labelled_name(path: str | Path) -> str:
    """What the name of a label says that its image is called: ``p01`` of ``p01_mask.nii.gz`` and of ``p01.seg.nrrd``.

    It is empty where the name says nothing.
    """
    name = case_name(path)
    match = LABEL_NAME.fullmatch(name)
    if match is None:
        return name if image_suffix(path).lower() in SEG_NRRD else ""
    return match["case"] or ""
