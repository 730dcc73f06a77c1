"""The one way through a folder and the folders below it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from monai_mobileunet.data.names import image_suffix, is_picture

__all__ = ["STATE", "walk_folders", "walk_images", "without_previews"]

STATE = ".mobileunet"
"""Folder in an output that makes it known as one: with a run's journal, its log, and its pictures."""


def walk_folders(root: Path, unreadable: list[str] | None = None) -> Iterator[tuple[Path, list[Path], list[Path]]]:
    """A folder and all folders below it, each once.

    Linked folders are followed after all others, so that a folder is found by its own path where it has one here.
    Hidden files and folders are passed over.

    Args:
        root: the folder.
        unreadable: takes the folders that cannot be listed.

    Yields:
        The folder, the folders in it and the files in it, both sorted. What the caller takes out of the list of
        folders is not searched.
    """
    folders, links, seen = deque([root]), deque[Path](), set[str]()
    while folders or links:
        here = folders.popleft() if folders else links.popleft()
        place = os.path.realpath(here)
        if place in seen:
            continue
        seen.add(place)
        try:
            content = [here / name for name in sorted(os.listdir(here)) if not name.startswith(".")]
        except OSError:
            if unreadable is not None:
                unreadable.append(str(here))
            continue
        inner = [path for path in content if os.path.isdir(path)]  # of what may not be looked at it says no
        yield here, inner, [path for path in content if path not in set(inner)]
        for path in inner:
            (links if path.is_symlink() else folders).append(path)


def walk_images(root: Path) -> list[Path]:
    """All images in a folder and below it, sorted; see :func:`walk_folders` and :func:`without_previews`."""
    return sorted(without_previews([path for _, _, files in walk_folders(root) for path in files]))


def without_previews(files: Sequence[Path]) -> list[Path]:
    """The images among the files of a whole tree: volumes, or pictures where there are no volumes.

    A PNG, TIFF or JPEG in a tree with volumes is a preview, a screenshot or the picture of a report, never a case.

    Args:
        files: of all folders.
    """
    images = [path for path in files if image_suffix(path)]
    return [path for path in images if not is_picture(path)] or images
