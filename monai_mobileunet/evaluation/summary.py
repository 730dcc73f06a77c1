"""What the results of many cases come to: means with their uncertainty, outcomes, and the bias of volumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monai_mobileunet.evaluation.results import ClassResult, Outcome

__all__ = ["METRICS", "Agreement", "ClassSummary", "Estimate", "Metric", "summarise"]

RESAMPLES = 9999


@dataclass(frozen=True)
class Metric:
    """A column of every table.

    Attributes:
        attribute: of :class:`ClassResult`.
        title: for people.
        unit: ``""`` or ``"mm"``.
        higher_is_better: which end is the worse one.
    """

    attribute: str
    title: str
    unit: str
    higher_is_better: bool

    @property
    def heading(self) -> str:
        """Title and unit, for the head of a column."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


METRICS = (
    Metric("dice", "Dice", "", True),
    Metric("surface_dice", "surface Dice", "", True),
    Metric("hd95", "HD95", "mm", False),
    Metric("asd", "ASD", "mm", False),
)


@dataclass(frozen=True)
class Estimate:
    """A mean over cases, and between which values it lies with 95 % confidence.

    Attributes:
        mean: over the cases that have a value.
        low: lower end of the interval; ``None`` with a single case.
        high: upper end.
        std: standard deviation between cases; ``None`` with a single case.
        median: of the cases.
        cases: how many have a value.
    """

    mean: float
    low: float | None
    high: float | None
    std: float | None
    median: float
    cases: int


@dataclass(frozen=True)
class Agreement:
    """How volumes agree (Bland and Altman, Lancet 1986), over the cases where either has the class.

    Attributes:
        bias: mean of segmentation less reference, ml.
        limits: between which 95 % of the differences are expected, bias ± 1.96 standard deviations, ml; ``None``
            with a single case.
        relative: the bias in percent of the mean reference volume; ``None`` where that is 0.
    """

    bias: float
    limits: tuple[float, float] | None
    relative: float | None


@dataclass(frozen=True)
class ClassSummary:
    """One class over all cases.

    Attributes:
        name: of the class.
        outcomes: how many cases there are of each outcome.
        metrics: by attribute of :class:`ClassResult`; ``None`` where no case has a value.
        volume: agreement of volumes; ``None`` where no case has the class.
    """

    name: str
    outcomes: dict[Outcome, int]
    metrics: dict[str, Estimate | None]
    volume: Agreement | None


def summarise(names: Sequence[str], cases: Sequence[Sequence[ClassResult]], seed: int = 0) -> list[ClassSummary]:
    """Summarise the classes over cases.

    Args:
        names: of the classes from 1 on.
        cases: for each case the results of its classes, in the order of ``names``.
        seed: of the bootstrap.

    Returns:
        A summary for each class.
    """
    partly = any(result.outcome is Outcome.UNKNOWN for results in cases for result in results)
    outcomes = [one for one in Outcome if partly or one is not Outcome.UNKNOWN]
    return [
        _summarise(name, [results[index] for results in cases], outcomes, np.random.default_rng(seed))
        for index, name in enumerate(names)
    ]


def _summarise(
    name: str, results: Sequence[ClassResult], outcomes: Sequence[Outcome], generator: np.random.Generator
) -> ClassSummary:
    counts = Counter(result.outcome for result in results)
    metrics: dict[str, Estimate | None] = {}
    for metric in METRICS:
        values = [getattr(result, metric.attribute) for result in results]
        metrics[metric.attribute] = estimate([value for value in values if value is not None], generator)
    present = [result for result in results if result.outcome not in (Outcome.ABSENT, Outcome.UNKNOWN)]
    return ClassSummary(name, {outcome: counts[outcome] for outcome in outcomes}, metrics, _agreement(present))


def estimate(values: Sequence[float], generator: np.random.Generator) -> Estimate | None:
    """The mean of values with its bootstrap interval (percentiles of the means of 9,999 resamples)."""
    if not values:
        return None
    mean, median = float(np.mean(values)), float(np.median(values))
    if len(values) == 1:
        return Estimate(mean, None, None, None, median, 1)
    from scipy.stats import bootstrap  # of the extra that evaluation needs, while runs show this room's tables too

    interval = bootstrap(
        (np.asarray(values),), np.mean, n_resamples=RESAMPLES, method="percentile", rng=generator
    ).confidence_interval
    return Estimate(mean, float(interval.low), float(interval.high), float(np.std(values, ddof=1)), median, len(values))


def _agreement(results: Sequence[ClassResult]) -> Agreement | None:
    if not results:
        return None
    differences = [result.bias_ml for result in results]
    bias, reference = float(np.mean(differences)), float(np.mean([result.label_ml for result in results]))
    limits = None
    if len(differences) > 1:
        spread = 1.96 * float(np.std(differences, ddof=1))
        limits = (bias - spread, bias + spread)
    return Agreement(bias, limits, 100 * bias / reference if reference else None)
