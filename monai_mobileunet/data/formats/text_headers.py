"""The text headers of NRRD and MetaImage: what they promise, and in which unit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from monai_mobileunet.data.errors import Finding, refusal, warning
from monai_mobileunet.data.files import read_start
from monai_mobileunet.data.formats.units import MM_PER_NAME
from monai_mobileunet.data.names import DETACHED, NRRD

__all__ = ["Promise", "read_promise"]

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

PACKINGS = {
    "raw": "raw",
    **dict.fromkeys(("txt", "text", "ascii"), "text"),
    "hex": "hex",
    **dict.fromkeys(("gz", "gzip"), "zlib"),
}
"""``encoding`` of an NRRD file that is read: ``"zlib"`` stands for gzip too."""

ANATOMICAL = re.compile(r"(right|left)-(anterior|posterior)-(superior|inferior)(-time)?|[RL][AP][SI]T?", re.IGNORECASE)
"""Spaces of NRRD that say which side of the body is which."""


AGAIN = "Convert it from its source again."


METAIO_UNITS = ("mm", "cm", "um")
"""Values of DistanceUnits that SimpleITK knows, and tells with the image; it takes all others for nothing."""


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


def read_promise(path: Path) -> Promise:
    """Read the header of an NRRD or MetaImage file.

    Raises:
        DataError: it is empty, has no header of its format, or one that lacks what is needed.
    """
    read_start(path, 1)
    with path.open("rb") as file:
        return (_nrrd if path.suffix.lower() in NRRD else _metaimage)(path, file)


def _nrrd(path: Path, file: BinaryIO) -> Promise:
    fields = _nrrd_fields(path, file)
    _need(path, fields, ("type", "sizes", "encoding"))
    shape, kind = _sizes(path, fields["sizes"], "sizes", fields.get("dimension")), fields["type"]
    packing = PACKINGS.get(fields["encoding"].lower())
    if packing is None:
        problem = f"has the encoding {fields['encoding']!r}; expected raw, gzip, hex or text."
        raise refusal(path, problem, "Write it with encoding gzip.")
    skip: int | None = _number(path, fields, "byteskip", 0)
    lines = _number(path, fields, "lineskip", 0)
    if "datafile" in fields:
        files = _data_files(path, fields["datafile"], file)
    elif path.suffix.lower() in DETACHED:
        raise refusal(path, "names no 'data file'; expected the file that holds its values.", "Add 'data file: NAME'.")
    else:
        for _ in range(lines):
            file.readline()
        files, skip = (path,), skip if skip == -1 else file.tell() + (skip or 0)
    values = math.prod(shape)
    size = values * _bytes_of(path, kind)
    skip, scale = None if skip == -1 else skip, _nrrd_scale(path, fields)
    return Promise(
        shape, kind, values, size, packing, files, skip, scale=scale, warnings=tuple(_nrrd_warnings(path, fields))
    )


def _nrrd_fields(path: Path, file: BinaryIO) -> dict[str, str]:
    magic = file.readline(LINE)
    if not re.match(rb"NRRD000\d\s*$", magic):
        raise refusal(path, f"starts with {_shown(magic)}; expected an NRRD header, 'NRRD0004'.")
    fields: dict[str, str] = {}
    for line in _lines(file):
        if not line.strip():
            break
        key, colon, value = line.partition(":")
        if colon and not value.startswith("=") and not line.startswith("#"):
            fields[key.strip().lower().replace(" ", "")] = value.strip()
        if fields.get("datafile", "").startswith("LIST"):  # the names of the files follow
            break
    return fields


def _nrrd_units(fields: Mapping[str, str]) -> list[str]:
    units = re.findall(r'"([^"]*)"', fields.get("spaceunits", fields.get("units", "")))
    return [unit.strip().lower() for unit in units]


def _nrrd_scale(path: Path, fields: Mapping[str, str]) -> tuple[float, ...]:
    """mm per unit along the axes of the space, or of the grid where the header has no units of the space."""
    by_space, units = "spaceunits" in fields, _nrrd_units(fields)
    scale = [MM_PER_NAME.get(unit, 1.0) for unit in units if by_space or unit in MM_PER_NAME]
    if not by_space and len(set(scale)) > 1:
        raise refusal(path, f"has several units of length ({', '.join(units)}).", "Write it in mm.")
    return (*scale, *[scale[0] if scale else 1.0] * 3)[:3]


def _nrrd_warnings(path: Path, fields: Mapping[str, str]) -> Iterator[Finding]:
    if "space" not in fields:
        yield warning(path, "does not say where it lies (no 'space'); its sides are a guess.", AGAIN)
    elif not ANATOMICAL.fullmatch(fields["space"]):
        problem = f"has the space {fields['space']!r}, which names no sides of a body; they are a guess."
        yield warning(path, problem, AGAIN)
    sized = re.search(r"\d", fields.get("spacedirections", "") + fields.get("spacings", ""))
    sizes = [_float(word) for word in fields.get("spacings", "").split()]
    # of more than three axes one is none of space, and says so with "nan"
    if not sized or (len(sizes) <= 3 and not all(math.isfinite(size) and size for size in sizes)):
        problem = "does not say how large its voxels are (no 'space directions' or 'spacings'); 1 mm was assumed."
        yield warning(path, problem, AGAIN)
    for unit in sorted(set(_nrrd_units(fields)) - MM_PER_NAME.keys() - {""} if "spaceunits" in fields else ()):
        problem = f"has the unit of length {unit!r}, which is not known; mm was assumed."
        yield warning(path, problem, "Set 'space units' to \"mm\" for each axis.")


def _metaimage(path: Path, file: BinaryIO) -> Promise:
    fields: dict[str, str] = {}
    for number, line in enumerate(_lines(file)):
        key, sign, value = line.partition("=")
        if not sign and (line.strip() or number == 0):
            raise refusal(path, f"has the line {_shown(line)} in its header; expected 'NAME = VALUE' of a MetaImage.")
        fields[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            break
    _need(path, fields, ("NDims", "DimSize", "ElementType", "ElementDataFile"))
    shape = _sizes(path, fields["DimSize"], "DimSize", fields["NDims"])
    packing = "zlib" if _true(fields, "CompressedData") else "raw" if _true(fields, "BinaryData", "T") else "text"
    skip: int | None = _number(path, fields, "HeaderSize", 0)
    files = _data_files(path, fields["ElementDataFile"], file)
    if files == (path,) and (skip or 0) > 0:  # MetaIO would read from there, words of the header among the values
        problem = f"has its values behind the header and HeaderSize {skip}, which contradict each other."
        raise refusal(path, problem, AGAIN)
    skip = None if skip == -1 else file.tell() if files == (path,) else skip
    warnings = tuple(_metaimage_warnings(path, fields))
    kind = fields["ElementType"].removesuffix("_ARRAY")
    values = math.prod(shape) * max(_number(path, fields, "ElementNumberOfChannels", 1), 1)
    # without that number MetaIO takes the header's own bytes for packed ones, and gives a wrong image in silence
    packed: int | None = _number(path, fields, "CompressedDataSize", 0 if files == (path,) else -1)
    packed, size = None if packed == -1 else packed, values * _bytes_of(path, kind)
    return Promise(shape, kind, values, size, packing, files, skip, packed, _metaimage_scale(fields), warnings)


def _metaimage_scale(fields: Mapping[str, str]) -> tuple[float, float, float]:
    """mm per unit of length, where SimpleITK does not tell the unit itself."""
    unit = fields.get("DistanceUnits", "")
    mm = 1.0 if unit in METAIO_UNITS else MM_PER_NAME.get(unit.lower(), 1.0)
    return mm, mm, mm


def _metaimage_warnings(path: Path, fields: Mapping[str, str]) -> Iterator[Finding]:
    words = fields.get("ElementSpacing", fields.get("ElementSize", ""))
    sizes = [_float(word) for word in words.split()]
    if not sizes:
        problem = "does not say how large its voxels are (no ElementSpacing); 1 mm was assumed."
        yield warning(path, problem, AGAIN)
    elif any(size == 0 or not math.isfinite(size) for size in sizes):
        raise refusal(path, f"has voxels of {words} by its ElementSpacing; expected mm above 0.", "Set the true size.")
    elif min(sizes) < 0:
        problem = f"has voxels of {words} by its ElementSpacing; an axis below 0 was read as one that is mirrored."
        yield warning(path, problem, "Look whether left and right are right.")
    if (unit := fields.get("DistanceUnits", "").lower()) not in {*MM_PER_NAME, "", "?"}:
        problem = f"has the unit of length {unit!r}, which is not known; mm was assumed."
        yield warning(path, problem, "Set DistanceUnits to mm.")
    if not fields.keys() & {"TransformMatrix", "Rotation", "Orientation", "Offset", "Position", "Origin"}:
        problem = "does not say where it lies (no TransformMatrix, no Offset); its sides are a guess."
        yield warning(path, problem, AGAIN)


def _bytes_of(path: Path, kind: str) -> int:
    size = TYPE_BYTES.get(kind, TYPE_BYTES.get(kind.lower()))
    if size is None:
        raise refusal(path, f"has values of type {kind!r}; expected integers or floats of 1 to 8 bytes.")
    return size


def _data_files(path: Path, value: str, file: BinaryIO) -> tuple[Path, ...]:
    """The files that a header names, in either format; ``LOCAL`` is the header's own."""
    words = value.split()
    if value.upper() == "LOCAL":
        return (path,)
    if words and words[0] == "LIST":
        names = [line.strip() for line in _lines(file) if line.strip()]
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


def _lines(file: BinaryIO) -> Iterator[str]:
    for _ in range(LINES):
        line = file.readline(LINE)
        if not line:
            return
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _need(path: Path, fields: Mapping[str, str], keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if not fields.get(key)]
    if missing:
        raise refusal(path, f"has a header without {' and '.join(missing)}.")


def _sizes(path: Path, value: str, key: str, count: str | None) -> tuple[int, ...]:
    words = value.split()
    if len(words) > AXES:
        raise refusal(path, f"has {len(words)} axes by its header; expected one 3D volume.", "Split it into volumes.")
    if not words or not all(word.isascii() and word.isdigit() and int(word) > 0 for word in words):
        raise refusal(path, f"has {key} {_shown(value)}; expected whole numbers above 0.")
    if count is not None and count.strip() != str(len(words)):
        raise refusal(path, f"has {len(words)} {key} ({value[:80]}) for {count[:20]} dimensions.")
    return tuple(map(int, words))


def _number(path: Path, fields: Mapping[str, str], key: str, default: int) -> int:
    try:
        number = int(fields.get(key, default))
    except ValueError:
        number = -2
    if number < -1:
        raise refusal(path, f"has {key} {_shown(fields[key])}; expected a whole number.")
    return number


def _true(fields: Mapping[str, str], key: str, default: str = "F") -> bool:
    return fields.get(key, default)[:1].lower() in ("t", "1")


def _float(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def _shown(text: bytes | str) -> str:
    words = text.decode("latin-1") if isinstance(text, bytes) else text
    return repr(words[:30])
