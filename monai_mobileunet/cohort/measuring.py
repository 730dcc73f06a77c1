"""The masks of a run against the references that it was given, each on record."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from monai_mobileunet.cohort.case_files import check_regular, file_states
from monai_mobileunet.cohort.guard import Guarded, OutputError
from monai_mobileunet.cohort.journal import Journal, Record
from monai_mobileunet.cohort.plan import PlannedCase
from monai_mobileunet.cohort.references import measure_against
from monai_mobileunet.data import DataError
from monai_mobileunet.data.errors import root_cause

__all__ = ["measure_references"]

logger = logging.getLogger(__name__)


def measure_references(
    cases: Sequence[PlannedCase], references: Mapping[str, Path], journal: Journal, class_names: Sequence[str]
) -> None:
    """Metrics of the masks on disk, where they are not known yet or a reference has changed.

    A reference that cannot be measured against is a problem of its case, on record as such.

    Args:
        cases: of the run.
        references: files by the name of the case.
        journal: with the records of the masks; gets those with the metrics.
        class_names: of the classes from 1 on.

    Raises:
        OutputError: the journal cannot be written.
    """
    for case in cases:
        record, reference = journal.records.get(case.name), references.get(case.name)
        if record is not None and record.done and reference is not None:
            measured = _Measured(case, record, reference, journal)
            measured.measure(class_names)
            measured.end()


class _Measured(Guarded):
    """One case and its reference."""

    def __init__(self, case: PlannedCase, record: Record, reference: Path, journal: Journal) -> None:
        super().__init__(case.name)
        self._case, self._record, self._reference, self._journal = case, record, reference, journal
        self._metrics: dict[str, dict[str, Any]] | None = None
        self._state: list[list[Any]] = []

    def measure(self, class_names: Sequence[str]) -> None:
        """Compare, unless that was done with the reference as it is."""
        self._state = file_states([self._reference])
        if self._record.reference != self._state or not self._record.row["metrics"]:
            check_regular([self._reference])
            self._metrics = measure_against(self._reference, self._case.outputs, class_names)

    def _conclude(self) -> None:
        if self._metrics is None and self.failure is None:
            return
        problem = ""
        if self.failure is not None:
            known = isinstance(self.failure, DataError)
            problem = str(self.failure) if known else f"{self._reference}: cannot be used ({root_cause(self.failure)})."
            logger.error("%s", problem)
        row = {**self._record.row, "metrics": self._metrics or {}, "reference_problem": problem}
        try:
            self._journal.write(replace(self._record, row=row, reference=self._state))
        except OSError as error:
            raise OutputError(f"{self._journal.path}: cannot be written ({error.strerror}).") from error
