"""Masks against their references, case by case, each on record; what was compared before is not compared again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import monai_mobileunet
from monai_mobileunet.case_record import CaseRecord, Comparison
from monai_mobileunet.cohort.guard import Guarded
from monai_mobileunet.cohort.journal import Journal, settings_key
from monai_mobileunet.data import DataError
from monai_mobileunet.data.datasets.regions import NO_REGIONS, Regions
from monai_mobileunet.data.errors import root_cause
from monai_mobileunet.data.formats import check_regular, image_states
from monai_mobileunet.evaluation import TOLERANCE, WHOLE, Annotation, measure_files

__all__ = ["compare_cases"]

logger = logging.getLogger(__name__)


def compare_cases(
    records: Iterable[CaseRecord],
    class_names: Sequence[str],
    tolerance: float = TOLERANCE,
    journal: Journal | None = None,
    show: Callable[[CaseRecord], None] = lambda record: None,
    annotation: Annotation = WHOLE,
    regions: Regions = NO_REGIONS,
    drawn_names: Sequence[str] = (),
) -> list[CaseRecord]:
    """Compare masks on disk with references. What is wrong with a pair is a problem of its case, on record as such.

    Args:
        records: the cases; those without a mask or without a reference stay as they are.
        class_names: names of the classes from 1 on.
        tolerance: tolerance of the surface Dice, in mm.
        journal: gets the records; without it nothing is kept.
        show: called with each record.
        annotation: what the references do not say.
        regions: unions of classes that are measured, too.
        drawn_names: of the classes in references that are DICOM SEG or RTSTRUCT; by default those of the classes.

    Returns:
        The records, in their order.

    Raises:
        OutputError: the journal cannot be written.
    """
    version = monai_mobileunet.__version__
    settings = {"version": version, "classes": list(class_names), "tolerance": float(tolerance)}
    settings |= {"regions": {name: list(numbers) for name, numbers in regions.items()}} if regions else {}
    if drawn_names and tuple(drawn_names) != tuple(class_names):
        settings |= {"drawn": list(drawn_names)}
    compared = []
    for record in records:
        if record.done and record.label is not None:
            unannotated = annotation.of_case(record.name)
            case = _Compared(record, settings_key({**settings, **unannotated}))
            case.compare(class_names, tolerance, unannotated, regions, drawn_names or class_names)
            case.end()
            if journal is not None and case.record.comparison != record.comparison:
                journal.write(case.record)
            record = case.record
        compared.append(record)
        show(record)
    return compared


class _Compared(Guarded):
    """One case and its reference."""

    def __init__(self, record: CaseRecord, key: str) -> None:
        super().__init__(record.name)
        self.record, self._comparison = record, Comparison(key)

    def compare(
        self,
        class_names: Sequence[str],
        tolerance: float,
        unannotated: Mapping[str, Any],
        regions: Regions,
        drawn_names: Sequence[str],
    ) -> None:
        """Compare, unless that was done with both as they are."""
        label, masks, known = self.record.label, self.record.masks, self.record.comparison
        if label is None:
            return
        check_regular([label, *masks])
        self._comparison = replace(self._comparison, files=image_states([label, *masks]))
        if known is not None and known.results and (known.key, known.files) == _identity(self._comparison):
            self._comparison = known
            return
        count, unions = len(class_names), tuple(regions.values())
        measured = measure_files(
            label, masks, count + 1, tolerance, regions=unions, drawn_names=drawn_names, **unannotated
        )
        results = dict(zip(class_names, measured[:count], strict=True))
        of_regions = dict(zip(regions, measured[count:], strict=True))
        self._comparison = replace(self._comparison, results=results, regions=of_regions)

    def _conclude(self) -> None:
        if self.failure is not None:
            problem = (
                f"{self.record.outputs[0]}: was not measured ({root_cause(self.failure)}). The log has the details."
            )
            if isinstance(self.failure, DataError):
                problem = "\n".join(map(str, self.failure.findings))
            logger.error("%s", problem)
            self._comparison = replace(self._comparison, problem=problem)
        self.record = replace(self.record, comparison=self._comparison)


def _identity(comparison: Comparison) -> tuple[str, list]:
    return comparison.key, comparison.files
