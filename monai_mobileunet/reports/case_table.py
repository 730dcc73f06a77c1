"""The table of cases in a page: classes side by side, each with its columns; the page's script draws it from JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from markupsafe import Markup

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.evaluation.results import Outcome
from monai_mobileunet.evaluation.summary import Metric
from monai_mobileunet.reports.sizes import DIGITS, PIXELS, SHARE, Size, size_kind
from monai_mobileunet.review import Quality, Verdict
from monai_mobileunet.wording import readable

__all__ = ["PAGE_ROWS", "SELF_CONTAINED", "CaseTable", "Column", "compared_columns", "metric_columns", "size_columns"]

SELF_CONTAINED = 500
"""From so many cases on the page does not hold its pictures: 100,000 of 10 KB would make it a gigabyte."""

PAGE_ROWS = 200
"""Rows that a page of so many cases shows at once; search, order and choice are of all."""

KEPT = 4
"""Digits behind the point of numbers that the page holds; it shows three at most."""

CUT_OFF = ("cut off", "reaches the border of the image: it may be larger")
MARKS = (
    CUT_OFF,
    (Outcome.MISSED.value, "the reference has it, the segmentation has not"),
    (Outcome.FALSE_POSITIVE.value, "the segmentation has it, the reference has not"),
    (Outcome.ABSENT.value, "neither has it"),
    (Outcome.UNKNOWN.value, "nobody annotated it in this reference"),
)
"""Words that stand below a number, with what they mean."""


@dataclass(frozen=True)
class Column:
    """A number of each class.

    Attributes:
        title: of the column.
        unit: below or beside it; may be empty.
        digits: behind the point; ``None`` as :data:`DIGITS` says of the largest number.
        value: the number of a class, by its name, in a case; ``None`` where there is none.
        shown: whether the page shows it at first; a reader can choose others.
        signed: whether numbers above 0 have a sign.
    """

    title: str
    unit: str
    digits: int | None
    value: Callable[[CaseRecord, str], float | None]
    shown: bool = True
    signed: bool = False


def metric_columns(metrics: Sequence[Metric], shown: Sequence[str] = ("dice",)) -> list[Column]:
    """Columns of metrics against the reference.

    Args:
        metrics: of them.
        shown: attributes of those that are shown at first.
    """

    def value_of(metric: Metric) -> Callable[[CaseRecord, str], float | None]:
        def value(case: CaseRecord, name: str) -> float | None:
            result = case.results.get(name) or case.regions.get(name)
            return getattr(result, metric.attribute, None)

        return value

    return [Column(one.title, one.unit, 2 if one.unit else 3, value_of(one), one.attribute in shown) for one in metrics]


def size_columns(kinds: Sequence[Size]) -> list[Column]:
    """Columns of how large classes are: of a single slice its area alone, whatever thickness the slice has."""

    def of_kind(kind: Size) -> Callable[[CaseRecord, str], float | None]:
        return lambda case, name: kind.of_case(case, name) if size_kind(case) is kind else None

    def percent(case: CaseRecord, name: str) -> float | None:
        share = SHARE.of_case(case, name)
        return None if share is None else 100 * share

    columns = [Column(kind.title, kind.unit, kind.digits, of_kind(kind)) for kind in kinds]
    return [*columns, *([Column("share", "% of image", None, percent)] if PIXELS in kinds else [])]


def compared_columns(kinds: Sequence[Size], sides: Mapping[str, str], shown: Sequence[str] = ()) -> list[Column]:
    """Columns of sizes in comparisons with references.

    Args:
        kinds: of the sizes.
        sides: which ones, with the word for each before the title: ``{"label": "reference "}``.
        shown: those that are shown at first.
    """

    def of(kind: Size, side: str) -> Callable[[CaseRecord, str], float | None]:
        return lambda case, name: kind.sides(case, name).get(side) if size_kind(case) is kind else None

    return [
        Column(f"{word}{kind.title}", kind.unit, kind.digits, of(kind, side), side in shown, side == "bias")
        for side, word in sides.items()
        for kind in kinds
    ]


@dataclass(frozen=True)
class CaseTable:
    """All that the page shows of cases.

    Attributes:
        cases: in their first order.
        names: of the classes from 1 on, then of regions.
        columns: of each class.
        verdicts: of people, by the name of the case as it is written in tables.
        picture: where the page takes the picture of a case from; empty without one.
        colours: of the classes from 1 on; the regions behind them have none.
        problem: why a case has no numbers; empty if it has.
    """

    cases: Sequence[CaseRecord]
    names: Sequence[str]
    columns: Sequence[Column]
    verdicts: Mapping[str, Verdict]
    picture: Callable[[CaseRecord], str]
    colours: Sequence[tuple[int, int, int]]
    problem: Callable[[CaseRecord], str] = attrgetter("problem")

    @property
    def about(self) -> Markup:
        """What the script needs beside the rows."""
        colours = [f"rgb{tuple(colour)}" for colour in self.colours]
        groups = zip(self.names, [*colours, *[""] * (len(self.names) - len(colours))], strict=True)
        return _in_page(
            {
                "groups": list(groups),
                "columns": [[one.title, one.unit, one.digits, one.shown, one.signed] for one in self.columns],
                "digits": DIGITS,
                "marks": MARKS,
                "stages": self._stages,
                "per_page": PAGE_ROWS if len(self.cases) >= SELF_CONTAINED else max(1, len(self.cases)),
            }
        )

    @property
    def rows(self) -> Iterator[Markup]:
        """A text for each case, in the order in which the script takes its parts."""
        stages = self._stages
        for case in self.cases:
            yield _in_page(self._row(case, stages))

    @property
    def counts(self) -> dict[str, int]:
        """How many of the cases have a mask or a comparison that failed, warnings, and each verdict."""
        found = [verdict for case in self.cases if (verdict := self.verdicts.get(readable(case.name)))]
        return {
            "failed": sum(bool(self.problem(case)) for case in self.cases),
            "warned": sum(bool(self._remarks(case)) for case in self.cases),
            "reviewed": len(found),
            **{quality.value: sum(one.quality is quality for one in found) for quality in Quality},
        }

    @property
    def _stages(self) -> list[str]:
        return list(dict.fromkeys(stage for case in self.cases for stage in case.seconds))

    def _remarks(self, case: CaseRecord) -> list[str]:
        """Warnings, and why there is no comparison where that is no failure."""
        odd = case.comparison_problem
        return [*case.warnings, odd] if odd and odd != self.problem(case) else case.warnings

    def _row(self, case: CaseRecord, stages: Sequence[str]) -> list[Any]:
        problem = self.problem(case)
        values = [] if problem else [column.value(case, name) for name in self.names for column in self.columns]
        seconds = [round(case.seconds.get(stage, 0.0), KEPT) for stage in stages] if case.seconds else []
        facts = ([] if case.in_pixels else [round(value, 6) for value in case.spacing_mm], case.shape, seconds)
        verdict = self.verdicts.get(readable(case.name))
        return [
            *(readable(case.name), readable(problem), list(map(readable, self._remarks(case))), self.picture(case)),
            *([None if value is None else round(value, KEPT) for value in values], list(self._marks(case))),
            *(facts, [verdict.quality.value, verdict.note, verdict.time] if verdict else []),
        ]

    def _marks(self, case: CaseRecord) -> Iterator[tuple[int, int]]:
        """Which word stands below which number: of a class the first one, or that of its Dice."""
        words, titles = [word for word, _ in MARKS], [column.title for column in self.columns]
        for index, name in enumerate(self.names):
            first = index * len(self.columns)
            if name in case.cut_off:
                yield first, 0
            result = case.results.get(name) or case.regions.get(name)
            if result is not None and result.outcome is not Outcome.BOTH and "Dice" in titles:
                yield first + titles.index("Dice"), words.index(result.outcome.value)


def _in_page(content: Any) -> Markup:
    """JSON that can stand in a page: no text of it ends the element that it stands in."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))
