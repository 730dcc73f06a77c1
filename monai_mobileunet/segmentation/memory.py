"""How much of the machine's memory the cases of a run may take together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Condition

import psutil
from nibabel.affines import voxel_sizes

from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.dicom import files_of
from monai_mobileunet.data.formats import NIFTI_SUFFIXES, image_suffix
from monai_mobileunet.data.itk import grid_of_itk
from monai_mobileunet.data.nifti import READ_ERRORS, load_nifti, nifti_affine

__all__ = ["Budget", "case_bytes", "memory_limit"]

BYTES_PER_VOXEL = 16
"""Of a case between its reading and its writing: the file's values, those of the network, and masks."""

SHARE = 0.25
"""Of the memory that is free when the run begins, for all cases in hand."""

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_limit() -> int:
    """Bytes that this process may have at all: the machine's, or less in a container or a scheduler's job."""
    limits = [psutil.virtual_memory().total]
    for path in CGROUP_LIMITS:
        if path.is_file() and (text := path.read_text(encoding="utf-8").strip()).isdigit():
            limits.append(int(text))
    return min(limits)


def case_bytes(images: Iterable[Path], spacing: Sequence[float] | None = None) -> int:
    """What a case is expected to take, from the headers alone; 0 for what cannot be read, which takes nothing.

    Args:
        images: files of the case.
        spacing: mm per voxel that it will be resampled to, if it will.
    """
    voxels = 0
    for image in images:
        try:
            shape, sizes = _grid(image)
        except (*READ_ERRORS, RuntimeError):
            continue
        count = math.prod(shape)
        if spacing is not None and len(sizes) == 3:
            count = max(count, round(math.prod(shape[:3]) * math.prod(sizes) / math.prod(spacing)))
        voxels += count
    return voxels * BYTES_PER_VOXEL


def _grid(image: Path) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shape and mm per voxel."""
    suffix = image_suffix(image).lower()
    if suffix in NIFTI_SUFFIXES:
        header = load_nifti(image)
        return header.shape, tuple(map(float, voxel_sizes(nifti_affine(header))))
    if suffix:
        return grid_of_itk(image)
    return (sum(file.stat().st_size for file in files_of(image)) // 2,), ()


class Budget:
    """Bytes that cases take before they are read and give back when they are written.

    A case that is larger than all of it may go on as soon as it is alone.

    Args:
        size: bytes; by default a quarter of the memory that is free now.
        limit: bytes that a single case may take; by default all that this process may have.
    """

    def __init__(self, size: int | None = None, limit: int | None = None) -> None:
        free = min(psutil.virtual_memory().available, memory_limit())
        self.size = int(free * SHARE) if size is None else size
        self.limit = memory_limit() if limit is None else limit
        self.taken = 0
        self._changed = Condition()

    def check(self, size: int, name: str) -> None:
        """Refuse a case that cannot be segmented here.

        Raises:
            DataError: it is larger than the limit.
        """
        if size > self.limit:
            problem = f"needs about {size / 2**30:.0f} GiB of memory, of {self.limit / 2**30:.0f} that there are."
            raise DataError([Finding(name, problem, "Crop it, or segment it on a larger machine.")])

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
