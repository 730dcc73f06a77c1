"""File names for SimpleITK, which ends the whole process when it is given one that is not UTF-8."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["itk_path", "itk_paths"]

LINK = "f"


@contextmanager
def itk_path(path: Path) -> Iterator[str]:
    """A path as SimpleITK can be given it: itself wherever that is UTF-8, and otherwise by way of a link.

    Args:
        path: a file or a folder; it need not exist.
    """
    with itk_paths([path]) as (plain,):
        yield plain


@contextmanager
def itk_paths(paths: list[Path]) -> Iterator[list[str]]:
    """Paths as SimpleITK can be given them; see :func:`itk_path`.

    Args:
        paths: files or folders; of a folder all that is in it is reached by the new path.
    """
    if all(_is_utf8(str(path)) for path in paths):
        yield [str(path) for path in paths]
        return
    with tempfile.TemporaryDirectory() as place:
        yield [
            str(path) if _is_utf8(str(path)) else _linked(path, Path(place) / str(i)) for i, path in enumerate(paths)
        ]


def _linked(path: Path, place: Path) -> str:
    place.mkdir()
    (place / LINK).symlink_to(path.parent.absolute(), target_is_directory=True)  # what is beside it is found, too
    if _is_utf8(path.name):
        return str(place / LINK / path.name)
    link = place / f"image{''.join(suffix for suffix in path.suffixes[-1:] if _is_utf8(suffix))}"
    link.symlink_to(path.absolute(), target_is_directory=path.is_dir())
    return str(link)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
