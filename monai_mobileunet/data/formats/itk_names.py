"""File names for SimpleITK, which ends the whole process when it is given one that is not UTF-8."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monai_mobileunet.data.names import image_suffix

__all__ = ["itk_path"]

LINK = "f"


@contextmanager
def itk_path(path: Path) -> Iterator[str]:
    """A path as SimpleITK can be given it: itself wherever that is UTF-8, and otherwise by way of a link.

    Args:
        path: a file or a folder; it need not exist.
    """
    if _is_utf8(str(path)):
        yield str(path)
        return
    with tempfile.TemporaryDirectory() as place:
        yield _linked(path, Path(place))


def _linked(path: Path, place: Path) -> str:
    (place / LINK).symlink_to(path.parent.absolute(), target_is_directory=True)  # what is beside it is found, too
    if _is_utf8(path.name):
        return str(place / LINK / path.name)
    link = place / f"image{image_suffix(path)}"
    link.symlink_to(path.absolute())
    return str(link)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
