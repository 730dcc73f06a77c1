"""All that the reports of an evaluation tell."""

from __future__ import annotations

from dataclasses import dataclass, field

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.data.datasets.regions import Regions
from monai_mobileunet.data.errors import list_some
from monai_mobileunet.evaluation.comparison import WHOLE, Annotation
from monai_mobileunet.evaluation.summary import Agreement, ClassSummary, summarise
from monai_mobileunet.palette import Colour
from monai_mobileunet.reports.sizes import PIXELS, VOLUME, Size, size_kinds
from monai_mobileunet.wording import counted

__all__ = ["Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """All that a report tells.

    Attributes:
        title: what was evaluated.
        class_names: of the classes from 1 on.
        tolerance: tolerance of the surface Dice, mm.
        cases: the record of each case.
        annotation: what the references do not say.
        regions: unions of classes that were measured beside these: numbers of the classes, by their name.
        drawn_names: of the classes in references that are DICOM SEG or RTSTRUCT; by default those of the classes.
        colours: of the classes from 1 on; by default those of the palette.
        missing: names of the cases that were left out, for they have no segmentation.
    """

    title: str
    class_names: tuple[str, ...]
    tolerance: float
    cases: tuple[CaseRecord, ...]
    annotation: Annotation = WHOLE
    regions: Regions = field(default_factory=dict)
    drawn_names: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def partly(self) -> str:
        """That some cases were left out, in words; empty if all were measured."""
        if not self.missing:
            return ""
        total = counted(len(self.cases) + len(self.missing), "reference")
        some = list_some(self.missing, 3, " and {} more")
        return f"Partial: {len(self.missing)} of {total} have no segmentation, such as {some}."

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, then of the regions."""
        return (*self.class_names, *self.regions)

    @property
    def measured(self) -> list[CaseRecord]:
        """The cases that were compared with their references."""
        return [case for case in self.cases if not case.trouble]

    @property
    def in_pixels(self) -> bool:
        """Whether there are pictures, which tell no mm."""
        return any(case.in_pixels for case in self.cases)

    @property
    def size(self) -> Size:
        """In what people read how large classes are: as volumes, unless all cases are single slices of one kind."""
        if not self.measured:
            return PIXELS if self.in_pixels else VOLUME
        kinds = size_kinds(self.measured)
        return kinds[0] if len(kinds) == 1 else VOLUME

    def agreement(self, summary: ClassSummary) -> Agreement | None:
        """How the sizes of a class agree, in the unit of :attr:`size`."""
        return summary.volume if self.size is VOLUME else summary.area

    @property
    def problems(self) -> list[CaseRecord]:
        """The cases that could not be compared."""
        return [case for case in self.cases if case.trouble]

    @property
    def classes(self) -> list[ClassSummary]:
        """A summary for each class."""
        return summarise(self.class_names, [case.classes for case in self.measured])

    @property
    def summaries(self) -> list[ClassSummary]:
        """A summary for each class, then one for each region."""
        return summarise(self.names, [case.classes_and_regions for case in self.measured])

    @property
    def made_of(self) -> tuple[tuple[int, ...], ...]:
        """For each of :attr:`names` the numbers of the classes that the region is made of; none for a class."""
        return ((),) * len(self.class_names) + tuple(map(tuple, self.regions.values()))
