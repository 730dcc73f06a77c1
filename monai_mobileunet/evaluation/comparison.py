"""Segmentations on disk against their references: read, held to one grid, measured; a bad case stops no other."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import nibabel
import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialImage

from monai_mobileunet.evaluation.metrics import ClassResult, measure_case

__all__ = ["CaseFiles", "CaseResult", "compare_case", "read_classes"]

UNREADABLE = (OSError, EOFError, zlib.error, ImageFileError, HeaderDataError)
AFFINE_TOLERANCE = 1e-2  # mm: labels saved by other tools carry rounded affines


@dataclass(frozen=True)
class CaseFiles:
    """Where a case lies.

    Attributes:
        name: of the case.
        label: file of the reference.
        pred: file of the segmentation; it need not exist.
        image: file of the image, for pictures; ``None`` if there is none.
    """

    name: str
    label: Path
    pred: Path
    image: Path | None = None


@dataclass(frozen=True)
class CaseResult:
    """What came of a case.

    Attributes:
        files: where it lies.
        classes: a result for each class from 1 on; empty if there is a problem.
        problem: why it could not be measured, naming the file and the remedy; empty if it could.
    """

    files: CaseFiles
    classes: tuple[ClassResult, ...] = ()
    problem: str = ""


def compare_case(case: CaseFiles, num_classes: int, tolerance: float = 1.0) -> CaseResult:
    """Read and measure one case; what is wrong with its files becomes its ``problem``."""
    try:
        label, affine, spacing = read_classes(case.label, num_classes)
        pred, pred_affine, _ = read_classes(case.pred, num_classes)
        if pred.shape != label.shape or not np.allclose(pred_affine, affine, atol=AFFINE_TOLERANCE):
            found = f"shape {pred.shape}" if pred.shape != label.shape else "another affine"
            raise ValueError(
                f"{case.pred}: found {found}, expected the grid of {case.label} {label.shape}. Resample the "
                "segmentation to it with nearest neighbours, or copy the header if only the header is wrong."
            )
    except (FileNotFoundError, ValueError) as error:
        return CaseResult(case, problem=str(error))
    return CaseResult(case, tuple(measure_case(pred, label, num_classes, spacing, tolerance)))


def read_classes(path: Path, num_classes: int) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Read class numbers.

    Args:
        path: a NIfTI file.
        num_classes: classes with the background.

    Returns:
        ``(H, W, D)`` on the file's own grid, the affine, and the mm per voxel along each axis.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not an image or a broken one, not one volume, or values that are no class numbers.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Segment the case, or remove it from the list.")
    try:
        volume = cast(SpatialImage, nibabel.load(path))
        values = np.asanyarray(volume.dataobj)
    except UNREADABLE as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path}: cannot be read ({reason}). Replace it with an intact copy.") from error
    shape = values.shape + (1,) * (3 - values.ndim)
    if len(shape) < 3 or any(size != 1 for size in shape[3:]) or 0 in shape or values.dtype.fields:
        raise ValueError(f"{path}: has shape {volume.shape}; expected one volume of class numbers. Split or mend it.")
    values = values.reshape(shape[:3])
    unknown = [value for value in np.unique(values).tolist() if value not in range(num_classes)]
    if unknown:
        found = ", ".join(map(str, unknown[:8]))
        raise ValueError(f"{path}: has values {found}; expected whole numbers from 0 to {num_classes - 1}.")
    width, height, depth = map(float, voxel_sizes(volume.affine))  # the pixdim of a header may say something else
    dtype = np.uint8 if num_classes <= 256 else np.uint16
    return values.astype(dtype), np.asarray(volume.affine), (width, height, depth)
