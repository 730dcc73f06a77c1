"""How much of the machine's memory the cases of a run may take together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from threading import Condition

import nibabel
import psutil
import SimpleITK as sitk

from monai_mobileunet.data.formats import NIFTI_SUFFIXES, image_suffix
from monai_mobileunet.data.nifti import READ_ERRORS

__all__ = ["Budget", "case_bytes"]

BYTES_PER_VOXEL = 16
"""Of a case between its reading and its writing: the file's values, those of the network, and masks."""

SHARE = 0.25
"""Of the memory that is free when the run begins."""


def case_bytes(images: Iterable[Path]) -> int:
    """What a case is expected to take, from the headers alone; 0 for what cannot be read, which takes nothing."""
    return sum(_voxels(image) for image in images) * BYTES_PER_VOXEL


def _voxels(image: Path) -> int:
    suffix = image_suffix(image).lower()
    try:
        if suffix in NIFTI_SUFFIXES:
            shape: tuple[int, ...] = nibabel.load(image).shape  # type: ignore[attr-defined]
            return math.prod(shape)
        if suffix:
            reader = sitk.ImageFileReader()
            reader.SetFileName(str(image))
            reader.ReadImageInformation()
            return math.prod(reader.GetSize())
    except (*READ_ERRORS, RuntimeError):
        return 0
    files = image.iterdir() if image.is_dir() else image.parent.iterdir() if image.exists() else ()
    return sum(file.stat().st_size for file in files if file.is_file()) // 2


class Budget:
    """Bytes that cases take before they are read and give back when they are written.

    A case that is larger than all of it may go on as soon as it is alone.

    Args:
        size: bytes; by default a quarter of the memory that is free now.
    """

    def __init__(self, size: int | None = None) -> None:
        self.size = int(psutil.virtual_memory().available * SHARE) if size is None else size
        self.taken = 0
        self._changed = Condition()

    def take(self, size: int, wait: bool = True) -> bool:
        """Take bytes if there is room, or wait until there is; only for cases whose turn it is may be waited."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._fits(size))
            elif not self._fits(size):
                return False
            self.taken += size
            return True

    def _fits(self, size: int) -> bool:
        return not self.taken or self.taken + size <= self.size

    def give_back(self, size: int) -> None:
        """Make room for others."""
        with self._changed:
            self.taken -= size
            self._changed.notify_all()
