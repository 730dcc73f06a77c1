"""What the headers of DICOM files say of their frames: read by pydicom, value by value, without its warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import Tag

import monai_mobileunet.data.dicom.tags as tags
from monai_mobileunet.data.dicom.frames import Frame
from monai_mobileunet.data.dicom.tags import TAGS
from monai_mobileunet.data.errors import DataError, refusal
from monai_mobileunet.data.names import VOLUME_SUFFIXES, image_suffix
from monai_mobileunet.wording import counted

__all__ = ["Header", "Identity", "is_dicom", "read_header", "read_identity", "readable", "unreadable"]

PREAMBLE = 128
LAST_OF_IDENTITY = TAGS["SeriesInstanceUID"]


@dataclass(frozen=True)
class Identity:
    """Which series a file belongs to.

    Attributes:
        file: of it.
        series: its UID; empty for an image that does not say.
        image: whether it is an image.
        directory: whether it is a DICOMDIR, which lists other files.
        modality: as DICOM calls it.
    """

    file: Path
    series: str
    image: bool
    directory: bool
    modality: str


@dataclass(frozen=True)
class Header:
    """A file that is an image: its frames, and what else a reader must know.

    Attributes:
        frames: in the order of the file.
        modality: ``"CT"``, ``"MR"``, …; empty if it is not known.
        concatenation: UID that the parts of a volume in several multi-frame files share; empty for others.
        negative: whether small stored values are to be shown bright (``MONOCHROME1``).
    """

    frames: tuple[Frame, ...]
    modality: str
    concatenation: str
    negative: bool


def unreadable(path: Path, error: BaseException) -> DataError:
    """That a file is damaged, to be raised."""
    reason = " ".join(str(error).split("\n")[-1].split())[:200] or type(error).__name__
    return refusal(path, f"is DICOM but cannot be read ({reason}).")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What is raised within, other than that a file is missing or refused, is that it is damaged."""
    try:
        yield
    except (DataError, FileNotFoundError):
        raise
    except Exception as error:  # pydicom raises whatever its parser comes upon in a damaged file
        raise unreadable(path, error) from error


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its first bytes; its name says little, often a number.

    Most have four letters behind a preamble; old ones begin with their first element: group 2 or 8 and a small length.
    """
    if image_suffix(path).lower() in VOLUME_SUFFIXES or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(PREAMBLE + 4)
    except OSError:  # a text that one may not read is no reason to stop a search for images
        return False
    if start[PREAMBLE:] == b"DICM":
        return True
    bare = len(start) == PREAMBLE + 4 and start[:2] in (b"\x02\0", b"\x08\0") and start[3] == 0
    return bare and ((start[4:6].isalpha() and start[4:6].isupper()) or start[6:8] == b"\0\0")


def read_identity(path: Path) -> Identity:
    """Which series a file belongs to, from the beginning of its header.

    Raises:
        DataError: it is damaged.
    """
    try:
        with path.open("rb") as file:
            wanted: list[Any] = [Tag(TAGS[key]) for key in ("SOPClassUID", "Modality", "SeriesInstanceUID")]
            header = read_partial(
                file, lambda tag, vr, length: tag > LAST_OF_IDENTITY, specific_tags=wanted, force=True
            )
        kind, modality = _text(header, "SOPClassUID"), _text(header, "Modality")
        listed = str(getattr(header.file_meta, "MediaStorageSOPClassUID", "") or kind)
        series = _text(header, "SeriesInstanceUID")
    except Exception as error:  # pydicom raises whatever its parser comes upon in a damaged file
        raise unreadable(path, error) from error
    if not kind and not listed and not series:
        raise unreadable(path, ValueError("its header names neither its kind nor its series"))
    kind = kind or listed
    image = modality not in tags.NO_IMAGES and not kind.startswith(tags.NO_IMAGE_CLASSES)
    return Identity(path, series, image, kind == tags.DIRECTORY, modality)


def read_header(path: Path) -> Header:
    """The frames of a file that is an image.

    Raises:
        DataError: it is damaged, has no pixels, or holds colours.
    """
    try:
        data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS.values()), force=True)
        return _header(path, data)
    except DataError:
        raise
    except Exception as error:  # pydicom raises whatever its parser comes upon in a damaged file
        raise unreadable(path, error) from error


def _header(path: Path, data: Dataset) -> Header:
    size = (int(_number(data, "Rows", 0)), int(_number(data, "Columns", 0)))
    if 0 in size:
        raise unreadable(path, ValueError("it has no Rows and Columns"))
    colours = _text(data, "PhotometricInterpretation") or "MONOCHROME2"
    if _number(data, "SamplesPerPixel", 1) != 1 or not colours.startswith("MONOCHROME"):
        raise refusal(path, f"holds colours ({colours}); expected one number per voxel.", "Export intensities.")
    if "MOSAIC" in _text(data, "ImageType").split("\\"):
        problem = "holds the slices of a volume side by side in one picture (a mosaic)."
        raise refusal(path, problem, "Split it, for example with dcm2niix.")
    modality = _text(data, "Modality")
    negative = colours == "MONOCHROME1"
    common: dict[str, Any] = {
        "file": path,
        "uid": _text(data, "SOPInstanceUID"),
        "size": size,
        "bits": _bits(path, data),
        "inverted": negative and modality not in tags.WITH_UNITS,
    }
    frames = tuple(Frame(**common, **values) for values in _of_frames(path, data))
    return Header(frames, modality, _text(data, "ConcatenationUID"), negative)


def _bits(path: Path, data: Dataset) -> tuple[int, int, int, int]:
    allocated = int(_number(data, "BitsAllocated", 16))
    stored = int(_number(data, "BitsStored", allocated))
    high = int(_number(data, "HighBit", stored - 1))
    if allocated not in (8, 16, 32) or not 0 < stored <= allocated or not stored - 1 <= high < allocated:
        problem = f"has pixels of {allocated} bits, {stored} of them used, the highest {high}; expected 8, 16 or 32."
        raise refusal(path, problem, "Export it again.")
    return allocated, stored, high, int(_number(data, "PixelRepresentation", 0))


def _of_frames(path: Path, data: Dataset) -> Iterator[dict[str, Any]]:
    """What differs from frame to frame: their own functional groups come first, then those they share."""
    count = max(int(_number(data, "NumberOfFrames", 1)), 1)
    groups = _items(data, "PerFrameFunctionalGroupsSequence")
    if groups and len(groups) != count:
        raise refusal(path, f"describes {counted(len(groups), 'frame')} but holds {count}.", "Export it again.")
    shared = [item for group in _items(data, "SharedFunctionalGroupsSequence") for item in _macros(group)]
    common = {key: text for key in tags.TELL_APART if (count == 1 or key in tags.OF_ALL) and (text := _text(data, key))}
    for index in range(count if groups else 1):  # of a film without groups no frame has a place: one says so
        own = _macros(groups[index]) if groups else []
        sources = [*own, *shared, data]
        # without functional groups the one position of a film is that of its first frame, or of none
        placed = sources if groups or count == 1 else []
        thick = _first(sources, "SpacingBetweenSlices") or _first(sources, "SliceThickness")
        yield {
            "index": index,
            "count": count,
            "position": _first(placed, "ImagePositionPatient"),
            "orientation": _first(sources, "ImageOrientationPatient"),
            "spacing": _first(sources, "PixelSpacing"),
            "thickness": abs(thick[0]) if thick else None,
            "attributes": {**_attributes_of(own), **common},
            **_rescale(sources),
        }


def _rescale(sources: Sequence[Dataset]) -> dict[str, Any]:
    for source in sources:
        for table in _items(source, "ModalityLUTSequence"):
            length, first, _ = _values(table, "LUTDescriptor")
            if int(_number(source, "PixelRepresentation", 0)) and first >= 2**15:
                first -= 2**16
            values = table.get_item(TAGS["LUTData"]).value
            values = tuple(np.frombuffer(values, "<u2" if len(values) >= 2 * int(length or 2**16) else "u1").tolist())
            return {"table": (int(first), values), "rescaled": True}
    slope, intercept = _first(sources, "RescaleSlope"), _first(sources, "RescaleIntercept")
    return {
        "slope": slope[0] if slope and slope[0] else 1.0,  # 0 would make everything one value: it is not meant
        "intercept": intercept[0] if intercept else 0.0,
        "rescaled": slope is not None or intercept is not None,
    }


def _macros(group: Dataset) -> list[Dataset]:
    """The items that a functional group consists of."""
    return [item for tag in list(group.keys()) for item in _sequence(group, tag)]


def _attributes_of(own: Sequence[Dataset]) -> dict[str, str]:
    """All that a frame says of itself, apart from its place; what is known to tell volumes apart comes first."""
    attributes: dict[str, str] = {}
    waiting = list(own)
    while waiting:
        item = waiting.pop(0)
        for tag in list(item.keys()):
            keyword = keyword_for_tag(tag) or str(tag)
            if inner := _sequence(item, tag):
                waiting += inner
            elif keyword not in tags.OF_EACH_FRAME and (values := _values(item, tag)):
                texts = (f"{value:g}" if isinstance(value, float) else str(value) for value in values)
                attributes.setdefault(keyword, "\\".join(texts))
    order = {key: place for place, key in enumerate(tags.MOST_TELLING)}
    return dict(sorted(attributes.items(), key=lambda entry: order.get(entry[0], len(order))))


def _items(data: Dataset, keyword: str) -> list[Dataset]:
    return _sequence(data, TAGS[keyword]) if TAGS[keyword] in data else []


def _sequence(data: Dataset, tag: int) -> list[Dataset]:
    """The items of an element that is a sequence; none of another."""
    element = data.get_item(tag)
    if (element.VR or "") not in ("SQ", "UN", "") or _vr(element) != "SQ":
        return []
    return list(data[tag].value or [])


def _vr(element: Any) -> str:
    if element.VR not in (None, "UN"):
        return str(element.VR)
    try:
        return dictionary_VR(element.tag)
    except KeyError:
        return "UN"


def _values(data: Dataset, tag: int | str) -> list[Any]:
    """An element's values as numbers or texts; pydicom's own conversion warns of each UID that is too long."""
    tag = TAGS[tag] if isinstance(tag, str) else tag
    if tag not in data:
        return []
    element = data.get_item(tag)
    value, kind = element.value, _vr(element)
    if not isinstance(value, bytes):
        return [] if value is None else [value] if isinstance(value, (str, int, float)) else list(value)
    if kind in tags.NUMBERS:
        order = "<" if getattr(element, "is_little_endian", True) else ">"
        width = int(tags.NUMBERS[kind][1])
        return np.frombuffer(value[: len(value) // width * width], order + tags.NUMBERS[kind]).tolist()
    if kind in ("OB", "OW", "UN", "OF", "OD", "SQ"):
        return []
    return [part.strip(" \0") for part in value.decode("latin-1").split("\\")] if value.strip(b" \0") else []


def _text(data: Dataset, keyword: str) -> str:
    return "\\".join(map(str, _values(data, keyword)))


def _numbers(data: Dataset, keyword: str) -> tuple[float, ...] | None:
    values = [value for value in _values(data, keyword) if value != ""]
    return tuple(float(value) for value in values) or None


def _number(data: Dataset, keyword: str, otherwise: float) -> float:
    values = _numbers(data, keyword)
    return values[0] if values else otherwise


def _first(sources: Iterable[Dataset], keyword: str) -> tuple[float, ...] | None:
    return next((values for source in sources if (values := _numbers(source, keyword)) is not None), None)
