"""The report of a run out of its journals: a run's own, and that of ``mobileunet report`` at any time."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.journal import read_records
from monai_mobileunet.cohort.plan import STATE, Plan
from monai_mobileunet.data.datasets.listing import read_json
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.files import write_json
from monai_mobileunet.palette import Colour
from monai_mobileunet.reports.run_report import RunReport, write_run_report
from monai_mobileunet.review import find_verdicts

__all__ = ["RunFacts", "keep_facts", "make_report", "report_run", "summary_line"]

FACTS = "run.json"


@dataclass(frozen=True)
class RunFacts:
    """What a report says of a run beside what came of its cases: known before the first, and on record beside them.

    Attributes:
        bundle: name of the bundle.
        weights: SHA-256 of its weights.
        settings_key: key of all that decides about voxels.
        settings: what was asked for, by option.
        class_names: of the classes from 1 on.
        warnings: about the run as a whole.
        journal: name of the journal in the folder of what a run keeps.
        cases: names of all cases of the input, in their order; a process that segments a part of them keeps them all.
        colours: of the classes.
    """

    bundle: str
    weights: str
    settings_key: str
    settings: dict[str, Any]
    class_names: tuple[str, ...]
    warnings: tuple[str, ...]
    journal: str
    cases: tuple[str, ...]
    colours: tuple[Colour, ...] = ()


def keep_facts(facts: RunFacts, state: Path) -> None:
    """Put on record what a run is; its parts write the same.

    Args:
        facts: of the run.
        state: folder of what a run keeps, which has to be there.

    Raises:
        OSError: it cannot be written.
    """
    write_json(state / FACTS, asdict(facts), indent=0)


def read_facts(folder: Path) -> RunFacts:
    """What the last run into a folder was.

    Raises:
        DataError: no run has written into it.
    """
    path = folder / STATE / FACTS
    if not path.is_file():
        begun = (folder / STATE / Plan.journal).is_file()
        problem = f"holds no run of mobileunet segment ({STATE}/{FACTS} is missing)."
        remedy = (
            "Type the command of the run again, which goes on where it was."
            if begun
            else "Name the folder that was its --output."
        )
        raise refusal(folder, problem, remedy)
    try:
        content = read_json(path)
        texts = ("class_names", "warnings", "cases")
        colours = tuple(map(tuple, content.get("colours", ())))
        return RunFacts(**{**content, **{name: tuple(content[name]) for name in texts}, "colours": colours})
    except (TypeError, KeyError) as error:
        remedy = "Type the command of the run again, which writes it and goes on."
        raise refusal(path, f"does not say what a run is ({error}).", remedy) from error


def make_report(
    facts: RunFacts, records: Mapping[str, CaseRecord], output: Path, awaited: Collection[str] = ()
) -> RunReport:
    """What there is to tell of a run.

    Args:
        facts: of the run.
        records: the last record of each case of the folder, by its name.
        output: folder of the masks.
        awaited: names of cases that are still to do, whatever earlier runs have left of them.

    Returns:
        The report. It shows the cases of the run that have ended as this run would end them, and those that other
        runs have left in the folder with their masks.
    """
    planned = set(facts.cases)

    def shown(record: CaseRecord) -> bool:
        if record.name not in planned:
            return is_left_by_others(record, output)
        return (record.done or record.failed) and record.settings == facts.settings_key and record.name not in awaited

    rows = sorted(filter(shown, records.values()), key=lambda record: record.name)
    left = len(planned) - sum(row.name in planned for row in rows)
    verdicts, odd = find_verdicts(output)
    warnings = (*facts.warnings, *filter(None, [odd]))
    known = (facts.bundle, facts.weights, facts.settings, facts.class_names)
    return RunReport(*known, rows, left, warnings, facts.colours, verdicts)


def is_left_by_others(record: CaseRecord, output: Path) -> bool:
    """Whether a case that is none of a run has its masks in the folder still."""
    return record.done and all(os.path.isfile(output / path) for path in record.written)


def report_run(folder: Path) -> tuple[RunReport, list[Path]]:
    """Write the report of a folder from what is on record, also while runs go on in it.

    Args:
        folder: the output of the run.

    Returns:
        The report, and its files.

    Raises:
        DataError: no run has written into the folder.
        OSError: the report cannot be written.
    """
    facts = read_facts(folder)
    report = make_report(facts, read_records(folder / STATE / facts.journal), folder)
    return report, write_run_report(report, folder)


def summary_line(records: Iterable[CaseRecord], left: int = 0) -> str:
    """What came of cases.

    Args:
        records: those that have ended.
        left: how many have not.
    """
    records = list(records)
    done, failed = (sum(getattr(record, state) for record in records) for state in ("done", "failed"))
    warned = f"{sum(bool(record.warnings) for record in records)} with warnings"
    return f"{done} done, {failed} failed, {warned}{f', {left} left to do' if left else ''}"
