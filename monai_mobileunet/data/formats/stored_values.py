"""Whether the values that a text header promises are there, before memory is asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from monai_mobileunet.data.errors import DataError, Finding, refusal, warning
from monai_mobileunet.data.files import CHUNK
from monai_mobileunet.data.formats.header_fields import Promise

__all__ = ["PACKED_RATIO", "check_stored_values", "left_over"]

PACKED_RATIO = 1040
"""No data that zlib or gzip packed are this many times smaller than what they were."""

ANY_WRAPPING = 47
"""``wbits`` of :func:`zlib.decompressobj` for zlib's wrapping and gzip's: MetaImage has either, NRRD the latter."""

UNUSED = 0.01
"""Share by which there may be more bytes than the header says before that is worth a warning."""


def check_stored_values(path: Path, promise: Promise) -> Iterator[Finding]:
    """Hold a header against the files with its values; what is packed is unpacked to its end, where a checksum stands.

    MetaIO goes on with what it has when packed data are damaged, and gives a wrong image without an error.

    Args:
        path: of the header.
        promise: what it says.

    Yields:
        A warning if there is more than the header speaks of.

    Raises:
        DataError: a file is missing, too short, or damaged.
    """
    for file in promise.files:
        if not file.is_file():
            problem = f"has its values in {file}, which does not exist."
            raise refusal(path, problem, "Put that file where its header looks for it.")
    stored = sum(max(0, file.stat().st_size - (promise.skip or 0)) for file in promise.files)
    needed = {"text": 2 * promise.values - 1, "hex": 2 * promise.size, "zlib": promise.size // PACKED_RATIO}
    where = str(path) if promise.files == (path,) else f"{path} with {', '.join(map(str, promise.files[:3]))}"
    if stored < needed.get(promise.packing, promise.size):
        found = f"{stored:,} bytes" + (f" of {promise.packing}" if promise.packing != "raw" else "")
        raise _cut_off(where, promise, found)
    if promise.packing == "zlib":
        stored = sum(_unpacked(file, promise, where) for file in promise.files)
        if stored < promise.size:
            raise _cut_off(where, promise, f"{stored:,} bytes once unpacked")
    if promise.packing in ("zlib", "raw") and promise.skip is not None:
        yield from left_over(path, stored, promise.size)


def left_over(path: Path, stored: int, promised: int) -> Iterator[Finding]:
    """A warning of values that go on behind those of the header, as they do where its sizes or type were damaged.

    Args:
        path: of the header.
        stored: bytes that there are.
        promised: bytes that the header speaks of.
    """
    if stored > promised * (1 + UNUSED) + 16:
        problem = f"has {stored:,} bytes of values; its header promises {promised:,}, and the others were not read."
        yield warning(path, problem, "Look whether its sizes and its type are right.")


def _cut_off(where: str, promise: Promise, found: str) -> DataError:
    return refusal(where, f"is cut off, or its header is wrong: it promises {promise}; found {found}.")


def _unpacked(path: Path, promise: Promise, where: str) -> int:
    """Length of what was packed in a file.

    Raises:
        DataError: the data or their checksum are damaged, or they end too early.
    """
    length = packed = 0
    try:
        with path.open("rb") as file:
            file.seek(promise.skip or 0)
            for size, position in _pieces(file):
                length, packed = length + size, position
    except (zlib.error, EOFError) as error:
        found = f"its packed data are damaged ({error}) after {length:,} bytes"
        problem = f"is damaged: its header promises {promise}, and {found}."
        raise refusal(where, problem) from error
    if promise.packed is not None and promise.packed < packed:
        problem = f"says CompressedDataSize {promise.packed:,}; its packed values take {packed:,} bytes."
        raise refusal(where, problem, f"Set CompressedDataSize to {packed}.")
    return length


def _pieces(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Lengths of the pieces of one stream, or of several gzip streams behind each other; and all that was packed."""
    left, packed = file.read(CHUNK), 0
    while left:
        unpacker = zlib.decompressobj(ANY_WRAPPING)
        while not unpacker.eof:
            if not left:
                raise EOFError("they end before their end mark")
            size = len(unpacker.decompress(left, CHUNK))
            rest = len(unpacker.unconsumed_tail) + len(unpacker.unused_data)
            packed += len(left) - rest
            yield size, packed
            left = unpacker.unconsumed_tail or (b"" if unpacker.eof else file.read(CHUNK))
        left = unpacker.unused_data + file.read(2)
        left = left + file.read(CHUNK) if left.startswith(b"\x1f\x8b") else b""
