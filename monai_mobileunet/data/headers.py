"""Look at the headers of NRRD and MetaImage files before SimpleITK does.

What they promise is held against the size of the file before memory is asked for, and numbers of axes that end the
whole process inside of SimpleITK are refused.
"""

from __future__ import annotations

import math
import os
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from monai_mobileunet.data.errors import DataError, Finding

__all__ = ["check_header", "check_packed"]

HEADER_MAX = 1 << 20
"""Bytes that are searched for a header's lines; the voxels follow it."""

AXES = range(2, 5)

NRRD_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t"), 4),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), 8),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), 8),
    **{"float": 4, "double": 8},
}
META_BYTES = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR", "MET_ASCII_CHAR"), 1),
    **dict.fromkeys(("MET_SHORT", "MET_USHORT"), 2),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_LONG", "MET_ULONG", "MET_FLOAT"), 4),
    **dict.fromkeys(("MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"), 8),
}
"""Of a long MetaImage writes eight bytes on some systems; four are the least."""

META_END = re.compile(rb"ElementDataFile\s*[=:][^\n]*\n")
CHUNK = 1 << 20

RATIOS = {"gzip": 1040, "gz": 1040, "zlib": 1040, "bzip2": 1 << 20, "bz2": 1 << 20, "raw": 1, "": 1}
"""How many times smaller than its content a file can be, by its packing; text has a letter a number or more."""


@dataclass(frozen=True)
class _Promise:
    """What a header says.

    Attributes:
        axes: how many it has, as it is written.
        sizes: voxels along each.
        voxel: bytes; 0 where the type is unknown.
        packing: of :data:`RATIOS`.
        data: name of the file with the voxels; empty for the header's own, ``None`` for several.
        offset: byte at which voxels in the header's own file begin.
    """

    axes: str
    sizes: tuple[str, ...]
    voxel: int
    packing: str
    data: str | None
    offset: int = 0

    @property
    def bytes(self) -> int:
        """Of all voxels, unpacked; 0 where the header does not tell."""
        return math.prod(_number(size) or 0 for size in self.sizes) * self.voxel


def check_header(path: Path) -> None:
    """Refuse a file that SimpleITK had better not be given.

    What is wrong otherwise SimpleITK says itself; a file that cannot be read at all, too.

    Args:
        path: NRRD or MetaImage.

    Raises:
        DataError: no number of axes that images have, sizes that are none, or more bytes promised than there are.
    """
    promise = _promise(path)
    if promise is None or not promise.axes:
        return
    count = _number(promise.axes)
    if count not in AXES:
        raise _wrong(path, f"has {promise.axes[:40]} axes by its header; expected 2 to 4.")
    sizes = [_number(size) for size in promise.sizes]
    if len(sizes) != count or any(size is None or size < 1 for size in sizes):
        shown = " ".join(promise.sizes)[:80] or "none"
        raise _wrong(path, f"has a header with sizes that are none for {count} axes: {shown}.")
    promised, there = promise.bytes, _size(path, promise.data)
    if there is not None and promised > there * RATIOS.get(promise.packing, 8):
        problem = f"is cut off, or its header is wrong: it promises {promised:,} bytes, the file has {there:,}"
        raise _wrong(path, f"{problem} ({promise.packing or 'raw'}).")


def check_packed(path: Path) -> None:
    """Refuse a packed MetaImage that holds less than it promises: SimpleITK makes up the rest without a word.

    Args:
        path: NRRD, of which SimpleITK sees that by itself, or MetaImage.

    Raises:
        DataError: voxels are missing, or the packed data are damaged.
    """
    promise = _promise(path)
    if promise is None or promise.packing != "zlib" or promise.data is None or not promise.bytes:
        return
    unpacker, count = zlib.decompressobj(), 0
    try:
        with (path.parent / promise.data if promise.data else path).open("rb") as file:
            file.seek(0 if promise.data else promise.offset)
            while not unpacker.eof and (packed := unpacker.unconsumed_tail or file.read(CHUNK)):
                count += len(unpacker.decompress(packed, CHUNK))
    except OSError:
        return
    except zlib.error as error:
        raise _wrong(path, f"has packed voxels that are damaged ({error}).") from error
    if count < promise.bytes:
        problem = f"is cut off, or its header is wrong: it promises {promise.bytes:,} bytes, it unpacks to {count:,}."
        raise _wrong(path, problem)


def _promise(path: Path) -> _Promise | None:
    try:
        with path.open("rb") as file:
            return FORMATS[path.suffix.lower()](file.read(HEADER_MAX))
    except OSError:
        return None


def _wrong(path: Path, problem: str) -> DataError:
    return DataError([Finding(str(path), problem, "Replace it with an intact copy.")])


def _size(path: Path, data: str | None) -> int | None:
    try:
        return None if data is None else os.path.getsize(path.parent / data if data else path)
    except (OSError, ValueError):  # no such file, or no name of one
        return None


def _number(text: str) -> int | None:
    """A whole number, also where it is written as 3.0 or 1e30; ``None`` for what is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def _nrrd(start: bytes) -> _Promise:
    head = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0].decode("latin-1")
    fields = {}
    for line in head.splitlines():
        name, found, value = line.partition(": ")
        if found and not line.startswith("#"):
            fields[name.strip().lower().replace(" ", "")] = value.strip()
    data = fields.get("datafile", "")
    several = data.upper().startswith("LIST") or re.search(r"%\d*d", data)
    voxel = NRRD_BYTES.get(fields.get("type", "").lower(), 0)
    sizes = tuple(fields.get("sizes", "").split())
    return _Promise(fields.get("dimension", ""), sizes, voxel, fields.get("encoding", "").lower(), _one(data, several))


def _meta(start: bytes) -> _Promise:
    text = start.decode("latin-1")
    fields = dict(_meta_fields(text))
    data = fields.get("ElementDataFile", "LOCAL")
    local = data.upper() == "LOCAL"
    several = data.upper().startswith("LIST") or "%" in data
    channels = _number(fields.get("ElementNumberOfChannels", "1")) or 1
    voxel = META_BYTES.get(fields.get("ElementType", ""), 0) * max(1, channels)
    packing = "zlib" if fields.get("CompressedData", "").lower().startswith("t") else "raw"
    sizes = tuple(fields.get("DimSize", "").split())
    end = META_END.search(start)
    name = "" if local else _one(data, several)
    return _Promise(fields.get("NDims", ""), sizes, voxel, packing, name, end.end() if end else 0)


def _meta_fields(text: str) -> Iterator[tuple[str, str]]:
    """Names and values up to the one that ends the header."""
    for line in text.splitlines():
        name, found, value = line.partition("=" if "=" in line else ":")
        if found:
            yield name.strip(), value.strip()
            if name.strip() == "ElementDataFile":
                return


def _one(data: str, several: object) -> str | None:
    return None if several else data


FORMATS: dict[str, Callable[[bytes], _Promise]] = {".nrrd": _nrrd, ".nhdr": _nrrd, ".mha": _meta, ".mhd": _meta}
