"""What text headers are read with, NRRD and MetaImage alike: their lines, their fields, and what they promise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from monai_mobileunet.data.errors import Finding, refusal

__all__ = [
    "AGAIN",
    "LINE",
    "Promise",
    "bytes_of",
    "data_files",
    "float_of",
    "header_lines",
    "is_true",
    "need",
    "number_of",
    "shown",
    "sizes_of",
]

LINE = 1 << 16
LINES = 1 << 16
"""Bytes of a header's line, and lines of a header, that are read at most: what is longer is no header."""

AXES = 5
"""More of them end SimpleITK's process."""

_NUMBERS = {
    1: "signed char|int8|int8_t|uchar|unsigned char|uint8|uint8_t|MET_CHAR|MET_UCHAR",
    2: "short|short int|signed short|signed short int|int16|int16_t|ushort|unsigned short|unsigned short int|uint16"
    "|uint16_t|MET_SHORT|MET_USHORT",
    4: "int|signed int|int32|int32_t|uint|unsigned int|uint32|uint32_t|float|MET_INT|MET_UINT|MET_LONG|MET_ULONG"
    "|MET_FLOAT",
    8: "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t|ulonglong"
    "|unsigned long long|unsigned long long int|uint64|uint64_t|double|MET_LONG_LONG|MET_ULONG_LONG|MET_DOUBLE",
}
TYPE_BYTES = {name: size for size, names in _NUMBERS.items() for name in names.split("|")}

AGAIN = "Convert it from its source again."
"""A remedy for headers that lack what no reader can know."""


@dataclass(frozen=True)
class Promise:
    """What a header says of its values.

    Attributes:
        shape: as it stands in the header, its first axis fastest.
        kind: name of the type.
        values: how many numbers.
        size: bytes of all of them, unpacked.
        packing: ``"raw"``, ``"text"``, ``"hex"`` or ``"zlib"``.
        files: that hold them; the header's own where they follow it.
        skip: bytes before the values in each file; ``None``: they are the last of the file.
        packed: how many bytes packed values take, where the header must say that for a reader to find their end.
        scale: mm per unit along the axes of the space.
        warnings: what the header does not say.
    """

    shape: tuple[int, ...]
    kind: str
    values: int
    size: int
    packing: str
    files: tuple[Path, ...]
    skip: int | None
    packed: int | None = None
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    warnings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        return f"{'×'.join(map(str, self.shape))} values of type {self.kind}, {self.size:,} bytes"


def bytes_of(path: Path, kind: str) -> int:
    """Bytes of a number of a type.

    Raises:
        DataError: the type is not known.
    """
    size = TYPE_BYTES.get(kind, TYPE_BYTES.get(kind.lower()))
    if size is None:
        raise refusal(path, f"has values of type {kind!r}; expected integers or floats of 1 to 8 bytes.")
    return size


def data_files(path: Path, value: str, file: BinaryIO) -> tuple[Path, ...]:
    """The files that a header names, in either format; ``LOCAL`` is the header's own."""
    words = value.split()
    if value.upper() == "LOCAL":
        return (path,)
    if words and words[0] == "LIST":
        names = [line.strip() for line in header_lines(file) if line.strip()]
    elif len(words) >= 4 and "%" in words[0]:
        names = _numbered(path, words[0], *words[1:4])
    else:
        names = [value]
    if not names or not all(names):
        raise refusal(path, "names no file that holds its values.", "Name that file in the header.")
    return tuple(path.parent / name for name in names)


def _numbered(path: Path, pattern: str, *numbers: str) -> list[str]:
    try:
        first, last, step = map(int, numbers)
        return [pattern % number for number in range(first, last + (1 if step > 0 else -1), step)][:LINES]
    except (ValueError, TypeError) as error:
        found = " ".join((pattern, *numbers))
        problem = f"names its data files {found!r}; expected a pattern such as %03d and numbers."
        raise refusal(path, problem) from error


def header_lines(file: BinaryIO) -> Iterator[str]:
    """The lines that follow in a header, as text."""
    for _ in range(LINES):
        line = file.readline(LINE)
        if not line:
            return
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def need(path: Path, fields: Mapping[str, str], keys: tuple[str, ...]) -> None:
    """Refuse a header without some fields.

    Raises:
        DataError: one is missing or empty.
    """
    missing = [key for key in keys if not fields.get(key)]
    if missing:
        raise refusal(path, f"has a header without {' and '.join(missing)}.")


def sizes_of(path: Path, value: str, key: str, count: str | None) -> tuple[int, ...]:
    """The shape that a field says.

    Raises:
        DataError: it is none, has too many axes, or another number of them than ``count`` says.
    """
    words = value.split()
    if len(words) > AXES:
        raise refusal(path, f"has {len(words)} axes by its header; expected one 3D volume.", "Split it into volumes.")
    if not words or not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        raise refusal(path, f"has {key} {shown(value)}; expected whole numbers above 0.")
    if count is not None and count.strip() != str(len(words)):
        raise refusal(path, f"has {len(words)} {key} ({value[:80]}) for {count[:20]} dimensions.")
    return tuple(map(int, words))


def number_of(path: Path, fields: Mapping[str, str], key: str, default: int) -> int:
    """The whole number that a field says, -1 included.

    Raises:
        DataError: it is none.
    """
    try:
        number = int(fields.get(key, default))
    except ValueError:
        number = -2
    if number < -1:
        raise refusal(path, f"has {key} {shown(fields[key])}; expected a whole number.")
    return number


def is_true(fields: Mapping[str, str], key: str, default: str = "F") -> bool:
    """Whether a field says yes."""
    return fields.get(key, default)[:1].lower() in ("t", "1")


def float_of(word: str) -> float:
    """The number that a word says; NaN for any other word."""
    try:
        return float(word)
    except ValueError:
        return math.nan


def shown(text: bytes | str) -> str:
    """The beginning of a text, for a message."""
    words = text.decode("latin-1") if isinstance(text, bytes) else text
    return repr(words[:30])
