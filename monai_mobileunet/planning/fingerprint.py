"""What a data set is: measured once, kept as JSON, and all that the rules of planning know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["FINGERPRINT", "PERCENTILES", "CaseFingerprint", "ClassFingerprint", "Fingerprint"]

FINGERPRINT = "docs/fingerprint.json"
"""File in a bundle with the fingerprint of the data set that it was planned for."""

PERCENTILES = (0.5, 5.0, 50.0, 95.0, 99.5)
"""Percentiles of intensities that a fingerprint has."""


@dataclass(frozen=True)
class ClassFingerprint:
    """One class in the label of one case.

    Attributes:
        volume_ml: its volume.
        components: connected components that are larger than a thousandth of it.
        largest_share: share of its voxels in the largest component, in (0, 1].
        extent_mm: size of its bounding box towards the right, the front and the head.
        slices: for slices across each of these three axes how many show it.
        size_mm: for slices across each of these axes the median over its slices of the diameter of a disk of its area.
        side: where its centre lies in the image along the left-right axis: 0 at the left end, 1 at the right end.
    """

    volume_ml: float
    components: int
    largest_share: float
    extent_mm: tuple[float, float, float]
    slices: tuple[int, int, int]
    size_mm: tuple[float, float, float]
    side: float


@dataclass(frozen=True)
class CaseFingerprint:
    """One case. Axes are those of the body: towards the right, the front and the head.

    Attributes:
        name: its name in the data set.
        subject: whom it is of, as far as names or a table tell; its name where they do not.
        shape: voxels along the axes of the body.
        spacing: mm per voxel along these.
        orientation: the codes of the file's own axes, such as ``"LPS"``.
        channels: of the image.
        integers: whether all values are whole numbers.
        lowest: the smallest value of each channel.
        percentiles: for each channel the values at :data:`PERCENTILES`.
        foreground: likewise in the labelled voxels; empty without any.
        classes: by the name of the class, for those that the label has.
        in_pixels: the file tells no mm, as a picture; 1 mm stands for each pixel.
        ignored: share of the voxels that nobody annotated and whose value says so, in [0, 1).
        known_slices: for slices across each axis how many were annotated; empty where all were.
        runs: for slices across each axis how many runs of neighbouring ones show a class; empty where all slices were
            annotated.
        labelled: names of the classes that were annotated; empty where all were.
    """

    name: str
    subject: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    orientation: str
    channels: int
    integers: bool
    lowest: tuple[float, ...]
    percentiles: tuple[tuple[float, ...], ...]
    foreground: tuple[tuple[float, ...], ...] = ()
    classes: Mapping[str, ClassFingerprint] = field(default_factory=dict)
    in_pixels: bool = False
    ignored: float = 0.0
    known_slices: tuple[int, ...] = ()
    runs: tuple[int, ...] = ()
    labelled: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every voxel was annotated, so that what a class is in three dimensions is known."""
        return not self.ignored and not self.known_slices


@dataclass(frozen=True)
class Fingerprint:
    """A data set.

    Attributes:
        dataset_dir: its folder.
        layout: how its files lie, in words.
        class_names: names of the classes from 1 on.
        channel_names: what its channels are called; empty names where nothing tells.
        modality: DICOM's code of the modality as the names tell it; empty where they do not.
        cases: the cases, in the order of their names.
        left_out: cases that were left out because the user said so, and why.
        folds: names of the cases that validate, of each fold that somebody wrote down; none where folds are dealt.
        ignore: value of voxels that nobody annotated; ``None`` where there is none.
        annotated_slices_only: a slice without any class was not annotated.
        regions: numbers of the classes that each label of the data set is made of, by its name, where labels are
            nnU-Net's regions; none elsewhere.
    """

    dataset_dir: str
    layout: str
    class_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    modality: str
    cases: tuple[CaseFingerprint, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    folds: tuple[tuple[str, ...], ...] = ()
    ignore: int | None = None
    annotated_slices_only: bool = False
    regions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Content of ``fingerprint.json``."""
        return {name: value for name, value in asdict(self).items() if value or name != "regions"}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Fingerprint:
        """What :meth:`as_json` gave, after a way through JSON."""
        cases = tuple(_case(case) for case in content["cases"])
        names = {key: tuple(content[key]) for key in ("class_names", "channel_names")}
        regions = _tuples(content.get("regions", {}))
        folds = _tuple(content.get("folds", []))
        return cls(**{**content, **names, "cases": cases, "folds": folds, "regions": regions})


def _case(content: Mapping[str, Any]) -> CaseFingerprint:
    classes = {name: ClassFingerprint(**_tuples(one)) for name, one in content["classes"].items()}
    return CaseFingerprint(**{**_tuples(content), "classes": classes})


def _tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _tuple(value) for key, value in content.items()}


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, list) else value
