"""What a rule knows: the data set, what the user asked for, what this machine takes, and what was decided before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from monai_mobileunet.planning.fingerprint import CaseFingerprint, ClassFingerprint, Fingerprint
from monai_mobileunet.planning.plan import Decision
from monai_mobileunet.slicing import PLANES

__all__ = ["Batch", "Costs", "Known", "Options", "Source", "minutes", "numbers", "percentile"]


@dataclass(frozen=True)
class Source:
    """Another bundle, whose decisions are taken where the data allow.

    Attributes:
        name: of its folder, for the reasons.
        decided: its decisions and settings, by name.
        in_pixels: it was planned for pictures, which tell no mm.
    """

    name: str
    decided: Mapping[str, Decision]
    in_pixels: bool = False

    def __getitem__(self, name: str) -> Any:
        """The value of what was decided."""
        return self.decided[name].value


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        spacing: mm along the axes of the body; ``None`` leaves it to the rules.
        like: an image whose spacing is taken, in words for the reason, where ``spacing`` is that image's.
        planes: across which to slice; empty leaves it to the rules.
        budget: seconds that a training may take.
        device: ``"cpu"`` or ``"cuda"``, that it will run on.
        modality: DICOM's code; empty leaves it to names and values.
        subject_pattern: regular expression for the subject in the name of a case.
        ignore: value of voxels that nobody annotated; ``None`` leaves it to what the data set names.
        annotated_slices_only: a slice without any class was not annotated.
        overrides: values by the name of the decision or setting, taken as they are.
        source: the bundle that the new one starts from.
    """

    spacing: tuple[float, float, float] | None = None
    like: str = ""
    planes: tuple[str, ...] = ()
    budget: float = 3600.0
    device: str = "cpu"
    modality: str = ""
    subject_pattern: str = ""
    ignore: int | None = None
    annotated_slices_only: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None


@dataclass(frozen=True)
class Costs:
    """Seconds that a training takes on this machine, measured with the network that was chosen.

    Attributes:
        start: until the first step: programs loaded, network built.
        read: to read and preprocess a case, once.
        augment: to draw the samples of a case, once per epoch.
        step: of the network, forwards and backwards, for the samples of four cases.
        validate: to segment and to score a case.
        workers: processes that draw samples while the network works; 0 where it waits for them.
    """

    start: float
    read: float
    augment: float
    step: float
    validate: float
    workers: int = 0


Batch = tuple[str, int]
"""The variant of a network, and how many windows of each volume a step of its training takes."""


@dataclass(frozen=True)
class Known:
    """All that a rule may use.

    Attributes:
        fingerprint: of the data set.
        options: the user's.
        timed: what a training costs on this machine by its network and its batch; empty where nothing was timed.
        decided: by the rules before, by name.
    """

    fingerprint: Fingerprint
    options: Options = Options()
    timed: Mapping[Batch, Costs] = field(default_factory=dict)
    decided: Mapping[str, Decision] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """The value of what was decided."""
        return self.decided[name].value

    @property
    def costs(self) -> Costs | None:
        """Of a training with the network and the batch that were decided; ``None`` where they were not timed."""
        return self.timed.get((self["variant"], self["num_samples"]))

    @property
    def cases(self) -> tuple[CaseFingerprint, ...]:
        """Of the data set."""
        return self.fingerprint.cases

    @property
    def subjects(self) -> int:
        """How many there are."""
        return len({case.subject for case in self.cases})

    @property
    def in_pixels(self) -> bool:
        """Whether the images are pictures, which tell no mm."""
        return any(case.in_pixels for case in self.cases)

    def single_slices(self) -> bool:
        """Whether images have a single slice in the plane that was decided."""
        stack, *_ = self.axes()
        return median(case.shape[stack] for case in self.cases) == 1

    def whole_slices(self) -> bool:
        """Whether a window of a training shows a slice but for its border."""
        sizes = zip(self["roi_size"], self.slice_size(), strict=True)
        return all(window >= length - 8 for window, length in sizes)

    def axes(self) -> tuple[int, int, int]:
        """Of the stack, the rows and the columns of slices in the first plane that was decided."""
        return PLANES[self["planes"][0]]

    def slice_size(self) -> tuple[float, float]:
        """Rows and columns of the median slice on the grid that was decided."""
        _, *in_plane = self.axes()
        rows, columns = (self.pixels(axis) for axis in in_plane)
        return rows, columns

    def pixels(self, axis: int) -> float:
        """Of the median volume along an axis, on the grid that was decided."""
        return median(case.shape[axis] * case.spacing[axis] for case in self.cases) / self["spacing"][axis]

    def thickness(self) -> float:
        """Spacing of slices as a multiple of the pixels in them."""
        stack, rows, columns = self.axes()
        return self["spacing"][stack] / max(self["spacing"][rows], self["spacing"][columns])

    def of_class(self, name: str) -> list[tuple[CaseFingerprint, ClassFingerprint]]:
        """The cases that have a class, with what it is there."""
        return [(case, case.classes[name]) for case in self.cases if name in case.classes]

    def smallest(self) -> tuple[float, str]:
        """Diameter in pixels that nine tenths of the cases exceed, of the class for which it is the least."""
        stack, rows, columns = self.axes()
        pixel = (self["spacing"][rows] * self["spacing"][columns]) ** 0.5
        return min(
            ((percentile([one.size_mm[stack] for _, one in found], 10) / pixel, name) for name, found in self._found()),
            default=(float("inf"), "no class"),
        )

    def largest(self) -> tuple[float, str]:
        """Extent in pixels that a twentieth of the cases exceeds, of the class for which it is the most."""
        _, *in_plane = self.axes()
        return max(
            (
                (max(percentile([one.extent_mm[a] for _, one in found], 95) / self["spacing"][a] for a in in_plane), n)
                for n, found in self._found()
            ),
            default=(0.0, "no class"),
        )

    def rarest(self) -> tuple[float, str]:
        """Share of a case's annotated slices that show a class, of the class for which the median is the least."""
        stack, *_ = self.axes()
        return min(
            (
                (median(one.slices[stack] / (case.known_slices or case.shape)[stack] for case, one in found), name)
                for name, found in self._found()
            ),
            default=(1.0, "no class"),
        )

    def _found(self) -> Iterator[tuple[str, list[tuple[CaseFingerprint, ClassFingerprint]]]]:
        for name in self.fingerprint.class_names:
            if found := self.of_class(name):
                yield name, found


def percentile(values: Sequence[float], percent: float) -> float:
    """As NumPy has it, by linear interpolation; rules come without NumPy."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def numbers(values: Sequence[float], between: str = "×") -> str:
    """Numbers as a sentence has them, with three digits that count."""
    return between.join(f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}" for value in values)


def minutes(seconds: float) -> str:
    """A duration in words."""
    if seconds < 99:
        return f"{seconds:.0f} s" if seconds >= 9.95 or seconds == int(seconds) else f"{seconds:.2g} s"
    if seconds < 99 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
