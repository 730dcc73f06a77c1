"""What classes are in SNOMED CT, found by their names in the lists of terms that DICOM has for segments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from monai_mobileunet.data.dicom.segments.described import Code, SegmentClass
from monai_mobileunet.palette import colour_of

__all__ = ["LONGEST_TEXT", "PRIVATE", "segment_classes"]

LONGEST_TEXT = 64
"""Characters of a label or of a meaning in DICOM."""

PRIVATE = "99MOBILEUNET"
"""Scheme of the classes whose names are no term; its codes are ``CLASS-1``, ``CLASS-2``, …, and mean their names."""

ANATOMY = Code("123037004", "SCT", "Anatomical Structure")
LESION = Code("49755003", "SCT", "Morphologically Abnormal Structure")
LISTS = (
    ("CID7192", ANATOMY),
    ("CID4", ANATOMY),
    ("CID3010", ANATOMY),
    ("CID7194", LESION),
    ("CID7191", Code("85756007", "SCT", "Tissue")),
    ("CID7197", Code("91720002", "SCT", "Body Substance")),
)
"""Context groups of DICOM PS3.16, the first that has a term counts, each with the category of its terms (CID 7150)."""

MORE = {
    "brachial plexus": Code("36582005", "SCT", "Brachial plexus"),
    "femoral head": Code("2812003", "SCT", "Femoral head"),
    "lacrimal gland": Code("13561001", "SCT", "Lacrimal gland"),
    "lens": Code("78076003", "SCT", "Lens"),
    "myocardium": Code("74281007", "SCT", "Myocardium"),
    "optic nerve": Code("18234004", "SCT", "Optic nerve"),
    "oral cavity": Code("74262004", "SCT", "Oral cavity"),
    "peripheral zone": Code("279706003", "SCT", "Peripheral zone of prostate"),
    "transition zone": Code("399384005", "SCT", "Transition zone of prostate"),
}
"""Anatomy that data sets name and these lists lack."""

ALSO = {
    "adrenal": "adrenal gland",
    "airway": "trachea",
    "brain stem": "brainstem",
    "cancer": "neoplasm",
    "csf": "cerebrospinal fluid",
    "haemorrhage": "hemorrhage",
    "hepatic vessel": "blood vessel",
    "ivc": "inferior vena cava",
    "la": "left atrium",
    "lv": "left ventricle",
    "lv myocardium": "myocardium",
    "myo": "myocardium",
    "oedema": "edema",
    "oesophagus": "esophagus",
    "parotid": "parotid gland",
    "postcava": "inferior vena cava",
    "ra": "right atrium",
    "rv": "right ventricle",
    "small bowel": "small intestine",
    "submandibular": "submandibular gland",
    "thyroid gland": "thyroid",
    "tumor": "neoplasm",
    "tumour": "neoplasm",
    "urinary bladder": "bladder",
}
"""Names that data sets use for what the lists call otherwise."""

SIDES = {
    "left": Code("7771000", "SCT", "Left"),
    "l": Code("7771000", "SCT", "Left"),
    "right": Code("24028007", "SCT", "Right"),
    "r": Code("24028007", "SCT", "Right"),
}


def segment_classes(names: Sequence[str]) -> tuple[SegmentClass, ...]:
    """Find terms for classes, and give them the colours of this package's pictures.

    A term is taken only for a name that is its own, up to case, plural, separators and the side: ``left_kidney``,
    ``Kidney L`` and ``kidneys``. Any other name gets a code of a private scheme that means the name, never a term
    that is nearly right, as "Tissue".

    Args:
        names: of the classes from 1 on.

    Returns:
        In the order of the names. The colours are those of :mod:`monai_mobileunet.palette`.
    """
    return tuple(_described(number, name) for number, name in enumerate(names, 1))


def _described(number: int, name: str) -> SegmentClass:
    colour, words = colour_of(number), _words(name)
    found = _term(words)
    if found is not None:
        return SegmentClass(number, name, colour, *found)
    sides = {SIDES[word].value: SIDES[word] for word in words if word in SIDES}
    found = _term([word for word in words if word not in SIDES])
    if found is not None and len(sides) == 1:
        return SegmentClass(number, name, colour, *found, next(iter(sides.values())))
    categories = {found[0] for found in map(_term, ([word] for word in words)) if found is not None}
    category = LESION if LESION in categories else ANATOMY
    return SegmentClass(number, name, colour, category, Code(f"CLASS-{number}", PRIVATE, name[:LONGEST_TEXT]))


def _words(name: str) -> list[str]:
    """``leftKidney``, ``left_kidney`` and ``Left Kidney`` are the same words."""
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def _term(words: Sequence[str]) -> tuple[Code, Code] | None:
    """Category and term of what the words name."""
    for form in _forms(" ".join(words)):
        name = ALSO.get(form, form)
        if name in MORE:
            return ANATOMY, MORE[name]
        found = _terms().get(name.replace(" ", ""))
        if found is not None:
            return found
    return None


def _forms(name: str) -> Iterator[str]:
    """A name, and what it is the plural of."""
    yield name
    for plural, singular in (("ies", "y"), ("ae", "a"), ("es", ""), ("s", "")):
        if name.endswith(plural):
            yield name.removesuffix(plural) + singular


@cache
def _terms() -> dict[str, tuple[Code, Code]]:
    """Category and term by the meaning, and by pydicom's keyword, in small letters without separators."""
    from pydicom.sr.codedict import codes  # takes half a second, which runs that write no DICOM do not have

    table: dict[str, tuple[Code, Code]] = {}
    for group, category in LISTS:
        for keyword, term in getattr(codes, group).concepts.items():
            code = Code(term.value, term.scheme_designator, term.meaning[:LONGEST_TEXT])
            for name in (term.meaning, keyword):
                table.setdefault("".join(_words(name)) if name == term.meaning else name.lower(), (category, code))
    return table
