"""Read images of every format, the same way for every door: for Python, and for MONAI's transforms."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import SimpleITK as sitk
from monai.data import ImageReader, MetaTensor
from monai.utils import MetaKeys, SpaceKeys, ensure_tuple
from nibabel.nifti1 import Nifti1Header, Nifti1Pair
from nibabel.nifti2 import Nifti2Header

from monai_mobileunet.data.dicom import read_dicom
from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.formats import IMAGE_SUFFIXES, NIFTI_SUFFIXES, image_suffix, is_dicom
from monai_mobileunet.data.itk import read_itk, volume_of_itk
from monai_mobileunet.data.nifti import read_nifti, volume_of_nifti
from monai_mobileunet.data.regular import check_regular_file
from monai_mobileunet.data.volume import Volume, check_grid, check_values, stack_channels

__all__ = ["ImageSource", "VolumeReader", "as_tensor", "grid_of", "read_file", "read_label", "read_volume"]

PLANAR, HEADER, MODALITY = "planar", "nifti_header", "modality"
"""Keys of the metadata for what masks are written with, and for what an image is."""

logger = logging.getLogger(__name__)

ImageSource: TypeAlias = (
    str | PathLike | Sequence[str | PathLike] | Nifti1Pair | sitk.Image | tuple[np.ndarray, np.ndarray] | Volume
)
"""What an image can be given as: a file or a folder with a DICOM series; one file for each channel; an image of
nibabel or SimpleITK; an array ``(H, W, D)`` or ``(H, W, D, C)`` with its affine (RAS, mm)."""


def read_volume(source: ImageSource) -> Volume:
    """An image with its voxels, checked.

    NIfTI is read by nibabel, NRRD and MetaImage by SimpleITK, DICOM series by pydicom; whatever unit of length a header
    names, the affine is in mm. Voxels that cannot be computed with, NaN, infinity and fill beyond ±10^15, become the
    lowest other value, with a warning; other warnings tell of images that say nothing, or two things, about where they
    lie.

    Args:
        source: see :data:`ImageSource`.

    Raises:
        DataError: it cannot be read, or is not one volume of numbers with a place; the finding names it.
    """
    if isinstance(source, Volume):
        return source
    if isinstance(source, Nifti1Pair):
        return check_values(volume_of_nifti(source, source.get_filename() or "the given image"))
    if isinstance(source, sitk.Image):
        return check_values(volume_of_itk(source, "the given image"))
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[0], np.ndarray):
        return check_values(_of_array(*source))
    paths = [source] if isinstance(source, (str, PathLike)) else list(source)
    return stack_channels([check_values(read_file(path)) for path in paths])


WHOLE_WITHIN = 1e-3
"""How far a class number may lie from a whole one: scaling and resampling in floats leave 0.9999999 of 1."""


def read_label(path: str | PathLike) -> Volume:
    """A file of class numbers: whole numbers up to the rounding of floats, all others as they are.

    Raises:
        DataError: as :func:`read_volume`, or there are several channels.
    """
    label = read_file(path)
    if label.channels > 1:
        problem = f"has {label.channels} channels; expected class numbers in one."
        raise DataError([Finding(label.name, problem, "Merge them.")])
    values = label.values.reshape(label.shape)
    if values.dtype.kind != "f":
        return replace(label, values=values)
    with np.errstate(invalid="ignore"):  # infinite and NaN: they stay, and are no class
        rounded = np.rint(values)
        near = np.abs(values - rounded) <= WHOLE_WITHIN
    changed = near & (values != rounded)
    if not changed.any():
        return replace(label, values=values)
    odd = values[changed].flat[0]
    problem = f"has class numbers that are almost whole, such as {odd}; they are read as {rounded[changed].flat[0]:g}."
    warning = Finding(label.name, problem, "Save it as whole numbers.", warning=True)
    return replace(label, values=np.where(near, rounded, values), warnings=(*label.warnings, warning))


def read_file(path: str | PathLike) -> Volume:
    """One file or DICOM series, its values as they are.

    Raises:
        DataError: as :func:`read_volume`.
    """
    path = Path(path)
    check_regular_file(path)
    suffix = image_suffix(path).lower()
    if suffix in NIFTI_SUFFIXES:
        return read_nifti(path)
    if suffix:
        return read_itk(path)
    if path.is_dir() or is_dicom(path):
        return read_dicom(path)
    if not path.exists():
        raise DataError([Finding(str(path), "no such file.", "Restore it, or take it off the list.")])
    expected = f"{', '.join(IMAGE_SUFFIXES)}, or a folder with a DICOM series"
    raise DataError([Finding(str(path), f"is no image that can be read; expected {expected}.", "Convert it.")])


def _of_array(values: np.ndarray, affine: np.ndarray) -> Volume:
    if values.ndim not in (3, 4) or 0 in values.shape or values.dtype.kind not in "iufb":
        problem = f"has shape {values.shape} and type {values.dtype}; expected (H, W, D) or (H, W, D, C) of numbers."
        raise DataError([Finding("the given array", problem, "Reshape it.")])
    matrix = np.asarray(affine, float)
    if matrix.shape != (4, 4):
        problem = f"has shape {matrix.shape}; expected (4, 4)."
        raise DataError([Finding("the given affine", problem, "Give the affine from voxel indices to mm.")])
    check_grid(matrix, values.shape, "the given affine", "Give one from voxel indices to mm.")
    return Volume(values.astype(np.uint8) if values.dtype == bool else values, matrix, "the given array")


class VolumeReader(ImageReader):
    """:func:`read_volume` for ``"reader"`` of MONAI's ``LoadImaged`` in a bundle's configs.

    With it a bundle reads what ``mobileunet segment`` reads, the same way: by any door an image gives the same mask.
    Warnings are logged.

    Where :meth:`read` raises, ``LoadImaged`` asks MONAI's own readers, and they may read in some other way what was
    refused here. So a refusal is raised where the values are taken, after which nothing else is tried.
    """

    def verify_suffix(self, filename: Any) -> bool:
        """Whether a path is one that this reader is for."""
        return all(image_suffix(path) or Path(path).is_dir() or is_dicom(Path(path)) for path in ensure_tuple(filename))

    def read(self, data: Any, **kwargs: Any) -> Volume | Exception:
        """Read a file, or one for each channel; what is wrong with it is returned, for :meth:`get_data` to raise."""
        try:
            volume = read_volume(ensure_tuple(data))
        except Exception as error:
            return error
        for warning in volume.warnings:
            logger.warning("%s", warning)
        return volume

    def get_data(self, img: Volume | Exception) -> tuple[np.ndarray, dict[str, Any]]:
        """Values ``(H, W, D)``, or ``(H, W, D, C)``, and the metadata that MONAI's transforms expect.

        Raises:
            DataError: as :func:`read_volume`.
        """
        if isinstance(img, Exception):
            raise img
        return _float32(img), _metadata(img)


def as_tensor(volume: Volume) -> MetaTensor:
    """A volume as MONAI's ``LoadImage`` with :class:`VolumeReader` returns it: same values, layout and metadata."""
    return MetaTensor.ensure_torch_and_prune_meta(_float32(volume), _metadata(volume))


def _float32(volume: Volume) -> np.ndarray:
    # one layout, for sums over values depend on their order in the last bit; a copy, for some transforms work in place
    return np.array(volume.values, np.float32, order="C", copy=True)


def _metadata(volume: Volume) -> dict[str, Any]:
    header = getattr(volume.template, "binaryblock", b"")
    return {
        MetaKeys.AFFINE: volume.affine.copy(),
        MetaKeys.ORIGINAL_AFFINE: volume.affine.copy(),
        MetaKeys.SPACE: SpaceKeys.RAS,
        MetaKeys.SPATIAL_SHAPE: np.asarray(volume.shape),
        MetaKeys.ORIGINAL_CHANNEL_DIM: -1 if volume.channels > 1 else float("nan"),
        "filename_or_obj": volume.name,
        PLANAR: volume.planar,
        MODALITY: volume.modality,
        HEADER: np.frombuffer(header, np.uint8).copy(),
    }


def grid_of(pred: MetaTensor) -> Volume:
    """The grid of a segmentation, with its image's header, for :func:`monai_mobileunet.data.write_mask`.

    Args:
        pred: ``(C, H, W, D)``, with metadata of its image as :class:`VolumeReader` gives them; of another reader's
            the affine and the name are known.

    Returns:
        A volume of zeros, which take no memory.
    """
    meta = pred.meta
    header = np.asarray(meta.get(HEADER, ()), np.uint8).tobytes()
    kinds = {kind.sizeof_hdr: kind for kind in (Nifti1Header, Nifti2Header)}
    template = kinds[len(header)](header, check=False) if len(header) in kinds else None
    name = str(meta.get("filename_or_obj", "the given image"))
    zeros = np.broadcast_to(np.uint8(0), tuple(pred.shape[1:]))
    return Volume(zeros, np.asarray(pred.affine, float), name, bool(meta.get(PLANAR, False)), template)
