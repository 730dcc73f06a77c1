"""Write masks on the grids of their images, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk

from monai_mobileunet.data.formats import NIFTI_SUFFIXES, image_suffix
from monai_mobileunet.data.volume import Volume

__all__ = ["mask_type", "replace_file", "write_mask"]


def mask_type(num_classes: int) -> type[np.uint8] | type[np.uint16]:
    """The smallest type that holds class numbers.

    Args:
        num_classes: classes with the background.
    """
    return np.uint8 if num_classes <= 256 else np.uint16


def write_mask(mask: np.ndarray, path: Path, volume: Volume) -> None:
    """Write class numbers with the geometry of their image; what was in the place stays until all is on disk.

    A NIfTI mask of a NIfTI image has the image's header: both transforms, their codes, and units. Nothing else of
    it is kept, for scaling, intent, display range and extensions speak of intensities.

    Args:
        mask: ``(H, W, D)``, ``uint8`` or ``uint16``.
        path: file with a suffix of an image; its folder is made.
        volume: the image.

    Raises:
        ValueError: the mask is not on the image's grid.
        OSError: it cannot be written there.
    """
    if mask.shape != volume.shape:
        raise ValueError(f"the mask of {volume.name} has shape {mask.shape}; its image has {volume.shape}.")
    values = mask[:, :, 0] if volume.planar else mask
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        if image_suffix(path).lower() in NIFTI_SUFFIXES:
            nibabel.save(_nifti(values, volume), temporary)
        else:
            _write_itk(values, temporary, volume)
        replace_file(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def replace_file(temporary: Path, path: Path) -> None:
    """Put a finished file in its place once it is on disk."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _nifti(values: np.ndarray, volume: Volume) -> nibabel.Nifti1Image:
    given = volume.template
    kind = nibabel.Nifti2Image if isinstance(given, nibabel.Nifti2Header) else nibabel.Nifti1Image
    image = kind(values, volume.affine, dtype=values.dtype)
    header = image.header
    if isinstance(given, nibabel.Nifti1Header):
        for field in ("sform_code", "qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y"):
            header[field] = given[field]
        for field in ("qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units", "dim_info"):
            header[field] = given[field]
        header["pixdim"][: values.ndim + 1] = given["pixdim"][: values.ndim + 1]
    else:
        image.set_sform(volume.affine, code="scanner")
        image.set_qform(volume.affine, code="scanner", strip_shears=True)
        header.set_xyzt_units("mm")
    return image


def _write_itk(values: np.ndarray, path: Path, volume: Volume) -> None:
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose()))
    if isinstance(volume.template, sitk.Image) and volume.template.GetDimension() == image.GetDimension():
        image.SetOrigin(volume.template.GetOrigin())
        image.SetSpacing(volume.template.GetSpacing())
        image.SetDirection(volume.template.GetDirection())
    sitk.WriteImage(image, str(path), useCompression=True)
