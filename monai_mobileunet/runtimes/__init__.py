"""What executes a network: torch, ONNX Runtime or OpenVINO, behind one callable. Knows nothing of bundles.

A name is imported when it is asked for: the tables alone, as :data:`RUNTIMES`, come without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_mobileunet.runtimes.base import Runtime
    from monai_mobileunet.runtimes.inferer import RuntimeInferer
    from monai_mobileunet.runtimes.table import RUNTIMES, create_runtime

__all__ = ["RUNTIMES", "Runtime", "RuntimeInferer", "create_runtime"]

_MODULES = {"RUNTIMES": "table", "Runtime": "base", "RuntimeInferer": "inferer", "create_runtime": "table"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
