"""Images and masks as the page reads them: uncompressed NIfTI, whatever format they lie in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np

from monai_mobileunet.data.dicom.segments.structures import is_structures
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.reading import read_label, read_volume
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.evaluation.masks import read_classes, read_reference

__all__ = ["image_nifti", "label_nifti", "mask_nifti", "shown_image"]

COLOURS = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])

SHOWN_TYPES = ("uint8", "int16", "uint16", "int32", "float32")
"""Types of voxels that the page can read, the smallest first."""

CLASSES = 2**16
"""More classes than any mask has: what its numbers mean is not checked here, for a person will look at it."""


def shown_image(files: Sequence[Path]) -> Volume:
    """An image as it lies on disk.

    Raises:
        DataError: as :func:`monai_mobileunet.data.reading.read_volume`.
    """
    lost = next((file for file in files if not file.exists()), None)
    if lost is not None:
        remedy = "Put it back, or type mobileunet view in the folder in which the run was started."
        raise refusal(lost, "no such file.", remedy)
    return read_volume(files[0] if len(files) == 1 else list(files))


def image_nifti(volume: Volume, channel: int = 0) -> bytes:
    """One channel of an image, or the colours of a picture.

    Args:
        volume: the image.
        channel: counted from 0; pictures in colour have all their channels shown at once.

    Returns:
        The content of a NIfTI file.

    Raises:
        DataError: there is no such channel.
    """
    values = volume.values
    if volume.in_pixels and volume.channels == 3:
        eight_bits = values if values.dtype == np.uint8 else (values / max(float(values.max()), 1.0) * 255)
        return _nifti(np.ascontiguousarray(eight_bits.astype(np.uint8)).view(COLOURS)[..., 0], volume.affine)
    if not 0 <= channel < volume.channels:
        problem = f"has {volume.channels} channels, and channel {channel} was asked for."
        raise refusal(volume.name, problem, f"Choose a channel from 0 to {volume.channels - 1}.")
    return _nifti(values[..., channel] if values.ndim == 4 else values, volume.affine)


def mask_nifti(files: Sequence[Path]) -> bytes:
    """A segmentation, or the files of its classes as one.

    Raises:
        DataError: as :func:`monai_mobileunet.evaluation.masks.read_classes`.
    """
    mask = read_classes(files, CLASSES)
    return _nifti(mask.values, mask.affine, "label")


def label_nifti(file: Path, images: Sequence[Path], class_names: Sequence[str]) -> bytes:
    """A reference.

    Args:
        file: class numbers, or DICOM SEG or RTSTRUCT.
        images: the files of the image, on whose grid DICOM SEG and RTSTRUCT are drawn.
        class_names: names of the classes from 1 on in DICOM SEG and RTSTRUCT.

    Raises:
        DataError: as :func:`monai_mobileunet.evaluation.masks.read_reference`.
    """
    if is_structures(file):
        label, _ = read_reference(file, shown_image(images), class_names)
    else:
        label = read_label(file)
    return _nifti(label.values, label.affine, "label")


def _nifti(values: np.ndarray, affine: np.ndarray, intent: str = "none") -> bytes:
    image = nibabel.Nifti1Image(_shown_type(values), affine)
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner", strip_shears=True)
    image.header.set_xyzt_units("mm")
    image.header.set_intent(intent)
    return image.to_bytes()


def _shown_type(values: np.ndarray) -> np.ndarray:
    """Values in a type that the page can read, without a change of their numbers where that is possible."""
    if values.dtype == COLOURS or values.dtype.name in SHOWN_TYPES:
        return values
    if values.dtype.kind in "iub":
        low, high = int(values.min()), int(values.max())
        for name in SHOWN_TYPES[:-1]:
            if np.iinfo(name).min <= low and high <= np.iinfo(name).max:
                return values.astype(name)
    return values.astype(np.float32)
