"""In which files the masks of a run are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["DEFAULT_FORM", "DICOM_SUFFIXES", "OutputForm", "OutputType", "SegType", "type_of"]


class OutputType(StrEnum):
    """A kind of file that a mask can be in."""

    NIFTI = "nifti"
    SEG_NRRD = "seg_nrrd"
    DICOM_SEG = "dicom_seg"
    DICOM_RTSTRUCT = "dicom_rtstruct"


class SegType(StrEnum):
    """How a DICOM SEG holds its classes."""

    BINARY = "binary"
    LABELMAP = "labelmap"


DICOM_SUFFIXES = {OutputType.DICOM_SEG: ".seg.dcm", OutputType.DICOM_RTSTRUCT: ".rtstruct.dcm"}
SUFFIXES = {OutputType.SEG_NRRD: ".seg.nrrd", **DICOM_SUFFIXES}
"""Ends of the names of files of one kind, behind the name of the case."""


def type_of(name: str) -> OutputType:
    """The kind of file that a file's name says: ``NIFTI`` for a mask in any image's own format."""
    return next((kind for kind, suffix in SUFFIXES.items() if name.lower().endswith(suffix)), OutputType.NIFTI)


@dataclass(frozen=True)
class OutputForm:
    """The files of a mask.

    Attributes:
        split: whether there is one file for each class in place of one mask; DICOM files hold all classes anyway.
        types: kinds of files, at least one. ``NIFTI`` stands for the image's own format where that is another,
            ``SEG_NRRD`` for a segmentation of 3D Slicer, which holds all classes with their names and colours.
        seg_type: of a DICOM SEG.
        deterministic: whether DICOM files get UIDs that follow from their content, and no clock time.
    """

    split: bool = False
    types: tuple[OutputType, ...] = (OutputType.NIFTI,)
    seg_type: SegType = SegType.BINARY
    deterministic: bool = False

    @property
    def masks(self) -> bool:
        """Whether masks are written in the images' own format, or NIfTI."""
        return OutputType.NIFTI in self.types

    @property
    def comparable(self) -> bool:
        """Whether files are written that are compared with references."""
        return self.masks or OutputType.SEG_NRRD in self.types

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Ends of the names of the files that are written beside masks or in their place, those of DICOM last."""
        return tuple(suffix for kind, suffix in SUFFIXES.items() if kind in self.types)

    @property
    def dicom_suffixes(self) -> tuple[str, ...]:
        """Ends of the names of the DICOM files that are written."""
        return tuple(suffix for kind, suffix in DICOM_SUFFIXES.items() if kind in self.types)

    @property
    def key(self) -> dict[str, Any]:
        """What decides about the content of each file; which files there are is no part of it."""
        dicom = {"seg_type": self.seg_type.value, "deterministic": self.deterministic}
        return {"split": self.split, **(dicom if self.dicom_suffixes else {})}

    def to_json(self) -> dict[str, Any]:
        """For :meth:`from_json`."""
        return {**asdict(self), "types": list(self.types)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> OutputForm:
        """What :meth:`to_json` gave."""
        types = tuple(map(OutputType, content["types"]))
        return cls(content["split"], types, SegType(content["seg_type"]), content["deterministic"])


DEFAULT_FORM = OutputForm()
