"""Whether the frames of a DICOM series are one regular volume, and if not why: in words that name the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from monai_mobileunet.data.errors import Finding, list_some

__all__ = ["Frame", "directions", "in_order", "problems_of", "volumes_in"]

UNEVEN = 0.02
"""Share of the slice distance by which single distances may be off: positions are written with few digits."""
ROUNDED = 0.011
"""mm: by so much are distances off whose places are written with two decimals."""
TURNED = 2e-3
"""By how much a direction cosine may differ between slices; about 0.1 degrees."""
SAME_PLACE = 1e-3
"""Share of the mean distance: slices that are closer, or closer than 0.0001 mm, lie at one place."""
SPACING = 1e-3
"""Share of the pixel spacing by which it may differ between slices."""
SPLIT = "Split the series into volumes, for example with dcm2niix, and name one of them."


@dataclass(frozen=True)
class Frame:
    """A slice: a file's only image, or one of its frames.

    Attributes:
        file: it lies in.
        index: in the file, from 0.
        count: frames in the file.
        uid: SOP instance UID of the file.
        size: rows and columns.
        position: of the first pixel's centre, mm, LPS; ``None`` if it is not known.
        orientation: directions in which the columns' and the rows' numbers grow (``ImageOrientationPatient``).
        spacing: mm between rows, and between columns.
        thickness: mm; ``None`` if it is not known.
        bits: allocated, stored, high bit, and 1 where values are signed.
        slope, intercept: from stored values to those that are meant.
        rescaled: whether slope and intercept are written in the file.
        table: first stored value and the values that are meant, where a modality LUT says so.
        inverted: small stored values mean bright ones.
        attributes: what may tell volumes apart, by DICOM's keywords.
    """

    file: Path
    index: int = 0
    count: int = 1
    uid: str = ""
    size: tuple[int, int] = (0, 0)
    position: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    spacing: tuple[float, ...] | None = None
    thickness: float | None = None
    bits: tuple[int, int, int, int] = (16, 16, 15, 0)
    slope: float = 1.0
    intercept: float = 0.0
    rescaled: bool = False
    table: tuple[int, tuple[int, ...]] | None = None
    inverted: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.file.name if self.count == 1 else f"{self.file.name} (frame {self.index + 1})"

    @property
    def scaling(self) -> tuple[float, float, tuple[int, tuple[int, ...]] | None]:
        """Slope, intercept and table."""
        return self.slope, self.intercept, self.table

    @property
    def where(self) -> str:
        """The path, for findings."""
        return str(self.file) if self.count == 1 else f"{self.file} (frame {self.index + 1})"


def problems_of(frames: Sequence[Frame], name: str) -> list[Finding]:
    """Why frames are not one regular volume: the first kind of reason that there is."""
    if problems := _unplaced(frames):
        return problems
    smallest = min(min(frame.spacing or ()) for frame in frames)
    axes = "rows along ({0:.3g}, {1:.3g}, {2:.3g}) and columns along ({3:.3g}, {4:.3g}, {5:.3g})"
    return (
        _odd(frames, [frame.size for frame in frames], 0, "{0:g} rows and {1:g} columns")
        or _odd(frames, [frame.orientation for frame in frames], TURNED, axes)
        or _odd(frames, [frame.spacing for frame in frames], SPACING * smallest, "pixels of {0:g} x {1:g} mm")
        or _unscaled(frames)
        or _places(frames, name)
    )


def _unplaced(frames: Sequence[Frame]) -> list[Finding]:
    missing = {
        "where it lies (ImagePositionPatient)": [f for f in frames if not _finite(f.position, 3)],
        "how it is turned (ImageOrientationPatient)": [f for f in frames if not _axes(f.orientation)],
        "how large its pixels are (PixelSpacing)": [f for f in frames if not _finite(f.spacing, 2, above=0)],
    }
    files = {frame.file: frame for group in missing.values() for frame in group}
    findings = []
    for file, frame in files.items():
        words = ", ".join(words for words, group in missing.items() if any(f.file == file for f in group))
        subject = "does not say" if frame.count == 1 else "has frames that do not say"
        problem = f"{subject} {words}; such a slice has no place in a volume."
        findings.append(Finding(str(file), problem, "Export the original series, not screenshots or derived images."))
    return findings


def _finite(values: tuple[float, ...] | None, count: int, above: float | None = None) -> bool:
    return (
        values is not None
        and len(values) == count
        and bool(np.isfinite(values).all())
        and (above is None or min(values) > above)
    )


def _axes(orientation: tuple[float, ...] | None) -> bool:
    if orientation is None or not _finite(orientation, 6):
        return False
    row, column = np.reshape(orientation, (2, 3))
    return bool(abs(row @ row - 1) < 0.05 and abs(column @ column - 1) < 0.05 and abs(row @ column) < 0.02)


def _odd(frames: Sequence[Frame], values: Sequence[Any], tolerance: float, words: str) -> list[Finding]:
    """A finding for each value that is not that of most frames, with the files that have it."""
    table = np.asarray(values, float)
    if (np.abs(table - table[0]).max(axis=1) <= tolerance).all():
        return []
    keys = [tuple(row) for row in table.round(3)]
    counts = Counter(keys)
    usual = max(counts, key=lambda key: counts[key])  # of equally frequent ones the first
    reference = table[keys.index(usual)]
    close = np.abs(table - reference).max(axis=1) <= tolerance
    example = frames[keys.index(usual)]
    groups: dict[tuple[float, ...], list[Frame]] = {}
    for frame, key, fits in zip(frames, keys, close, strict=True):
        if not fits:
            groups.setdefault(key, []).append(frame)
    others = f" and {close.sum() - 1} more" if close.sum() > 1 else ""
    expected = f"expected {words.format(*reference)} as in {example}{others}"
    remedy = "Move what belongs to another series, a localizer for example, out of the folder."
    return [
        Finding(group[0].where, f"has {words.format(*key)}{_too(group)}; {expected}.", remedy)
        for key, group in groups.items()
    ]


def _too(group: Sequence[Frame]) -> str:
    return f", as {list_some(group[1:], rest=' and {} more')}" if group[1:] else ""


def _unscaled(frames: Sequence[Frame]) -> list[Finding]:
    without = [frame for frame in frames if not frame.rescaled]
    if not without or len(without) == len(frames):
        return []
    example = next(frame for frame in frames if frame.rescaled)
    expected = f"{example} (slope {example.slope:g}, intercept {example.intercept:g})"
    problem = f"has no RescaleSlope and RescaleIntercept{_too(without)}; expected them as in {expected}."
    return [Finding(without[0].where, problem, "Export the series again; the values cannot be compared.")]


def in_order(frames: Sequence[Frame]) -> tuple[list[Frame], float]:
    """Frames along their normal, and the mean distance; 0 for a single one."""
    along = _positions(frames) @ _normal(frames[0])
    order = np.argsort(along, kind="stable")
    step = float(along.max() - along.min()) / max(len(frames) - 1, 1)
    return [frames[index] for index in order], step


def _positions(frames: Sequence[Frame]) -> np.ndarray:
    return np.array([frame.position for frame in frames], float)


def _normal(frame: Frame) -> np.ndarray:
    row, column = directions(frame)
    return np.cross(row, column)


def directions(frame: Frame) -> np.ndarray:
    """Unit vectors ``(2, 3)`` in which the columns' and the rows' numbers grow, LPS."""
    axes = np.reshape(np.asarray(frame.orientation, float), (2, 3))
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)


def _places(frames: Sequence[Frame], name: str) -> list[Finding]:
    """Whether slices lie evenly, one behind the other."""
    if len(frames) == 1:
        return []
    ordered, mean = in_order(frames)
    steps = np.diff(_positions(ordered), axis=0)
    normal = _normal(ordered[0])
    along = steps @ normal
    at = int(np.argmin(along))
    if along[at] <= max(SAME_PLACE * mean, 1e-4):
        return [_same_place(ordered[at], ordered[at + 1], name)]
    step = float(np.median(along))
    off = np.abs(along - step)
    if off.max() > max(UNEVEN * step, ROUNDED):
        at = int(np.argmax(off))
        between = f"{along[at]:.3g} mm from {ordered[at]} to {ordered[at + 1]}, elsewhere {step:.3g} mm"
        problem = f"has slices that are missing or uneven: {along.min():.3g} to {along.max():.3g} mm apart ({between})."
        return [Finding(name, problem, "Export the whole series again, or resample it to even slices.")]
    beside = steps - along[:, None] * normal
    drift = float(np.linalg.norm(beside.sum(axis=0)))  # of a slight tilt, over the whole stack
    if float(np.linalg.norm(beside, axis=1).max()) <= UNEVEN * step and drift <= max(ordered[0].spacing or (1.0, 1.0)):
        return []
    uneven = np.linalg.norm(beside - np.median(beside, axis=0), axis=1)
    if float(uneven.max()) <= UNEVEN * step:
        return [Finding(name, "was scanned with a tilted gantry.", "Resample it to a straight grid.")]
    at = int(np.argmax(uneven))
    problem = f"has slices that do not lie in one line: {ordered[at + 1]} is {uneven[at]:.3g} mm beside it."
    return [Finding(name, problem, "Export the whole series again, or move slices of another series away.")]


def _same_place(first: Frame, second: Frame, name: str) -> Finding:
    place = ", ".join(f"{value:g}" for value in first.position or ())
    problem = f"has several slices at one place: {first} and {second} at ({place})."
    differ = [key for key in first.attributes if first.attributes[key] != second.attributes.get(key)]
    if differ:
        pairs = (f"{key} {first.attributes[key]} and {second.attributes.get(key)}" for key in differ[:5])
        problem += f" They differ in {'; '.join(pairs)}."
    if first.uid == second.uid and first.file != second.file:
        problem += " Both have the same SOPInstanceUID, but not the same pixels."
    return Finding(name, problem, SPLIT)


def volumes_in(frames: Sequence[Frame], name: str, only: Sequence[str] | None = None) -> list[Finding]:
    """That frames are several regular volumes, and what distinguishes these; nothing if they are not.

    Args:
        frames: of a series.
        name: of the series, for messages.
        only: attributes that alone may tell them apart, of slices that are regular together: volumes that lie one
            behind the other may be parts of one, those between one another's slices are not.
    """
    if any(not _axes(frame.orientation) or not _finite(frame.position, 3) for frame in frames):
        return []
    attributes = dict.fromkeys(key for frame in frames for key in frame.attributes)
    keys = {key: len({frame.attributes.get(key) for frame in frames}) for key in attributes}
    likely = [key for key, values in keys.items() if 1 < values <= max(2, len(frames) // 2)] or [
        key for key, values in keys.items() if values > 1
    ]
    if only is not None:
        likely = [key for key in likely if key in only]
    for number in (1, 2, 3) if only is None else (1,):
        for chosen in combinations(likely[:16], number):
            groups: dict[tuple[str, ...], list[Frame]] = {}
            for frame in frames:
                groups.setdefault(tuple(frame.attributes.get(key, "none") for key in chosen), []).append(frame)
            several = len(groups) > 1 and _all_regular(groups.values(), frames, name)
            if several and (only is None or _overlap(list(groups.values()))):
                return [_several(groups, chosen, name)]
    return []


def _all_regular(groups: Any, frames: Sequence[Frame], name: str) -> bool:
    if len(groups) == len(frames):  # single slices are volumes only where they are of one place, as in a film
        return bool(np.ptp(_positions(frames), axis=0).max() < SAME_PLACE)
    if len(groups) > len(frames) // 2:
        return False
    return not any(problems_of(group, name) for group in groups)


def _overlap(groups: Sequence[Sequence[Frame]]) -> bool:
    """Whether slices of one group lie between those of another."""
    normal = _normal(groups[0][0])
    spans = sorted(
        (float(along.min()), float(along.max())) for along in (_positions(group) @ normal for group in groups)
    )
    return any(low < high for (_, high), (low, _) in pairwise(spans))


def _several(groups: Mapping[tuple[str, ...], Sequence[Frame]], keys: Sequence[str], name: str) -> Finding:
    values = list_some([" / ".join(values) for values in groups])
    files = {frame.file for group in groups.values() for frame in group}
    problem = f"holds {len(groups)} volumes, distinguished by {' and '.join(keys)} ({values}); expected one."
    if len(files) == len(groups) and all(len({frame.file for frame in group}) == 1 for group in groups.values()):
        return Finding(name, problem, f"Name one of the files, as {next(iter(groups.values()))[0].file}.")
    return Finding(name, problem, SPLIT)
