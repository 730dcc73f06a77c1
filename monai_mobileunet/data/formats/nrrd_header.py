"""The header of an NRRD file."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from monai_mobileunet.data.errors import Finding, refusal, warning
from monai_mobileunet.data.formats.header_fields import (
    AGAIN,
    LINE,
    Promise,
    bytes_of,
    data_files,
    float_of,
    header_lines,
    need,
    number_of,
    shown,
    sizes_of,
)
from monai_mobileunet.data.formats.units import MM_PER_NAME
from monai_mobileunet.data.names import DETACHED

__all__ = ["nrrd_promise"]

PACKINGS = {
    "raw": "raw",
    **dict.fromkeys(("txt", "text", "ascii"), "text"),
    "hex": "hex",
    **dict.fromkeys(("gz", "gzip"), "zlib"),
}
"""``encoding`` of an NRRD file that is read: ``"zlib"`` stands for gzip too."""

ANATOMICAL = re.compile(r"(right|left)-(anterior|posterior)-(superior|inferior)(-time)?|[RL][AP][SI]T?", re.IGNORECASE)
"""Spaces of NRRD that say which side of the body is which."""


def nrrd_promise(path: Path, file: BinaryIO) -> Promise:
    """Read the header of an NRRD file.

    Raises:
        DataError: it has none, or one that lacks what is needed.
    """
    fields = _nrrd_fields(path, file)
    need(path, fields, ("type", "sizes", "encoding"))
    shape, kind = sizes_of(path, fields["sizes"], "sizes", fields.get("dimension")), fields["type"]
    packing = PACKINGS.get(fields["encoding"].lower())
    if packing is None:
        problem = f"has the encoding {fields['encoding']!r}; expected raw, gzip, hex or text."
        raise refusal(path, problem, "Write it with encoding gzip.")
    skip: int | None = number_of(path, fields, "byteskip", 0)
    lines = number_of(path, fields, "lineskip", 0)
    if "datafile" in fields:
        files = data_files(path, fields["datafile"], file)
    elif path.suffix.lower() in DETACHED:
        raise refusal(path, "names no 'data file'; expected the file that holds its values.", "Add 'data file: NAME'.")
    else:
        for _ in range(lines):
            file.readline()
        files, skip = (path,), skip if skip == -1 else file.tell() + (skip or 0)
    values = math.prod(shape)
    size = values * bytes_of(path, kind)
    skip, scale = None if skip == -1 else skip, _nrrd_scale(path, fields)
    return Promise(
        shape, kind, values, size, packing, files, skip, scale=scale, warnings=tuple(_nrrd_warnings(path, fields))
    )


def _nrrd_fields(path: Path, file: BinaryIO) -> dict[str, str]:
    magic = file.readline(LINE)
    if not re.match(rb"NRRD000\d\s*$", magic):
        raise refusal(path, f"starts with {shown(magic)}; expected an NRRD header, 'NRRD0004'.")
    fields: dict[str, str] = {}
    for line in header_lines(file):
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
    sizes = [float_of(word) for word in fields.get("spacings", "").split()]
    # of more than three axes one is none of space, and says so with "nan"
    if not sized or (len(sizes) <= 3 and not all(math.isfinite(size) and size for size in sizes)):
        problem = "does not say how large its voxels are (no 'space directions' or 'spacings'); 1 mm was assumed."
        yield warning(path, problem, AGAIN)
    for unit in sorted(set(_nrrd_units(fields)) - MM_PER_NAME.keys() - {""} if "spaceunits" in fields else ()):
        problem = f"has the unit of length {unit!r}, which is not known; mm was assumed."
        yield warning(path, problem, "Set 'space units' to \"mm\" for each axis.")
