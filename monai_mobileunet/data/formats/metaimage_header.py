"""The header of a MetaImage file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from monai_mobileunet.data.errors import Finding, refusal, warning
from monai_mobileunet.data.formats.header_fields import (
    AGAIN,
    Promise,
    bytes_of,
    data_files,
    float_of,
    header_lines,
    is_true,
    need,
    number_of,
    shown,
    sizes_of,
)
from monai_mobileunet.data.formats.units import MM_PER_NAME

__all__ = ["metaimage_promise"]

METAIO_UNITS = ("mm", "cm", "um")
"""Values of DistanceUnits that SimpleITK knows, and tells with the image; it takes all others for nothing."""


def metaimage_promise(path: Path, file: BinaryIO) -> Promise:
    """Read the header of a MetaImage file.

    Raises:
        DataError: it has none, or one that lacks what is needed.
    """
    fields: dict[str, str] = {}
    for number, line in enumerate(header_lines(file)):
        key, sign, value = line.partition("=")
        if not sign and (line.strip() or number == 0):
            raise refusal(path, f"has the line {shown(line)} in its header; expected 'NAME = VALUE' of a MetaImage.")
        fields[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            break
    need(path, fields, ("NDims", "DimSize", "ElementType", "ElementDataFile"))
    shape = sizes_of(path, fields["DimSize"], "DimSize", fields["NDims"])
    packing = "zlib" if is_true(fields, "CompressedData") else "raw" if is_true(fields, "BinaryData", "T") else "text"
    skip: int | None = number_of(path, fields, "HeaderSize", 0)
    files = data_files(path, fields["ElementDataFile"], file)
    if files == (path,) and (skip or 0) > 0:  # MetaIO would read from there, words of the header among the values
        problem = f"has its values behind the header and HeaderSize {skip}, which contradict each other."
        raise refusal(path, problem, AGAIN)
    skip = None if skip == -1 else file.tell() if files == (path,) else skip
    warnings = tuple(_metaimage_warnings(path, fields))
    kind = fields["ElementType"].removesuffix("_ARRAY")
    values = math.prod(shape) * max(number_of(path, fields, "ElementNumberOfChannels", 1), 1)
    # without that number MetaIO takes the header's own bytes for packed ones, and gives a wrong image in silence
    packed: int | None = number_of(path, fields, "CompressedDataSize", 0 if files == (path,) else -1)
    packed, size = None if packed == -1 else packed, values * bytes_of(path, kind)
    return Promise(shape, kind, values, size, packing, files, skip, packed, _metaimage_scale(fields), warnings)


def _metaimage_scale(fields: Mapping[str, str]) -> tuple[float, float, float]:
    """mm per unit of length, where SimpleITK does not tell the unit itself."""
    unit = fields.get("DistanceUnits", "")
    mm = 1.0 if unit in METAIO_UNITS else MM_PER_NAME.get(unit.lower(), 1.0)
    return mm, mm, mm


def _metaimage_warnings(path: Path, fields: Mapping[str, str]) -> Iterator[Finding]:
    words = fields.get("ElementSpacing", fields.get("ElementSize", ""))
    sizes = [float_of(word) for word in words.split()]
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
