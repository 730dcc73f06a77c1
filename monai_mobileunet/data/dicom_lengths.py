"""Hold what a DICOM file says of its own lengths against its size, before GDCM asks for that much memory."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from monai_mobileunet.data.errors import DataError, Finding

__all__ = ["check_lengths"]

PREAMBLE = 128
UNDEFINED = 0xFFFFFFFF
LONG = {b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV"}
"""Types whose length has four bytes."""

SHORT = {*b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()}

SYNTAX, PIXELS = (0x0002, 0x0010), (0x7FE0, 0x0010)
ITEM, ENDS = (0xFFFE, 0xE000), {(0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)}
IMPLICIT = "1.2.840.10008.1.2"
OTHERS = {"1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"}
"""Big endian and deflated, both out of use: left to GDCM."""

FRAMES = (0x0028, 0x0008)
FACTORS = {FRAMES: 1, (0x0028, 0x0010): 0, (0x0028, 0x0011): 0, (0x0028, 0x0100): 0}
"""Frames, rows, columns and bits, with what is meant without them: their product is what voxels take at least."""

PACKED_RATIO = 1 << 16
"""How many times smaller than its content packed data are at most; an empty slice packs well."""


@dataclass(frozen=True)
class _Element:
    tag: tuple[int, int]
    vr: bytes
    length: int
    start: int
    depth: int


def check_lengths(path: Path) -> None:
    """Refuse a DICOM file that promises more than it has.

    What cannot be understood is left to GDCM.

    Args:
        path: a file; of what is no DICOM nothing is asked.

    Raises:
        DataError: an element, or all voxels together, are longer than the file.
    """
    try:
        size = os.path.getsize(path)
        with path.open("rb") as file:
            file.seek(PREAMBLE)
            if file.read(4) == b"DICM":
                _check(file, size, path)
    except OSError:  # reading it will say so
        return


def _check(file: BinaryIO, size: int, path: Path) -> None:
    values: dict[tuple[int, int], int] = {}
    voxels_seen = False
    for element in _elements(file, size):
        if voxels_seen and not element.depth:
            return
        left = size - element.start
        if element.length != UNDEFINED and element.length > left:
            raise _cut_off(path, f"element ({element.tag[0]:04X},{element.tag[1]:04X})", element.length, left)
        if element.tag[0] == SYNTAX[0] and element.vr and element.vr not in LONG | SHORT:
            problem = f"has a damaged header: a type of element that there is not ({element.vr.decode('latin-1')})."
            raise DataError([Finding(str(path), problem, "Replace it with an intact copy.")])
        if element.depth:
            continue
        if element.tag in FACTORS and element.length <= 16:
            values[element.tag] = _value(file, element)
        if element.tag == PIXELS:
            voxels_seen = True
            bits = math.prod(values.get(tag, default) for tag, default in FACTORS.items())
            if bits // 8 > left * (PACKED_RATIO if element.length == UNDEFINED else 1):
                raise _cut_off(path, "all voxels", bits // 8, left)


def _cut_off(path: Path, what: str, promised: int, left: int) -> DataError:
    problem = f"is cut off, or its header is wrong: {what}: {promised:,} bytes promised, {left:,} left in the file."
    return DataError([Finding(str(path), problem, "Replace it with an intact copy.")])


def _value(file: BinaryIO, element: _Element) -> int:
    file.seek(element.start)
    raw = file.read(element.length)
    if element.tag != FRAMES:
        return int.from_bytes(raw[:2], "little")
    text = raw.strip(b" \0")
    return int(text) if text.isdigit() else 1


def _elements(file: BinaryIO, size: int) -> Iterator[_Element]:
    """The elements of a file in their order, with those in sequences, up to a coding that is not understood."""
    position, explicit, meta, syntax = PREAMBLE + 4, True, True, ""
    inside: list[tuple[int, bool]] = []  # where what is open ends, and whether its items are bytes
    while position + 8 <= size:
        while inside and position >= inside[-1][0]:
            inside.pop()
        file.seek(position)
        head = file.read(12)
        if meta and head[:2] != b"\x02\x00":
            meta, explicit = False, syntax != IMPLICIT
            if syntax in OTHERS:
                return
        element = _parsed(head, position, explicit, len(inside))
        yield element
        position = element.start
        if element.tag == SYNTAX and element.length <= 64:
            file.seek(position)
            syntax = file.read(element.length).decode("latin-1").strip(" \0")
        if element.tag in ENDS:
            del inside[-1:]
        elif element.length == UNDEFINED:
            inside.append((size, element.tag == PIXELS))
        elif element.vr == b"SQ" or (element.tag == ITEM and not (inside and inside[-1][1])):
            inside.append((position + element.length, False))
        else:
            position += element.length


def _parsed(head: bytes, position: int, explicit: bool, depth: int) -> _Element:
    tag = (int.from_bytes(head[:2], "little"), int.from_bytes(head[2:4], "little"))
    vr = head[4:6]
    if not explicit or tag[0] == ITEM[0] or not (vr.isalpha() and vr.isupper()):
        return _Element(tag, b"", int.from_bytes(head[4:8], "little"), position + 8, depth)
    if vr in LONG:
        return _Element(tag, vr, int.from_bytes(head[8:12], "little"), position + 12, depth)
    return _Element(tag, vr, int.from_bytes(head[6:8], "little"), position + 8, depth)
