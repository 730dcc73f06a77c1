"""Write masks on the grids of their images, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from monai_mobileunet.data.dicom.segments.described import SegmentClass
from monai_mobileunet.data.files import replace_file
from monai_mobileunet.data.formats import format_of
from monai_mobileunet.data.names import DETACHED, JPEG, PNG, image_suffix
from monai_mobileunet.data.volume import Volume

__all__ = ["NO_RIGHT", "OUTPUT_LOST", "fitting_name", "mask_suffix", "mask_type", "output_lost", "write_mask"]

OUTPUT_LOST = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}
"""Errors of the output as a whole, which the next case would have too."""

NO_RIGHT = {errno.EACCES, errno.EPERM}
"""Errors of one folder of the output, or of all of it."""

INSTEAD = {**DETACHED, **dict.fromkeys(JPEG, PNG[0])}
"""Suffixes that masks do not have, each with the one that they have in its place."""

LONGEST_NAME = 255
"""Bytes that a file name may have, on all file systems that matter."""


def output_lost(error: OSError, folder: Path) -> bool:
    """Whether an error of writing concerns an output as a whole, and not one place in it.

    Args:
        error: what was raised.
        folder: one that everything in the output needs.
    """
    return error.errno in OUTPUT_LOST or (error.errno in NO_RIGHT and not os.access(folder, os.W_OK))


def mask_type(num_classes: int) -> type[np.uint8] | type[np.uint16]:
    """The smallest type that holds class numbers.

    Args:
        num_classes: classes with the background.
    """
    return np.uint8 if num_classes <= 256 else np.uint16


def mask_suffix(image: str | Path) -> str:
    """The suffix of a mask: that of its image, but one file where an image is a header and its data in two.

    Of a JPEG, which would change class numbers, it is that of PNG.

    Args:
        image: a path; of what is no file of a known format, as a DICOM series, masks are NIfTI.
    """
    suffix = image_suffix(image)
    return INSTEAD.get(suffix.lower(), suffix) or ".nii.gz"


def fitting_name(stem: str, suffix: str) -> str:
    """A file name that is made from another's: a stem that is too long for it ends in a hash of all of it.

    Args:
        stem: as long as names can be, in any characters.
        suffix: of the new name.

    Returns:
        Stem and suffix wherever they fit into a file name.
    """
    room = LONGEST_NAME - len(os.fsencode(suffix))
    if len(os.fsencode(stem)) <= room:
        return f"{stem}{suffix}"
    mark = f"~{hashlib.sha256(os.fsencode(stem)).hexdigest()[:12]}"
    while len(os.fsencode(stem)) > room - len(mark):  # whole characters, however many bytes they have
        stem = stem[:-1]
    return f"{stem}{mark}{suffix}"


def write_mask(
    mask: np.ndarray,
    path: Path,
    volume: Volume,
    scratch: Path | None = None,
    classes: Sequence[SegmentClass] = (),
) -> None:
    """Write class numbers on the grid of their image; what was in the place stays until all is on disk.

    Args:
        mask: ``(H, W, D)``, ``uint8`` or ``uint16``.
        path: file with a suffix of an image in one file; its folder is made.
        volume: the image.
        scratch: folder on the same disk for the file while it grows; by default its own.
        classes: what the classes are called, for a format that says so.

    Raises:
        ValueError: the mask is not on the image's grid, the format is none that is written, or it has no room for a
            sheared grid or several slices.
        OSError: it cannot be written there.
    """
    row = format_of(path)
    if mask.shape != volume.shape:
        raise ValueError(f"the mask of {volume.name} has shape {mask.shape}; its image has {volume.shape}.")
    if row.write is None or mask_suffix(path) != image_suffix(path):
        raise ValueError(
            f"{path}: masks are written as .nii.gz, .nii, .nrrd, .seg.nrrd, .mha, .png or .tif. Name one of these."
        )
    values = mask[:, :, 0] if volume.planar else mask
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path, scratch) as temporary:
        row.write(values, temporary, volume, *([classes] if row.named else []))
