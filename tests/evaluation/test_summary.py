from dataclasses import replace

import numpy as np
import pytest

from monai_mobileunet.evaluation import ClassResult, Outcome, summarise
from monai_mobileunet.evaluation.summary import METRICS, Beside


def both(dice, pred_ml=1.0, label_ml=1.0):
    return ClassResult(Outcome.BOTH, dice, 2.0, 1.0, 0.9, pred_ml, label_ml)


FALSE_POSITIVE = ClassResult(Outcome.FALSE_POSITIVE, None, None, None, None, 0.5, 0.0)
ABSENT = ClassResult(Outcome.ABSENT, None, None, None, None, 0.0, 0.0)
MISSED = ClassResult(Outcome.MISSED, 0.0, None, None, 0.0, 0.0, 2.0)


def test_means_leave_out_what_has_no_value_and_outcomes_count_it():
    cases = [[both(0.8)], [both(0.6)], [FALSE_POSITIVE], [ABSENT], [MISSED]]
    (summary,) = summarise(["liver"], cases)
    assert summary.metrics["dice"].mean == pytest.approx((0.8 + 0.6 + 0) / 3)
    assert summary.metrics["dice"].cases == 3
    assert summary.metrics["hd95"].cases == 2
    assert summary.outcomes == {
        Outcome.BOTH: 2,
        Outcome.MISSED: 1,
        Outcome.FALSE_POSITIVE: 1,
        Outcome.ABSENT: 1,
    }


def test_a_class_without_any_value_has_no_mean():
    (summary,) = summarise(["liver"], [[ABSENT], [ABSENT]])
    assert all(summary.metrics[metric.attribute] is None for metric in METRICS)
    assert summary.volume is None


def test_the_interval_holds_the_mean_and_shrinks_with_more_cases():
    values = np.random.default_rng(0).normal(0.8, 0.1, 200)
    few, many = (summarise(["a"], [[both(v)] for v in values[:n]])[0].metrics["dice"] for n in (20, 200))
    assert few.low < few.mean < few.high
    assert many.high - many.low < (few.high - few.low) / 2
    standard_error = values.std(ddof=1) / 200**0.5
    assert many.high - many.mean == pytest.approx(1.96 * standard_error, rel=0.15)


def test_a_single_case_has_neither_an_interval_nor_a_range():
    (summary,) = summarise(["a"], [[both(0.7)]])
    dice = summary.metrics["dice"]
    assert (dice.mean, dice.low, dice.high, dice.std) == (0.7, None, None, None)
    assert dice.beside is None
    assert summary.volume.limits is None
    assert summary.volume.beside is None


def test_fewer_than_ten_cases_have_a_range_and_no_interval():
    values = [0.5, 0.6, 0.7, 0.9, 0.8, 0.55, 0.65, 0.75, 0.85, 0.5]
    for count in (2, 9):
        dice = summarise(["a"], [[both(value)] for value in values[:count]])[0].metrics["dice"]
        assert (dice.low, dice.high, dice.cases) == (None, None, count)
        assert (dice.min, dice.max) == (min(values[:count]), max(values[:count]))
        assert dice.beside == Beside(dice.min, dice.max, is_range=True)
    dice = summarise(["a"], [[both(value)] for value in values])[0].metrics["dice"]
    assert dice.beside == Beside(dice.low, dice.high, is_range=False)
    assert dice.min < dice.low < dice.mean < dice.high < dice.max


def test_equal_cases_have_an_interval_of_no_width():
    dice = summarise(["a"], [[both(0.7)]] * 10)[0].metrics["dice"]
    assert dice.low == pytest.approx(dice.high) == pytest.approx(0.7)


def test_bias_of_volumes():
    pairs = [(1.2, 1.0), (1.0, 1.0)]
    cases = [*([both(0.9, *pair)] for pair in pairs), [ABSENT]]
    volume = summarise(["a"], cases)[0].volume
    assert volume.bias == pytest.approx(0.1)
    assert volume.relative == pytest.approx(10)
    assert volume.limits is None
    assert (volume.min, volume.max) == pytest.approx((0.0, 0.2))
    limits = summarise(["a"], [[both(0.9, *pair)] for pair in pairs * 5])[0].volume.limits
    spread = 1.96 * np.std([0.2, 0.0] * 5, ddof=1)
    assert limits == pytest.approx((0.1 - spread, 0.1 + spread))
    assert summarise(["a"], [[FALSE_POSITIVE]])[0].volume.relative is None


def test_areas_agree_where_all_cases_are_single_slices():
    flat = [replace(both(0.9), pred_area=area, label_area=100.0) for area in (110.0, 130.0)]
    area = summarise(["a"], [[one] for one in flat])[0].area
    assert (area.bias, area.relative) == (20, 20)
    assert summarise(["a"], [[flat[0]], [both(0.9)]])[0].area is None


def test_the_same_cases_give_the_same_intervals():
    cases = [[both(v)] for v in (0.5, 0.7, 0.9)]
    assert summarise(["a"], cases) == summarise(["a"], cases)
