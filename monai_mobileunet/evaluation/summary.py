"""What the results of many cases come to: means with their uncertainty, outcomes, and the bias of volumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from monai_mobileunet.evaluation.results import ClassResult, Outcome

__all__ = [
    "FEWEST",
    "METRICS",
    "Agreement",
    "ClassSummary",
    "Estimate",
    "Metric",
    "estimate",
    "metrics_in",
    "summarise",
]

RESAMPLES = 9999

FEWEST = 10
"""Cases that an interval needs: of fewer, resamples repeat so few values that it is too narrow to be one of 95 %."""


@dataclass(frozen=True)
class Metric:
    """A column of every table.

    Attributes:
        attribute: of :class:`ClassResult`.
        title: for people.
        unit: ``""``, ``"mm"`` or ``"pixels"``.
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


def metrics_in(pixels: bool) -> tuple[Metric, ...]:
    """The metrics with the unit that their distances have: pixels of images that tell no mm."""
    return tuple(replace(metric, unit="pixels") if pixels and metric.unit else metric for metric in METRICS)


@dataclass(frozen=True)
class Estimate:
    """A mean over cases, and how sure it is.

    Attributes:
        mean: over the cases that have a value.
        low: lower end of the interval in which the mean lies with 95 % confidence; ``None`` with fewer than
            :data:`FEWEST` cases.
        high: upper end.
        std: standard deviation between cases; ``None`` with a single case.
        median: of the cases.
        min: lowest value of a case.
        max: highest value of a case.
        cases: how many have a value.
    """

    mean: float
    low: float | None
    high: float | None
    std: float | None
    median: float
    min: float
    max: float
    cases: int

    @property
    def beside(self) -> Beside | None:
        """What stands beside the mean for people; ``None`` with a single case."""
        return _beside((self.low, self.high), (self.min, self.max), self.cases)


@dataclass(frozen=True)
class Agreement:
    """How volumes or areas agree (Bland and Altman, Lancet 1986), over the cases where either has the class.

    Attributes:
        bias: mean of segmentation less reference, in ml, mm² or pixels.
        limits: between which 95 % of the differences are expected, bias ± 1.96 standard deviations; ``None``
            with fewer than :data:`FEWEST` cases.
        relative: the bias in percent of the mean reference; ``None`` where that is 0.
        min: lowest difference.
        max: highest difference.
        cases: how many there are.
    """

    bias: float
    limits: tuple[float, float] | None
    relative: float | None
    min: float
    max: float
    cases: int

    @property
    def beside(self) -> Beside | None:
        """What stands beside the bias for people; ``None`` with a single case."""
        return _beside(self.limits or (None, None), (self.min, self.max), self.cases)


@dataclass(frozen=True)
class Beside:
    """Two values beside a mean.

    Attributes:
        low: the lower one.
        high: the higher one.
        is_range: they are the lowest and the highest of a few cases, and no interval of 95 %.
    """

    low: float
    high: float
    is_range: bool


def _beside(interval: tuple[float | None, float | None], ends: tuple[float, float], cases: int) -> Beside | None:
    low, high = interval
    if low is not None and high is not None:
        return Beside(low, high, is_range=False)
    return Beside(*ends, is_range=True) if cases > 1 else None


@dataclass(frozen=True)
class ClassSummary:
    """One class over all cases.

    Attributes:
        name: of the class.
        outcomes: how many cases there are of each outcome.
        metrics: by attribute of :class:`ClassResult`; ``None`` where no case has a value.
        volume: agreement of volumes; ``None`` where no case has the class.
        area: agreement of areas, in mm² or pixels, where all cases are single slices; otherwise ``None``.
    """

    name: str
    outcomes: dict[Outcome, int]
    metrics: dict[str, Estimate | None]
    volume: Agreement | None
    area: Agreement | None = None


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
    volume = _agreement([result.pred_ml for result in present], [result.label_ml for result in present])
    areas = [result.pred_area for result in present], [result.label_area for result in present]
    area = None if None in (*areas[0], *areas[1]) else _agreement(*areas)
    return ClassSummary(name, {outcome: counts[outcome] for outcome in outcomes}, metrics, volume, area)


def estimate(values: Sequence[float], generator: np.random.Generator) -> Estimate | None:
    """The mean of values; from ten on with its bootstrap interval (percentiles of the means of 9,999 resamples)."""
    if not values:
        return None
    mean, median, cases = float(np.mean(values)), float(np.median(values)), len(values)
    std = float(np.std(values, ddof=1)) if cases > 1 else None
    low = high = None
    if cases >= FEWEST:
        from scipy.stats import bootstrap  # of the extra that evaluation needs, while runs show this room's tables too

        interval = bootstrap(
            (np.asarray(values),), np.mean, n_resamples=RESAMPLES, method="percentile", rng=generator
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    return Estimate(mean, low, high, std, median, float(min(values)), float(max(values)), cases)


def _agreement(pred: Sequence[Any], label: Sequence[Any]) -> Agreement | None:
    """How sizes of cases agree; ``None`` of no case."""
    if not pred:
        return None
    differences = [drawn - true for drawn, true in zip(pred, label, strict=True)]
    bias, reference = float(np.mean(differences)), float(np.mean(label))
    limits = None
    if len(differences) >= FEWEST:
        spread = 1.96 * float(np.std(differences, ddof=1))
        limits = (bias - spread, bias + spread)
    relative = 100 * bias / reference if reference else None
    return Agreement(bias, limits, relative, min(differences), max(differences), len(differences))
