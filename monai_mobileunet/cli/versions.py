"""The version of this package, and of all that a report of a fault has to name."""

from __future__ import annotations

import json
import os
import platform
from typing import Any

import monai_mobileunet
from monai_mobileunet.cli.terminal import console
from monai_mobileunet.machine import describe_gpus, describe_processor, installed_version
from monai_mobileunet.runtimes.table import RUNTIMES, missing_packages

__all__ = ["show_version"]

PACKAGES = (
    *("torch", "monai", "pytorch-ignite", "numpy", "nibabel", "SimpleITK", "pydicom", "highdicom"),
    *("onnx", "onnxruntime", "openvino", "nncf", "scipy", "matplotlib", "typer", "rich", "distributed"),
)
"""Distributions whose versions matter."""


def show_version(as_json: bool) -> None:
    """Print the version alone, or with it versions of packages and what the machine is, as JSON."""
    if as_json:
        print(json.dumps(_versions(), indent=2))
    else:
        console.print(monai_mobileunet.__version__, highlight=False)


def _versions() -> dict[str, Any]:
    """The keys stand in docs/commands.md."""
    import psutil

    return {
        "monai_mobileunet": monai_mobileunet.__version__,
        "python": platform.python_version(),
        "packages": {name: installed_version(name) for name in PACKAGES},
        "runtimes": {name: not missing_packages(name) for name in RUNTIMES},
        "system": platform.platform(),
        "cpu": describe_processor(),
        "cores": {"physical": psutil.cpu_count(logical=False), "logical": os.cpu_count()},
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": describe_gpus(),
    }
