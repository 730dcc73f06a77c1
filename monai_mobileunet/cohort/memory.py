"""How much of the machine's memory the cases of a run may take together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Condition

import psutil

from monai_mobileunet.cohort.control_groups import group_memory
from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.formats import grid_of

__all__ = ["Budget", "case_bytes", "free_memory", "memory_limit"]

BYTES_PER_VOXEL = 16
"""Of a case between its reading and its writing: the file's values, those of the network, and masks.

512×512×400 voxels of int16 took 12 in the hippocampus bundle with ``--fast``.
"""

BYTES_PER_RESAMPLED = 32
"""Of each voxel of the grid that an image is resampled to, where that is the larger one: the places that values are
needed from lie in memory, too. 108 million voxels took 28 each."""

SHARE = 0.25
"""Of the memory that is free when the run begins, for all cases in hand."""

RESOURCES = {"RLIMIT_AS": "vms", "RLIMIT_DATA": "data"}
"""Limits that ``ulimit`` sets for a process, and what ``psutil`` calls that which it has."""


def memory_limit() -> int:
    """Bytes that this process may have at all: the machine's, or less where a group or ``ulimit`` limits it."""
    return min(limit for limit, _ in _limits())


def obtainable_memory() -> int:
    """Bytes that this process may come to have beside those that it has.

    What other processes have of the machine they may give back; what they have of a group's limit is gone.
    """
    return max(0, min(limit - used for limit, used in _limits()))


def free_memory() -> int:
    """Bytes that this process can get now."""
    return min(psutil.virtual_memory().available, obtainable_memory())


def _limits() -> Iterator[tuple[int, int]]:
    """All that limits this process, and what is used of each."""
    process = psutil.Process()
    has = process.memory_info()
    yield psutil.virtual_memory().total, has.rss
    for group in group_memory():
        yield group.limit, group.used
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return
    for name, attribute in RESOURCES.items():
        limit = resource.getrlimit(getattr(resource, name))[0]
        if limit != resource.RLIM_INFINITY and hasattr(has, attribute):
            yield limit, getattr(has, attribute)


def case_bytes(images: Iterable[Path], spacing: Sequence[float] | None = None) -> int:
    """What a case is expected to take, from the headers alone; 0 for what cannot be read, which takes nothing.

    Args:
        images: files of the case.
        spacing: mm per voxel that it will be resampled to, if it will.
    """
    size = 0
    for image in images:
        try:
            shape, sizes = grid_of(image)
        except DataError:
            continue
        needed = math.prod(shape) * BYTES_PER_VOXEL
        if spacing is not None and len(sizes) == 3:
            resampled = math.prod(map(float, shape[:3])) * math.prod(map(float, sizes)) / math.prod(spacing)
            if math.isfinite(resampled):  # a grid without a size is refused when it is read
                needed = max(needed, round(resampled * BYTES_PER_RESAMPLED))
        size += needed
    return size


class Budget:
    """Bytes that cases take before they are read and give back when they are written.

    A case that is larger than all of it may go on as soon as it is alone.

    Args:
        size: bytes; by default a quarter of the memory that is free now.
        limit: bytes that a single case may take; by default all that this process may come to have.
    """

    def __init__(self, size: int | None = None, limit: int | None = None) -> None:
        self.size = int(free_memory() * SHARE) if size is None else size
        self.limit = obtainable_memory() if limit is None else limit
        self.in_use = 0
        self._changed = Condition()

    def check(self, size: int, name: str) -> None:
        """Refuse a case that cannot be segmented here.

        Raises:
            DataError: it is larger than the limit.
        """
        if size > self.limit:
            problem = f"needs about {_gib(size)} GiB of memory, of {_gib(self.limit)} that there are."
            raise DataError([Finding(name, problem, "Crop it, or segment it on a larger machine.")])

    def take(self, size: int, wait: bool = True) -> bool:
        """Take bytes if there is room, or wait until there is; only for cases whose turn it is may be waited."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._fits(size))
            elif not self._fits(size):
                return False
            self.in_use += size
            return True

    def _fits(self, size: int) -> bool:
        return not size or not self.in_use or self.in_use + size <= self.size

    def give_back(self, size: int) -> None:
        """Make room for others."""
        with self._changed:
            self.in_use -= size
            self._changed.notify_all()


def _gib(size: int) -> str:
    gib = size / 2**30
    return f"{gib:,.0f}" if 10 <= gib < 1e6 else f"{gib:.2g}"
