"""Put the frames of a DICOM series in order: geometry alone, no files are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from monai_mobileunet.data.dicom.checks import Frame, directions, in_order, problems_of, volumes_in
from monai_mobileunet.data.errors import DataError, Finding, list_some, warning

__all__ = ["Frame", "Stack", "arrange"]

MIXED = (
    *("EchoTime", "EffectiveEchoTime", "DiffusionBValue", "InversionTime", "FlipAngle", "TemporalPositionIdentifier"),
    *("TemporalPositionIndex", "ComplexImageComponent", "ImageType", "FrameType", "ConvolutionKernel"),
    *("FrameOfReferenceUID", "PatientID"),
)
"""What is the same in all slices of a volume; a difference does not forbid that they are one."""

VARIES = ("InversionTime", "FlipAngle")
"""What scanners vary from slice to slice of one volume, too: worth a warning, but no reason for two volumes."""


@dataclass(frozen=True)
class Stack:
    """Slices of one volume.

    Attributes:
        frames: in the order of their places.
        affine: ``(4, 4)``, from column, row and slice to mm, LPS.
        warnings: what is odd about them.
    """

    frames: tuple[Frame, ...]
    affine: np.ndarray
    warnings: tuple[Finding, ...] = ()


def arrange(frames: Sequence[Frame], name: str, identical: Callable[[Frame, Frame], bool]) -> Stack:
    """The one volume that frames are.

    Args:
        frames: at least one, in any order.
        name: of the series, for messages.
        identical: whether two frames hold the same pixels, asked only of those with the same UID and geometry.

    Raises:
        DataError: they are no regular volume, or several; the findings name the files.
    """
    frames, warnings = _without_copies(frames, identical)
    problems = problems_of(frames, name)
    if problems or len(frames) > 1:
        keys = None if problems else tuple(key for key in MIXED if key not in VARIES)
        problems = volumes_in(frames, name, keys) or problems
    if problems:
        raise DataError(problems)
    ordered, step = in_order(frames)
    if step == 0:
        step = ordered[0].thickness or 0
        if not step:
            problem = "is a single slice that does not say how thick it is; 1 mm is assumed."
            warnings.append(warning(name, problem, "Trust no volumes in ml."))
            step = 1.0
    warnings += _mixed(ordered, name)
    return Stack(tuple(ordered), _affine(ordered[0], step), tuple(warnings))


def _without_copies(
    frames: Sequence[Frame], identical: Callable[[Frame, Frame], bool]
) -> tuple[list[Frame], list[Finding]]:
    known: dict[tuple[str, int], Frame] = {}
    copies: list[tuple[Frame, Frame]] = []
    renamed: list[tuple[Frame, Frame]] = []
    result = []
    for frame in sorted(frames, key=lambda frame: (str(frame.file), frame.index)):
        first = known.setdefault((frame.uid, frame.index), frame) if frame.uid else frame
        if first is not frame:
            same = all(getattr(first, key) == getattr(frame, key) for key in ("position", "orientation", "size"))
            if same and identical(first, frame):
                copies.append((frame, first))
                continue
            if not same:
                renamed.append((frame, first))
        result.append(frame)
    return result, [
        *_pairs(copies, "is a file twice: {0} and {1} are the same image, which was taken once{2}."),
        *_pairs(renamed, "has the SOPInstanceUID of {1} but lies elsewhere; both were taken as slices{2}."),
    ]


def _pairs(pairs: Sequence[tuple[Frame, Frame]], words: str) -> list[Finding]:
    """One warning for all that are alike."""
    if not pairs:
        return []
    (frame, first), more = pairs[0], len({frame.file for frame, _ in pairs}) - 1
    problem = words.format(frame.file.name, first.file, f"; {more} other files are such too" if more else "")
    return [warning(frame.file, problem, "Delete one of the two files, or export the series again.")]


def _mixed(frames: Sequence[Frame], name: str) -> list[Finding]:
    values = {key: list(dict.fromkeys(frame.attributes.get(key, "none") for frame in frames)) for key in MIXED}
    return [
        warning(name, f"has slices of different {key}: {list_some(some)}.", "Look whether they belong to one volume.")
        for key, some in values.items()
        if len(some) > 1
    ]


def _affine(first: Frame, step: float) -> np.ndarray:
    row, column = directions(first)
    between_rows, between_columns = first.spacing or (1.0, 1.0)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([row * between_columns, column * between_rows, np.cross(row, column) * step])
    affine[:3, 3] = first.position
    return affine
