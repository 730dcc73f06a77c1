"""What file names in BIDS say, and the names of what is made of an image.

The rules are those of the specification (https://bids-specification.readthedocs.io): "Common principles" and
"BIDS Derivatives".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mobileunet.data.names import NIFTI, case_name, image_suffix

__all__ = [
    "DERIVATIVES",
    "DESCRIPTION",
    "MASK",
    "OURS",
    "OWN_SPACE",
    "SEGMENTATION",
    "BidsName",
    "generators",
    "label_entities",
    "misplaced",
]

DERIVATIVES = "derivatives"
"""Folder of a data set in BIDS for what was made of its images."""

DESCRIPTION = "dataset_description.json"
"""File that describes a data set."""

OURS = "monai_mobileunet"
"""This package among those who have made a data set."""

SEGMENTATION, MASK = "dseg", "mask"
"""The suffixes of BIDS for class numbers, and for one class alone."""

LAST = ("space", "split", "recording", "chunk", "atlas", "seg", "scale", "res", "den", "label", "desc")
"""Entities that names end with, in the order of the BIDS schema (``rules/entities.yaml``)."""

OF_DERIVATIVES = frozenset(LAST) - {"split", "recording", "chunk"}
"""Entities that say what was made of an image, not which image it was made of."""

OF_IMAGES = frozenset(
    (
        *("T1w", "T2w", "PDw", "T2starw", "FLAIR", "inplaneT1", "inplaneT2", "PDT2", "angio"),
        *("T1map", "T2map", "T2starmap", "R1map", "R2map", "R2starmap", "PDmap"),
        *("UNIT1", "MP2RAGE", "MEGRE", "T1rho", "FLASH"),
        *("swi", "bold", "cbv", "sbref", "dwi", "asl", "m0scan", "epi", "pet", "ct"),
    )
)
"""Suffixes of images that one participant may have side by side."""

WELL_FORMED = re.compile(r"sub-[A-Za-z0-9+]+(_[A-Za-z]+-[A-Za-z0-9+]+)*_[A-Za-z0-9]+")

OWN_SPACE = "orig"
"""What BIDS calls the space of an image that nothing was done to."""


@dataclass(frozen=True)
class BidsName:
    """A file name, as ``sub-01_ses-2_T1w.nii.gz``.

    Attributes:
        entities: keys and values in their order: ``(("sub", "01"), ("ses", "2"))``.
        suffix: what the file holds: ``T1w``.
    """

    entities: tuple[tuple[str, str], ...]
    suffix: str

    @classmethod
    def of(cls, path: str | Path) -> BidsName:
        """What a name says, of a file that need not be named as BIDS has it."""
        *parts, suffix = case_name(path).split("_")
        pairs = (part.partition("-") for part in parts)
        return cls(tuple((key, value) for key, _, value in pairs), suffix)

    def __getitem__(self, key: str) -> str:
        """The value of an entity; empty where the name does not have it."""
        return dict(self.entities).get(key, "")

    @property
    def source(self) -> frozenset[tuple[str, str]]:
        """The entities that tell of which image a file is."""
        return frozenset(pair for pair in self.entities if pair[0] not in OF_DERIVATIVES)

    def may_be_of(self, image: BidsName, suffixes: Collection[str] = ()) -> bool:
        """Whether a segmentation of this name may be one of an image.

        It has the entities of the image. Its space, which is the image's own where it names none, is that of the image,
        and its ``desc`` names no other suffix: ``sub-01_desc-T2w_dseg`` is none of ``sub-01_T1w``, which
        ``sub-01_desc-manual_dseg`` may be of.

        Args:
            image: name of the image.
            suffixes: further suffixes of images, of which BIDS need not know.
        """
        spaces = (image["space"],) if image["space"] else ("", OWN_SPACE, image.suffix)
        if self.source != image.source or self["space"] not in spaces:
            return False
        named = self["desc"].removeprefix(image["desc"])
        return named.endswith(image.suffix) or not any(
            named == other or (other[:1].isupper() and named.endswith(other)) for other in OF_IMAGES.union(suffixes)
        )

    def derived(self, label: str = "") -> str:
        """Name of a segmentation of this image, without its suffix of a format.

        The suffix of the image is kept in ``desc``, as BIDS asks where files of one subject differ by their input
        alone: ``sub-01_T1w`` and ``sub-01_T2w`` have ``sub-01_space-orig_desc-T1w_dseg`` and ``…_desc-T2w_dseg``. The
        space is ``orig``, for nothing is transformed, unless the image names its own.

        Args:
            label: the class of a mask of one class, from :func:`label_entities`; by default the name is that of all
                class numbers.
        """
        first = [pair for pair in self.entities if pair[0] not in LAST]
        last = {"space": OWN_SPACE, **dict(self.entities), "desc": self["desc"] + self.suffix}
        last |= {"label": label} if label else {}
        pairs = [*first, *((key, last[key]) for key in LAST if key in last)]
        return "_".join([*(f"{key}-{value}" for key, value in pairs), MASK if label else SEGMENTATION])


def misplaced(path: Path) -> str:
    """Why BIDS has no such image, in words; empty if it has.

    Args:
        path: of an image, relative to its data set.
    """
    if not WELL_FORMED.fullmatch(case_name(path)):
        return "is not named as sub-01_T1w.nii.gz, with letters and digits alone between - and _"
    if image_suffix(path) not in NIFTI:
        return "is no .nii.gz or .nii, as images are in BIDS"
    name = BidsName.of(path)
    known = [f"{key}-{name[key]}" for key in ("sub", "ses") if name[key]]
    *folders, datatype = path.parts[:-1]
    if folders != known or datatype.startswith(("sub-", "ses-")):
        return "does not lie in the folders that its name tells of, as sub-01/ses-1/anat"
    return ""


def label_entities(class_names: Sequence[str]) -> tuple[str, ...]:
    """Names of classes as values of the entity ``label``, which has letters and digits alone.

    ``left parotid`` becomes ``leftParotid``. Where a name has neither, or two would be one file where case does not
    count in names, as on Windows and macOS, they are ``class1``, ….
    """
    words = [re.findall(r"[A-Za-z0-9]+", name) for name in class_names]
    labels = ["".join([*found[:1], *(word[0].upper() + word[1:] for word in found[1:])]) for found in words]
    if all(labels) and len({label.casefold() for label in labels}) == len(labels):
        return tuple(labels)
    return tuple(f"class{number}" for number in range(1, len(labels) + 1))


def generators(description: Any) -> list[str]:
    """Who has made a data set of derivatives: the names in ``GeneratedBy`` of its ``dataset_description.json``."""
    made = description.get("GeneratedBy") if isinstance(description, dict) else None
    return [str(one.get("Name")) for one in made if isinstance(one, dict)] if isinstance(made, list) else []
