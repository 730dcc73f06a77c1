"""How a bundle describes its classes to DICOM: ``segment_attributes`` in its ``metadata.json``.

The items are those of dcmqi's JSON (https://qiicr.gitbook.io/dcmqi-guide), so that what its web form gives for a class
can be pasted there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monai_mobileunet.data.dicom.segments.described import Code, SegmentClass
from monai_mobileunet.data.dicom.segments.terms import LONGEST_TEXT, segment_classes
from monai_mobileunet.data.errors import DataError, refusal
from monai_mobileunet.palette import colour_of

__all__ = ["SEGMENT_ATTRIBUTES", "attributes_of", "classes_from"]

SEGMENT_ATTRIBUTES = "segment_attributes"
"""The entry of ``metadata.json``."""

CATEGORY = "SegmentedPropertyCategoryCodeSequence"
KIND = "SegmentedPropertyTypeCodeSequence"
SIDE = "SegmentedPropertyTypeModifierCodeSequence"
COLOUR = "recommendedDisplayRGBValue"


def attributes_of(classes: Sequence[SegmentClass]) -> list[dict[str, Any]]:
    """Classes as items of JSON; :func:`classes_from` reads them."""
    return [
        {
            "labelID": one.value,
            "SegmentLabel": one.name[:LONGEST_TEXT],
            CATEGORY: _to_json(one.category),
            KIND: _to_json(one.kind),
            **({SIDE: _to_json(one.side)} if one.side else {}),
            COLOUR: list(one.colour),
        }
        for one in classes
    ]


def classes_from(metadata: Mapping[str, Any], names: Sequence[str], where: str) -> tuple[SegmentClass, ...]:
    """A bundle's classes in the words of DICOM.

    Args:
        metadata: of the bundle. One without the entry, as of an older version, has the terms that its names give.
            A class without a colour has that of the palette.
        names: of the classes from 1 on.
        where: path of the metadata, for messages.

    Raises:
        DataError: the entry has another form, or other classes.
    """
    if SEGMENT_ATTRIBUTES not in metadata:
        return segment_classes(names)
    items = metadata[SEGMENT_ATTRIBUTES]
    try:
        classes = tuple(_from_json(item) for item in items)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise _refused(where, f"has an item that cannot be used ({reason})") from error
    if [one.value for one in classes] != list(range(1, len(names) + 1)):
        given = ", ".join(str(one.value) for one in classes)
        raise _refused(where, f"describes the classes {given}; expected 1 to {len(names)} in this order")
    return classes


def _from_json(item: Mapping[str, Any]) -> SegmentClass:
    number = int(item["labelID"])
    red, green, blue = (int(value) for value in item.get(COLOUR, colour_of(number)))
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise ValueError(f"{COLOUR} is {item.get(COLOUR)}; expected three numbers from 0 to 255")
    label = str(item["SegmentLabel"])
    if not 0 < len(label) <= LONGEST_TEXT:
        raise ValueError(f"SegmentLabel has {len(label)} characters; expected 1 to {LONGEST_TEXT}")
    side = _code(item[SIDE]) if SIDE in item else None
    return SegmentClass(number, label, (red, green, blue), _code(item[CATEGORY]), _code(item[KIND]), side)


def _code(item: Mapping[str, Any]) -> Code:
    value, scheme, meaning = (str(item[key]) for key in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"))
    if not (0 < len(value) <= 16 and 0 < len(scheme) <= 16 and 0 < len(meaning) <= LONGEST_TEXT):
        raise ValueError(f"a code is {value!r} of {scheme!r}, {meaning!r}; expected at most 16, 16 and 64 characters")
    return Code(value, scheme, meaning)


def _to_json(code: Code) -> dict[str, str]:
    return {"CodeValue": code.value, "CodingSchemeDesignator": code.scheme, "CodeMeaning": code.meaning}


def _refused(where: str, problem: str) -> DataError:
    remedy = f"Correct {SEGMENT_ATTRIBUTES} there, or delete it to have the terms that the classes' names give."
    return refusal(where, f"{SEGMENT_ATTRIBUTES} {problem}.", remedy)
