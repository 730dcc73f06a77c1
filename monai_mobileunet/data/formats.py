"""Which files are images, and what a case is called after them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["IMAGE_SUFFIXES", "NIFTI_SUFFIXES", "case_name", "image_suffix", "is_dicom"]

NIFTI_SUFFIXES = (".nii.gz", ".nii")
ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
IMAGE_SUFFIXES = (*NIFTI_SUFFIXES, *ITK_SUFFIXES)

DICOM_PREAMBLE = 128


def image_suffix(path: str | Path) -> str:
    """The suffix that makes a file an image, as it is written in the name; empty if there is none."""
    name = Path(path).name
    for suffix in IMAGE_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[-len(suffix) :]
    return ""


def case_name(path: str | Path) -> str:
    """File name without its image suffix: ``hippocampus_001`` of ``imagesTr/hippocampus_001.nii.gz``."""
    name = Path(path).name
    return name.removesuffix(image_suffix(name))


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its first bytes; its name says little, often a number.

    Most have four letters behind a preamble; old ones begin with their first element: group 2 or 8 and a small length.
    """
    if image_suffix(path) or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(DICOM_PREAMBLE + 4)
    except OSError:  # a note that one may not read is no reason to stop a search for images
        return False
    if start[DICOM_PREAMBLE:] == b"DICM":
        return True
    bare = len(start) == DICOM_PREAMBLE + 4 and start[:2] in (b"\x02\0", b"\x08\0") and start[3] == 0
    return bare and ((start[4:6].isalpha() and start[4:6].isupper()) or start[6:8] == b"\0\0")
