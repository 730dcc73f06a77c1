"""The packages of the extra ``dicom``, imported where they are used."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["extra"]


def extra(name: str) -> ModuleType:
    """A module of the extra ``dicom``.

    Args:
        name: of the module, as ``"highdicom"``.

    Raises:
        ModuleNotFoundError: it is not installed; the message says what to type.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        text = f"DICOM SEG needs {package}: pip install 'monai_mobileunet[dicom]'"
        raise ModuleNotFoundError(text, name=package) from error
