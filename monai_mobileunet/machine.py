"""This machine and what is installed on it, by names and numbers that cost no import."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["describe_gpus", "describe_processor", "installed_version"]

NVIDIA = Path("/proc/driver/nvidia/gpus")


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
