"""A site on disk: the page's files, the bundle's, and a list of all; written whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.files import hash_file
from monai_mobileunet.shipped import shipped_folder

__all__ = ["Site", "check_place", "write_site"]

PAGE, WORKER, LIST = "index.html", "offline.js", "site.json"
"""The page, its service worker and the list of the files, at the top of a site."""

PARTS = ("segment", "pipeline", "viewer", "vendor")
"""Folders of the package's web pages that this one is made of; the first has the files for the top."""

VERSION = "__VERSION__"
"""Stands in the service worker for the version of the site."""

NOT_SERVED = ("*.d.ts", ".*")
"""Files beside the page's that only its checks need."""

NOT_LOADED = ("vendor/onnxruntime/*.jspi.*",)
"""What a browser with WebAssembly does not load: the other build of ONNX Runtime, for WebGPU.

All else it does, for the service worker keeps it for a time without network.
"""

PACKAGE = "monai_mobileunet "
"""Begins what a list of ours says it was made with."""


@dataclass(frozen=True)
class Site:
    """A site that was written.

    Attributes:
        folder: that it lies in.
        version: 16 hexadecimal digits that follow from all its files.
        files: how many there are.
        wire_bytes: what a browser with WebAssembly loads of it, compressed.
    """

    folder: Path
    version: str
    files: int
    wire_bytes: int


def check_place(folder: Path) -> None:
    """Refuse a folder that holds anything but a former site.

    Raises:
        DataError: it does, or it is no folder.
    """
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if folder.is_symlink() or not there.is_dir():
        problem = "is there already, and is no folder."
        raise refusal(folder if folder.is_symlink() else there, problem, "Name another folder with --output.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    listed = _listed(folder)
    if listed is None:
        problem = "is there already, and is no site that mobileunet web has written."
        raise refusal(folder, problem, "Name another folder with --output, or an empty one.")
    foreign = sorted(_files(folder) - listed - {LIST, WORKER})
    if foreign:
        problem = f"is a site with a file that does not belong to it, {foreign[0]}, which would be removed."
        raise refusal(folder, problem, "Move that file, or name another folder with --output.")


def _listed(folder: Path) -> set[str] | None:
    """Files of a former site; ``None`` where there is none."""
    try:
        content = json.loads((folder / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or not str(content.get("made_with")).startswith(PACKAGE):
        return None
    files = content.get("files")
    return set(files) if isinstance(files, dict) else None


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def write_site(folder: Path, made_with: str, contents: Mapping[str, bytes]) -> Site:
    """Write a site; a former one in its place stays until the new one is complete.

    Args:
        folder: that it is written to; those around it are made.
        made_with: name and version of this package.
        contents: path in the site → content of the files that belong to the bundle.

    Raises:
        DataError: see :func:`check_place`.
        FileNotFoundError: this installation has no page.
        OSError: a file cannot be written; nothing is left of it.
    """
    check_place(folder)
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _beside(folder) as temporary:
        _copy_page(temporary)
        for place, content in contents.items():
            (temporary / place).parent.mkdir(parents=True, exist_ok=True)
            (temporary / place).write_bytes(content)
        version = _list_files(temporary, made_with)
        site = Site(folder, version, len(_files(temporary)), _wire_bytes(temporary))
        _put_in_place(temporary, folder)
    return site


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A temporary folder on the same disk, which is removed unless it was put in place."""
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put_in_place(complete: Path, folder: Path) -> None:
    """Move a complete folder to its place; what is there comes back if that fails."""
    former = complete.with_name(f"{complete.name}.former")
    if folder.is_dir():
        os.replace(folder, former)
    try:
        os.replace(complete, folder)
    except OSError:
        if former.is_dir():
            os.replace(former, folder)
        raise
    shutil.rmtree(former, ignore_errors=True)


def _copy_page(target: Path) -> None:
    source = shipped_folder() / "web"
    top = source / PARTS[0]
    for path in (*(source / part for part in PARTS), top / PAGE, top / WORKER):
        if not path.exists():
            raise FileNotFoundError(
                f"{path}: no such file, so this installation has no page. Install the package anew."
            )
    for part in PARTS:
        for path in _served(source / part):
            if path.parent == top and path.name in (PAGE, WORKER):
                place = target / path.name
            else:
                place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def _served(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(fnmatch(path.name, pattern) for pattern in NOT_SERVED):
            yield path


def _list_files(folder: Path, made_with: str) -> str:
    """Write the list of the files, and put the version into the service worker."""
    worker = folder / WORKER
    files: dict[str, dict[str, Any]] = {}
    for place in sorted(_files(folder) - {WORKER}):
        files[place] = {"sha256": hash_file(folder / place), "bytes": (folder / place).stat().st_size}
    whole = {**files, WORKER: {"sha256": hash_file(worker)}}
    digest = hashlib.sha256("".join(f"{name} {one['sha256']}\n" for name, one in whole.items()).encode())
    version = digest.hexdigest()[:16]
    worker.write_text(worker.read_text(encoding="utf-8").replace(VERSION, version), encoding="utf-8", newline="")
    content = {"made_with": made_with, "version": version, "files": files}
    (folder / LIST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return version


def _wire_bytes(folder: Path) -> int:
    """Bytes of what a browser with WebAssembly loads, as a server sends them that compresses."""
    loaded = [place for place in _files(folder) if not any(fnmatch(place, pattern) for pattern in NOT_LOADED)]
    contents = ((folder / place).read_bytes() for place in loaded)
    return sum(min(len(content), len(gzip.compress(content))) for content in contents)
