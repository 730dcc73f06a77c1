"""DICOM masks on every way that a series can lie: read by others, are they the mask? And what does a large one cost?"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import UID
from rich.table import Table

from monai_mobileunet.data.dicom.checks import Frame
from monai_mobileunet.data.dicom.segments.described import Maker
from monai_mobileunet.data.dicom.segments.rtstruct_reader import read_rtstruct
from monai_mobileunet.data.dicom.segments.rtstruct_writer import rtstruct_dataset
from monai_mobileunet.data.dicom.segments.seg_writer import BINARY, LABELMAP, seg_dataset
from monai_mobileunet.data.dicom.segments.source import Source
from monai_mobileunet.data.dicom.segments.terms import segment_classes
from monai_mobileunet.data.reading import read_label
from monai_mobileunet.data.volume import LPS_TO_RAS

__all__ = ["by_dcmqi", "by_highdicom", "cost_table", "geometries", "geometry_table", "made_source"]

DCMQI = Path(sys.executable).with_name("segimage2itkimage")
MAKER = Maker("benchmark", "0", "0" * 64)
LARGE, CLASSES = (512, 512, 300), 13
ORGAN = 500
"""Voxels that a structure must have for its Dice to count."""


def geometries(spacing: Sequence[float] = (0.7, 0.8, 2.5)) -> list[np.ndarray]:
    """48 orders and signs of axes, and ten oblique series, as affines from columns, rows and slices to mm, LPS."""
    sizes = np.diag(spacing)
    turns = [
        (np.eye(3) * signs)[:, axes] @ sizes
        for axes, signs in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3))
    ]
    random = np.random.RandomState(0)
    turns += [np.linalg.qr(random.normal(size=(3, 3)))[0] @ sizes for _ in range(10)]
    affines = [np.eye(4) for _ in turns]
    for affine, turn in zip(affines, turns, strict=True):
        affine[:3, :3], affine[:3, 3] = turn, (-31.5, 12.25, 700)
    return affines


def made_source(shape: Sequence[int], affine: np.ndarray, **header: Any) -> Source:
    """A CT series of one file for each slice, without the files and their pixels.

    Args:
        shape: columns, rows and slices.
        affine: from these to mm, LPS.
        **header: attributes of all files.
    """
    columns, rows, slices = shape
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    orientation, spacing = tuple((affine[:3, :2] / lengths[:2]).T.ravel()), (lengths[1], lengths[0])
    frames, headers = [], []
    for index in range(slices):
        position = tuple(affine[:3, 2] * index + affine[:3, 3])
        size, file = (rows, columns), Path(f"{index}")
        frames.append(Frame(file, size=size, position=position, orientation=orientation, spacing=spacing))
        given = {
            "SOPClassUID": UID("1.2.840.10008.5.1.4.1.1.2"),
            "SOPInstanceUID": f"1.2.3.4.{index + 1}",
            "SeriesInstanceUID": "1.2.3.4",
            "StudyInstanceUID": "1.2.3",
            "FrameOfReferenceUID": "1.2.5",
            "Modality": "CT",
            "Rows": rows,
            "Columns": columns,
            "ImagePositionPatient": [f"{value:.6f}" for value in position],
            "ImageOrientationPatient": [f"{value:.8f}" for value in orientation],
            "PixelSpacing": list(spacing),
        }
        data = Dataset()
        for keyword, value in {**given, **header}.items():
            setattr(data, keyword, value)
        headers.append(data)
    return Source("made", tuple(frames), affine, tuple(headers))


def geometry_table(label: Path) -> Table:
    """Real structures on every geometry: what others read from our SEG, and we from our RTSTRUCT.

    Args:
        label: a NIfTI file of class numbers.

    Raises:
        FileNotFoundError: it does not exist, or dcmqi is not installed.
    """
    image = read_label(label)
    found = image.values
    numbers = [number for number in np.unique(found) if number]
    mask = np.searchsorted([0, *numbers], found).astype(np.uint8)
    spacing = np.linalg.norm(image.affine[:3, :3], axis=0)
    table = Table(title=f"{label.name}: {len(numbers)} structures, {np.count_nonzero(mask):,} voxels")
    for name in (
        "series",
        "SEG by highdicom: voxels off",
        "SEG by dcmqi: voxels off",
        "centroid off",
        "RTSTRUCT: Dice",
    ):
        table.add_column(name)
    rows = [_geometry(mask, affine) for affine in geometries(spacing)]
    for kind, some in (("48 orders and signs of axes", rows[:48]), ("10 oblique", rows[48:])):
        highdicom, dcmqi, off, dice = zip(*some, strict=True)
        table.add_row(
            kind, f"{max(highdicom)} voxels", f"{max(dcmqi)} voxels", f"{max(off):.4f} voxel", f"{min(dice):.4f}"
        )
    return table


def _geometry(mask: np.ndarray, affine: np.ndarray) -> tuple[int, int, float, float]:
    source, classes = made_source(mask.shape, affine), segment_classes([f"class {n}" for n in range(1, mask.max() + 1)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seg.dcm"
        seg_dataset(mask, classes, source, MAKER).save_as(path, enforce_file_format=True)
        there, elsewhere = by_highdicom(path), by_dcmqi(path)
        rtstruct_dataset(mask, classes, source, MAKER).save_as(path, enforce_file_format=True)
        structures = read_rtstruct(path, LPS_TO_RAS @ affine, mask.shape)
    dice, off = 1.0, 0.0
    for one in classes:
        own = mask == one.value
        centre = np.linalg.solve(affine, there[1] @ [*np.argwhere(there[0] == one.value).mean(axis=0), 1])[:3]
        off = max(off, float(np.abs(centre - np.argwhere(own).mean(axis=0)).max()))
        if own.sum() > ORGAN:
            read = structures[one.name]
            dice = min(dice, 2 * float((read & own).sum()) / float(read.sum() + own.sum()))
    return _differing(mask, affine, *there), _differing(mask, affine, *elsewhere), off, dice


def by_highdicom(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers that highdicom reads from a SEG, and their affine in LPS."""
    import highdicom

    volume = highdicom.seg.segread(path).get_volume(combine_segments=True, allow_missing_positions=True)
    return volume.array, volume.affine


def by_dcmqi(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers that dcmqi makes of a SEG, as SimpleITK reads them, and their affine in LPS."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(DCMQI), "--inputDICOM", str(path), "--outputDirectory", folder, "--mergeSegments"]
        subprocess.run(command, check=True, capture_output=True)
        image = sitk.ReadImage(str(next(Path(folder).glob("*.nrrd"))))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, affine


def _differing(mask: np.ndarray, affine: np.ndarray, values: np.ndarray, theirs: np.ndarray) -> int:
    """Voxels of either image whose class is not that of the other at the same place."""
    voxels = np.argwhere(mask)
    points = affine @ np.column_stack([voxels, np.ones(len(voxels))]).T
    near = np.linalg.solve(theirs, points)[:3].T.round().astype(int)
    inside = ((near >= 0) & (near < values.shape)).all(axis=1)
    found = np.zeros(len(voxels), values.dtype)
    found[inside] = values[tuple(near[inside].T)]
    off = int((found != mask[tuple(voxels.T)]).sum())
    return off + abs(int(np.count_nonzero(values)) - len(voxels))


def cost_table() -> Table:
    """Seconds and bytes of a large mask in each form."""
    mask, source = _blobs(), made_source(LARGE, np.diag([0.8, 0.8, 1.5, 1]))
    classes = segment_classes([f"class {number}" for number in range(1, CLASSES + 1)])
    forms: dict[str, Callable[[], Dataset]] = {
        "SEG, binary": lambda: seg_dataset(mask, classes, source, MAKER, BINARY),
        "SEG, labelmap": lambda: seg_dataset(mask, classes, source, MAKER, LABELMAP),
        "RTSTRUCT": lambda: rtstruct_dataset(mask, classes, source, MAKER),
    }
    slices = f"{LARGE[2]} slices of {LARGE[0]} × {LARGE[1]}"
    table = Table("form", "made", "made and written", "MB", title=f"{slices}, {CLASSES} classes")
    for name, make in forms.items():
        made, whole, size = min(_timed(make) for _ in range(3))
        table.add_row(name, f"{made:.2f} s", f"{whole:.2f} s", f"{size / 1e6:.1f}")
    return table


def _timed(make: Callable[[], Dataset]) -> tuple[float, float, int]:
    with tempfile.TemporaryDirectory() as folder:
        path, started = Path(folder) / "file.dcm", time.perf_counter()
        dataset = make()
        made = time.perf_counter() - started
        dataset.save_as(path, enforce_file_format=True)
        return made, time.perf_counter() - started, path.stat().st_size


def _blobs() -> np.ndarray:
    """Ellipsoids the size of organs, one for each class."""
    mask = np.zeros(LARGE, np.uint8, order="F")
    for number, (centre, radii) in enumerate(_ellipsoids(), 1):
        axes = np.ogrid[tuple(slice(size) for size in LARGE)]
        mask[sum(((at - c) / r) ** 2 for at, c, r in zip(axes, centre, radii, strict=True)) < 1] = number
    return mask


def _ellipsoids() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    random = np.random.RandomState(0)
    for _ in range(CLASSES):
        yield random.uniform(0.25, 0.75, 3) * LARGE, random.uniform(40, 90, 3)
