"""This machine, what is installed on it, and how it keeps memory; nothing here costs an import."""

from __future__ import annotations

import ctypes
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["describe_gpus", "describe_processor", "installed_version", "keep_freed_memory"]

NVIDIA = Path("/proc/driver/nvidia/gpus")

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers of two of glibc's settings, in its ``malloc.h``."""

KEPT_BLOCK = 128 << 20
"""Bytes of a block from which glibc still gives it back: more than features of a step have, less than a large CT."""

KEPT_IN_ALL = 1 << 30
"""Bytes at the end of the memory from which glibc gives that back."""

OF_THE_USER = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")
"""Variables of the environment with which somebody sets the same."""


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution, which is not imported; ``None`` where there is none."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def describe_processor() -> str:
    """The name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def describe_gpus() -> list[str] | None:
    """The names of NVIDIA's GPUs, as Linux knows them; ``None`` where the system does not say."""
    if os.name != "posix" or platform.system() != "Linux":
        return None
    return [_model(path) for path in sorted(NVIDIA.glob("*/information"))]


def _model(information: Path) -> str:
    for line in information.read_text(encoding="utf-8").splitlines():
        if line.startswith("Model:"):
            return line.split(":", 1)[1].strip()
    return information.parent.name


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory for the next step of a training, in place of giving it back to the system.

    A step frees some hundred megabytes and asks for them again. What was given back, the system has to fill with zeros
    first, page by page: 27,000 pages in a step of ``mobileunet_base`` with 32 windows of 128×128, a sixth of its time
    on one thread. The peak of the memory stays the same, for the next step needs it all.

    Source: ``mallopt(3)`` of Linux.

    Returns:
        Whether it does: glibc alone knows of it, and variables of the environment that set the same are respected.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in OF_THE_USER):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(MMAP_THRESHOLD, KEPT_BLOCK), mallopt(TRIM_THRESHOLD, KEPT_IN_ALL)])
