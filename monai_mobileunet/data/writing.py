"""Write masks on the grids of their images, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk

from monai_mobileunet.data import files
from monai_mobileunet.data.files import put_in_place as replace_file
from monai_mobileunet.data.formats import NIFTI_SUFFIXES, image_suffix
from monai_mobileunet.data.itk import LPS_TO_RAS
from monai_mobileunet.data.itk_names import itk_path
from monai_mobileunet.data.volume import Volume

__all__ = [
    "NO_RIGHT",
    "OUTPUT_LOST",
    "fitting_name",
    "mask_suffix",
    "mask_type",
    "output_lost",
    "replace_file",
    "write_mask",
]

OUTPUT_LOST = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}
"""What befalls the output as a whole, so that the next case would have it too."""

NO_RIGHT = {errno.EACCES, errno.EPERM}
"""What may befall one folder of the output, or all of it."""

LONGEST_NAME = 255
"""Bytes that a file name may have, on all file systems that matter."""

HASH = 12


def output_lost(error: OSError, folder: Path) -> bool:
    """Whether an error of writing befalls an output as a whole, and not one place in it.

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

    Args:
        image: a path; of what is no file of a known format, as a DICOM series, masks are NIfTI.
    """
    suffix = image_suffix(image)
    return {".mhd": ".mha", ".nhdr": ".nrrd", "": ".nii.gz"}.get(suffix.lower(), suffix)


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
    mark = f"~{hashlib.sha256(os.fsencode(stem)).hexdigest()[:HASH]}"
    kept = stem
    while len(os.fsencode(kept)) > room - len(mark):  # whole characters, however many bytes they have
        kept = kept[:-1]
    return f"{kept}{mark}{suffix}"


def write_mask(mask: np.ndarray, path: Path, volume: Volume, scratch: Path | None = None) -> None:
    """Write class numbers with the geometry of their image; what was in the place stays until all is on disk.

    A NIfTI mask of a NIfTI image has the image's header: both transforms, their codes, and units. Nothing else of
    it is kept, for scaling, intent, display range and extensions speak of intensities.

    Args:
        mask: ``(H, W, D)``, ``uint8`` or ``uint16``.
        path: file with a suffix of an image in one file; its folder is made.
        volume: the image.
        scratch: folder on the same disk for the file while it grows; by default its own.

    Raises:
        ValueError: the mask is not on the image's grid, the format is none that is written, or it has no room for a
            sheared grid.
        OSError: it cannot be written there.
    """
    suffix = image_suffix(path).lower()
    if mask.shape != volume.shape:
        raise ValueError(f"the mask of {volume.name} has shape {mask.shape}; its image has {volume.shape}.")
    if not suffix or mask_suffix(path).lower() != suffix:
        raise ValueError(f"{path}: masks are written as .nii.gz, .nii, .nrrd or .mha. Name one of these.")
    values = mask[:, :, 0] if volume.planar else mask
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replace_file(path, scratch) as temporary:
        if suffix in NIFTI_SUFFIXES:
            nibabel.save(_nifti(values, volume), temporary)
        else:
            _write_itk(values, temporary, volume)


def _nifti(values: np.ndarray, volume: Volume) -> nibabel.Nifti1Image:
    given = volume.template
    kind = nibabel.Nifti2Image if isinstance(given, nibabel.Nifti2Header) else nibabel.Nifti1Image
    if not isinstance(given, nibabel.Nifti1Header):
        image = kind(values, volume.affine, dtype=values.dtype)
        image.set_sform(volume.affine, code="scanner")
        image.set_qform(volume.affine, code="scanner", strip_shears=True)
        image.header.set_xyzt_units("mm")
        return image
    header = kind.header_class()
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    for field in ("sform_code", "qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y"):
        header[field] = given[field]
    for field in ("qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units", "dim_info"):
        header[field] = given[field]
    header["pixdim"][: values.ndim + 1] = given["pixdim"][: values.ndim + 1]
    # without an affine, for nibabel would write the volume's, in mm, over transforms that are in the image's own unit
    return kind(values, None, header)


def _write_itk(values: np.ndarray, path: Path, volume: Volume) -> None:
    affine = LPS_TO_RAS @ volume.affine
    spacing = np.asarray(volume.spacing)
    direction = affine[:3, :3] / spacing
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-3):
        raise ValueError(
            f"{path}: the grid of {volume.name} is sheared; NRRD and MetaImage cannot say so. Use .nii.gz."
        )
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose()))
    axes = values.ndim
    image.SetSpacing(spacing[:axes].tolist())
    image.SetOrigin(affine[:axes, 3].tolist())
    image.SetDirection(direction[:axes, :axes].ravel().tolist())
    try:
        with itk_path(path) as plain:
            sitk.WriteImage(image, plain, useCompression=True)
    except RuntimeError as error:  # SimpleITK's word for whatever went wrong, a full disk among it
        raise OSError(errno.EIO, " ".join(str(error).split())[-200:], str(path)) from error
