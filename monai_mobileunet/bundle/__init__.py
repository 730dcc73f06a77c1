"""Bundles as folders: what one holds, whether it agrees with itself, and the weights of its network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_mobileunet.bundle.bundle import Bundle, check_running_bundle, running_bundle_root, samples_dropout
    from monai_mobileunet.bundle.range_checks import CheckImaged, CheckMaskd

__all__ = ["Bundle", "CheckImaged", "CheckMaskd", "check_running_bundle", "running_bundle_root", "samples_dropout"]


def __getattr__(name: str) -> Any:
    """Names are imported when they are asked for: what reads a bundle's files alone needs no MONAI."""
    if name in __all__:
        room = "range_checks" if name.startswith("Check") else "bundle"
        return getattr(import_module(f"{__name__}.{room}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
