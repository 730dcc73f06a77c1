"""Series on which masks are written: their classes, their maker, and every way that a series can lie."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from monai_mobileunet.data.dicom.checks import Frame
from monai_mobileunet.data.dicom.segments.described import Code, Maker, SegmentClass
from monai_mobileunet.data.dicom.segments.source import Source
from tests.data.dicom.test_series import CT, bare

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
    columns, rows, slices = shape
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    frames, headers = [], []
    for index in range(slices):
        position = tuple(affine[:3, 2] * index + affine[:3, 3])
        orientation = tuple((affine[:3, :2] / lengths[:2]).T.ravel())
        spacing = (lengths[1], lengths[0])
        frames.append(
            Frame(Path(f"{index}"), size=(rows, columns), position=position, orientation=orientation, spacing=spacing)
        )
        place = {
            "SOPInstanceUID": f"1.2.3.4.{index + 1}",
            "ImagePositionPatient": [f"{value:.6f}" for value in position],
            "ImageOrientationPatient": [f"{value:.8f}" for value in orientation],
            "PixelSpacing": list(spacing),
        }
        headers.append(bare(np.zeros((rows, columns), np.uint8), CT, **{**place, **FOUND}))
    return Source("made", tuple(frames), affine, tuple(headers))


def geometries() -> list[np.ndarray]:
    """48 orders and signs of axes, and ten oblique series, as affines from voxels to LPS."""
    spacing = np.diag([0.7, 0.8, 2.5])
    turns = [
        (np.eye(3) * signs)[:, axes] @ spacing
        for axes, signs in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3))
    ]
    random = np.random.RandomState(0)
    turns += [np.linalg.qr(random.normal(size=(3, 3)))[0] @ spacing for _ in range(10)]
    affines = [np.eye(4) for _ in turns]
    for affine, turn in zip(affines, turns, strict=True):
        affine[:3, :3], affine[:3, 3] = turn, (-31.5, 12.25, 700)
    return affines
