"""The package of the extra ``dicom``, imported where it is used."""

from __future__ import annotations

from types import ModuleType

__all__ = ["import_highdicom"]


def import_highdicom() -> ModuleType:
    """The module ``highdicom``.

    Raises:
        ModuleNotFoundError: it is not installed; the message says what to type.
    """
    try:
        import highdicom
    except ModuleNotFoundError as error:
        text = "DICOM SEG needs highdicom: pip install 'monai_mobileunet[dicom]'"
        raise ModuleNotFoundError(text, name="highdicom") from error
    return highdicom
