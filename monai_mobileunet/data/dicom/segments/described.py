"""How DICOM files describe a mask: its classes as terms of a terminology, and what made it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DISCLAIMER", "INTELLIGENCE", "Code", "Maker", "SegmentClass"]

DISCLAIMER = "AI generated, not for clinical use"
"""Said in every file that is written."""


@dataclass(frozen=True)
class Code:
    """A term of a terminology.

    Attributes:
        value: for machines, at most 16 characters.
        scheme: of the terminology: ``SCT`` for SNOMED CT; private ones begin with ``99``.
        meaning: for people, at most 64 characters.
    """

    value: str
    scheme: str
    meaning: str


INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
"""Family of the algorithms that make masks here."""


@dataclass(frozen=True)
class SegmentClass:
    """A class of a mask.

    Attributes:
        value: its number in the mask, from 1 on.
        name: as the bundle calls it.
        colour: sRGB, 0 to 255 each.
        category: what kind of thing it is, as "Anatomical Structure".
        kind: what it is.
        side: "Left" or "Right", where it is of one side.
    """

    value: int
    name: str
    colour: tuple[int, int, int]
    category: Code
    kind: Code
    side: Code | None = None


@dataclass(frozen=True)
class Maker:
    """What made a mask.

    Attributes:
        model: name of the bundle.
        version: of the bundle.
        weights: SHA-256 of the weights, in hexadecimal digits.
        deterministic: derive all UIDs from the source, the model and the mask, and write no clock time, so that the
            same mask gives the same bytes.
        software: what ran the model, with its version.
    """

    model: str
    version: str
    weights: str
    deterministic: bool = False
    software: str = "monai_mobileunet"
