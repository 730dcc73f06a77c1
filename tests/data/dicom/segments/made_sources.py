"""Series on which masks are written: their classes, their maker, and every way that a series can lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.dicom_geometry import made_source
from monai_mobileunet.data.dicom.segments.described import Code, Maker, SegmentClass
from monai_mobileunet.data.dicom.segments.source import Source

ANATOMY, LESION = (
    Code(value, "SCT", meaning)
    for value, meaning in (("123037004", "Anatomical Structure"), ("49755003", "Morphologically Abnormal Structure"))
)
LEFT = Code("7771000", "SCT", "Left")
CLASSES = (
    SegmentClass(1, "head", (255, 0, 0), ANATOMY, Code("69536005", "SCT", "Head"), LEFT),
    SegmentClass(2, "tail", (0, 128, 255), LESION, Code("CLASS-2", "99MOBILEUNET", "tail")),
    SegmentClass(3, "body", (9, 9, 9), ANATOMY, Code("CLASS-3", "99MOBILEUNET", "body")),
)
MAKER = Maker("hippocampus", "1.0.0", "ab" * 32, deterministic=True)
FOUND = {
    "SpecificCharacterSet": "ISO_IR 100",
    "StudyInstanceUID": "1.2.3",
    "SeriesInstanceUID": "1.2.3.4",
    "FrameOfReferenceUID": "1.2.5",
    "StudyDate": "20240102",
    "PatientName": "Müller^Jörg",
    "PatientID": "7",
}


def source_of(shape: Sequence[int], affine: np.ndarray) -> Source:
    """A series of one file for each slice, without the files."""
    return made_source(shape, affine, **FOUND)
