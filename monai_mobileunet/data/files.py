"""Files written whole or not at all, hashed, and known by their size and time; no pipe or device is taken for one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monai_mobileunet.data.errors import refusal

__all__ = [
    "check_regular_file",
    "file_states",
    "hash_file",
    "put_in_place",
    "read_start",
    "replace_file",
    "write_bytes",
    "write_json",
    "write_text",
]

CHUNK = 1 << 20
"""Bytes that are read at once of what need not lie in memory as a whole."""

NO_FILES = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

SUFFIXES = re.compile(r"(\.[a-z0-9]{1,8}){0,2}$")


@contextmanager
def replace_file(path: str | os.PathLike, scratch: Path | None = None) -> Iterator[Path]:
    """A temporary file that takes the place of another once it is complete; until then the other stays as it was.

    ::

        with replace_file("report.png") as temporary:
            figure.savefig(temporary)

    Args:
        path: the file to write; its folder must exist.
        scratch: folder on the same disk for the temporary file. Its default is the folder of the file.

    Yields:
        The path of the temporary file, which does not exist yet. It is hidden, has the suffixes of ``path``, and
        consists of ASCII letters however long or odd the name of the file is. Whatever is raised, it is removed.
    """
    target = Path(path)
    suffixes = SUFFIXES.search(target.name.lower())
    folder = target.parent if scratch is None else scratch
    temporary = folder / f".{os.getpid()}-{secrets.token_hex(8)}{suffixes.group() if suffixes else ''}"
    try:
        yield temporary
        put_in_place(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def put_in_place(complete: Path, path: Path) -> None:
    """Move a complete file to its place, once its content is on disk.

    Args:
        complete: the file, on the disk of its place.
        path: its place; a file there is replaced.
    """
    with complete.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(complete, path)


def write_bytes(path: str | os.PathLike, content: bytes | memoryview, scratch: Path | None = None) -> None:
    """Write a file whole; see :func:`replace_file`."""
    with replace_file(path, scratch) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike, text: str | Iterable[str], scratch: Path | None = None) -> None:
    """Write a text file in UTF-8 whole; see :func:`replace_file`.

    Names of files need not be UTF-8. Python keeps their other bytes as halves of characters, which are escaped.

    Args:
        path: the file.
        text: its content, or pieces of it that need not lie in memory together.
        scratch: as for :func:`replace_file`.
    """
    with (
        replace_file(path, scratch) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        file.writelines([text] if isinstance(text, str) else text)


def write_json(
    path: str | os.PathLike, content: Any, scratch: Path | None = None, *, indent: int = 2, **options: Any
) -> None:
    """Write a JSON file whole; see :func:`replace_file`.

    Args:
        path: the file.
        content: what it will hold.
        scratch: as for :func:`replace_file`.
        indent: spaces for each level.
        options: for :func:`json.dumps`.
    """
    write_text(path, json.dumps(content, indent=indent, ensure_ascii=False, **options) + "\n", scratch)


def hash_file(path: str | os.PathLike) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_states(files: Iterable[Path]) -> list[list[Any]]:
    """Path, size in bytes and time of the last change (ns) of files; those that cannot be reached are left out."""
    states = []
    for file in files:
        try:
            state = file.stat()
        except OSError:  # reading the file will say so
            continue
        states.append([str(file), state.st_size, state.st_mtime_ns])
    return states


def read_start(path: Path, count: int) -> bytes:
    """The first bytes of a file.

    Raises:
        DataError: it is a folder, does not exist, cannot be read or is empty.
    """
    if path.is_dir():
        raise refusal(path, "is a folder with the name of an image.", "Name the image in it.")
    if not path.is_file():
        raise refusal(path, "no such file.", "Restore it, or remove it from the list.")
    try:
        with path.open("rb") as file:
            start = file.read(count)
    except OSError as error:
        raise refusal(path, f"cannot be read ({error.strerror}).", f"Allow reading: chmod a+r {path}") from error
    if not start:
        raise refusal(path, "is empty (0 bytes).")
    return start


def check_regular_file(path: Path) -> None:
    """Refuse what must not be opened: a pipe is waited for without end, and a device has no end.

    Files and folders pass, and what is not there: reading it will say so.

    Raises:
        DataError: a named pipe, a socket, a device, or a link that leads nowhere.
    """
    try:
        kind = NO_FILES.get(stat.S_IFMT(os.stat(path).st_mode))
    except OSError as error:
        if os.path.islink(path):
            problem = f"is a link to {os.readlink(path)}, which does not exist."
            raise refusal(path, problem, "Restore that file, or remove the link.") from error
        return
    if kind is not None:
        problem = f"is {kind}; expected a file that holds an image."
        raise refusal(path, problem, "Put the image itself in its place, or remove it.")
