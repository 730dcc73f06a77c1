# ruff: noqa: E501 (a row each)
"""Rules of planning: for each the situations that it tells apart, a row each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from made import case, ct, fingerprint, of_cases, organ

from monai_mobileunet.data import DataError
from monai_mobileunet.data.datasets import folds
from monai_mobileunet.data.datasets.subjects import guess_pattern, subject_by_pattern
from monai_mobileunet.planning.fingerprint import Fingerprint
from monai_mobileunet.planning.plan import Plan, Setting
from monai_mobileunet.planning.rules import RULES, Batch, Costs, Options, as_plan, decide, warnings_of
from monai_mobileunet.planning.rules.budget import expected_seconds
from monai_mobileunet.planning.rules.known import minutes
from monai_mobileunet.planning.rules.sides import named_side

HEART = {"spacing": (1.5, 1.5, 10.0), "shape": (216, 256, 9)}
CROPPED = {"shape": (35, 50, 36), "classes": {"organ": organ(size_mm=(9.0, 9.0, 9.0), extent_mm=(16.0, 18.0, 20.0))}}
HEAD = ct(spacing=(4.0, 4.0, 2.5), shape=(128, 128, 128), classes={"cord": organ(size_mm=(12.0, 12.0, 12.0))})
STORED = ct(
    lowest=(0.0,), percentiles=((0.0, 0.0, 0.0, 1100.0, 2000.0),), foreground=((960.0, 1000.0, 1060.0, 1300.0, 2600.0),)
)
KIDNEYS = {"left kidney": organ(side=0.3), "right kidney": organ(side=0.7)}
UNNAMED = {"one": organ(side=0.3), "two": organ(side=0.7)}
VENTRICLES = {"left ventricle": organ(side=0.45), "right ventricle": organ(side=0.55)}

ROWS: list[tuple[str, str, Fingerprint, Options, Any]] = [
    ("isotropic: axial", "planes", fingerprint(), Options(), ["axial"]),
    ("thick slices to the right", "planes", fingerprint(spacing=(4.0, 1.0, 1.0)), Options(), ["sagittal"]),
    ("thick slices to the front", "planes", fingerprint(spacing=(1.0, 3.0, 1.0)), Options(), ["coronal"]),
    ("two axes equally coarse", "planes", fingerprint(**HEAD, modality="CT"), Options(), ["axial"]),
    ("one slice", "planes", fingerprint(shape=(200, 1, 120)), Options(), ["coronal"]),
    ("asked for", "planes", fingerprint(), Options(planes=("coronal", "axial")), ["coronal", "axial"]),
    ("all alike", "spacing", fingerprint(), Options(), [1.0, 1.0, 1.0]),
    ("median", "spacing", of_cases(*(case(n, spacing=(0.8 + 0.1 * n,) * 3) for n in range(5))), Options(), [1.0, 1.0, 1.0]),
    ("a wrong header", "spacing", of_cases(*(case(n, spacing=(1.0, 1.0, 30.0 if n == 1 else 1.0)) for n in range(6))), Options(), [1.0, 1.0, 1.0]),
    ("thick slices that vary", "spacing", of_cases(*(case(n, shape=(200, 200, 9), spacing=(1.0, 1.0, 5.0 if n < 3 else 10.0)) for n in range(12))), Options(), [1.0, 1.0, 5.0]),
    ("asked for", "spacing", fingerprint(), Options(spacing=(2.0, 2.0, 3.0)), [2.0, 2.0, 3.0]),
    ("thick slices stay where they are", "coarsest_spacing", of_cases(*(case(n, shape=(200, 200, 9), spacing=(1.0, 1.0, 5.0 + n)) for n in range(6))), Options(), [1.0, 1.0, 10.0]),
    ("volumes alike stay on their grids", "finest_spacing", of_cases(*(case(n, spacing=(3.75 + 0.1 * n, 4.0, 2.5)) for n in range(6))), Options(), [3.75, 4.0, 2.5]),
    ("volumes unlike are resampled", "finest_spacing", of_cases(*(case(n, spacing=(0.5 + 0.2 * n,) * 3) for n in range(6))), Options(), None),
    ("thin slices", "context", fingerprint(), Options(), 5),
    ("2.5 mm", "context", fingerprint(**HEAD, modality="CT"), Options(), 3),
    ("thick slices", "context", fingerprint(**HEART), Options(), 1),
    ("one slice", "context", fingerprint(shape=(200, 200, 1)), Options(), 0),
    ("thin slices", "out_slices", fingerprint(), Options(), 5),
    ("2.5 mm", "out_slices", fingerprint(**HEAD, modality="CT"), Options(), 3),
    ("thick slices", "out_slices", fingerprint(**HEART), Options(), 1),
    ("thin slices", "out_step", fingerprint(), Options(), 3),
    ("thick slices", "out_step", fingerprint(**HEART), Options(), 1),
    ("a small slice whole", "roi_size", fingerprint(**CROPPED), Options(), [56, 40]),
    ("small objects", "roi_size", fingerprint(**HEAD, modality="CT"), Options(), [64, 64]),
    ("around the largest", "roi_size", fingerprint(classes={"organ": organ(extent_mm=(70.0, 74.0, 40.0))}), Options(), [112, 112]),
    ("a liver on a CPU", "roi_size", fingerprint(shape=(512, 512, 90), classes={"liver": organ(extent_mm=(300.0,) * 3)}), Options(), [256, 256]),
    ("a liver on a GPU", "roi_size", fingerprint(shape=(512, 512, 90), classes={"liver": organ(extent_mm=(300.0,) * 3)}), Options(device="cuda"), [384, 384]),
    ("small slices", "window", fingerprint(**CROPPED), Options(), [256, 256]),
    ("around the largest", "window", fingerprint(classes={"organ": organ(extent_mm=(70.0, 74.0, 40.0))}), Options(), [160, 160]),
    ("small objects", "window", fingerprint(**HEAD, modality="CT"), Options(), [96, 96]),
    ("tiny slices", "variant", fingerprint(**CROPPED), Options(), "mobileunet_fine_large"),
    ("small slices", "variant", fingerprint(**HEAD, modality="CT"), Options(), "mobileunet_fine"),
    ("small objects", "variant", fingerprint(shape=(256, 256, 90), classes={"dot": organ(size_mm=(5.0,) * 3)}), Options(), "mobileunet_fine"),
    ("large slices", "variant", fingerprint(), Options(), "mobileunet_base"),
    ("very large slices", "variant", fingerprint(shape=(512, 512, 90), classes={"liver": organ(size_mm=(90.0,) * 3)}), Options(), "mobileunet_base"),
    ("small windows", "num_samples", fingerprint(**CROPPED), Options(), 8),
    ("large windows", "num_samples", fingerprint(shape=(512, 512, 90), classes={"liver": organ(extent_mm=(300.0,) * 3)}), Options(), 2),
    ("named MR", "image", fingerprint(), Options(), "MR"),
    ("values like CT", "image", fingerprint(modality="", **ct()), Options(), "CT"),
    ("values like MR", "image", fingerprint(modality=""), Options(), "MR"),
    ("the user's word", "image", fingerprint(), Options(modality="PT"), "PT"),
    ("Hounsfield units", "stored_offset", fingerprint(modality="CT", **ct()), Options(), None),
    ("nothing negative", "stored_offset", fingerprint(modality="CT", **STORED), Options(), 1024.0),
    ("soft tissue", "windows", fingerprint(modality="CT", **ct()), Options(), [[-120.0, 210.0]]),
    ("soft tissue and bone", "windows", fingerprint(modality="CT", **STORED), Options(), [[-160.0, 240.0], [-230.0, 1740.0]]),
    ("MR", "windows", fingerprint(), Options(), None),
    ("two windows", "image_channels", fingerprint(modality="CT", **STORED), Options(), 2),
    ("two contrasts", "image_channels", fingerprint(channels=2), Options(), 2),
    ("two windows", "file_channels", fingerprint(modality="CT", **STORED), Options(), 1),
    ("sides by name", "sides", fingerprint(classes=KIDNEYS), Options(), [[1, 2]]),
    ("sides by place", "sides", fingerprint(classes=UNNAMED), Options(), [[1, 2]]),
    ("chambers of the heart", "sides", fingerprint(classes=VENTRICLES), Options(), None),
    ("no sides", "sides", fingerprint(), Options(), None),
    ("sides", "mirror_axes", fingerprint(classes=KIDNEYS), Options(), []),
    ("a side without partner", "mirror_axes", fingerprint(classes={"kidney_L": organ(side=0.3)}), Options(), []),
    ("chambers of the heart", "mirror_axes", fingerprint(classes=VENTRICLES), Options(), [0]),
    ("no sides", "tta_axes", fingerprint(), Options(), [0]),
    ("each its own", "subject_of", fingerprint(), Options(), None),
    ("few subjects", "folds", fingerprint(3), Options(), 3),
    ("many subjects", "folds", fingerprint(), Options(), 5),
    ("a class in few slices", "class_share", fingerprint(), Options(), 0.67),
    ("classes everywhere", "class_share", fingerprint(**{**CROPPED, "shape": (35, 50, 36)}), Options(), 0.0),
    ("nothing timed", "epochs", fingerprint(), Options(), 100),
    ("set by the user", "context", fingerprint(), Options(overrides={"context": 2}), 2),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "options", "value"), [row[1:] for row in ROWS], ids=[f"{row[1]}: {row[0]}" for row in ROWS]
)
def test_a_rule_decides_with_a_reason(name: str, data: Fingerprint, options: Options, value: Any):
    decided = decide(data, options).decided
    if value is None and RULES[name] and name not in decided:
        return
    got = decided[name].value["modality"] if name == "image" else decided[name].value
    assert got == value, decided[name].reason
    assert len(decided[name].reason) > 10
    assert bool(decided[name].rule) != (name in options.overrides)


def targets(steps: list[dict[str, Any]]) -> list[str]:
    return [step["_target_"].rpartition(".")[2] for step in steps]


@pytest.mark.parametrize(
    ("data", "steps"),
    [
        (fingerprint(), ["Spacingd", "ClipIntensityPercentilesd", "NormalizeIntensityd"]),
        (fingerprint(modality="CT", **ct()), ["Spacingd", "CropForegroundd", "ScaleIntensityRanged"]),
        (fingerprint(modality="CT", **ct(lowest=(-300.0,))), ["Spacingd", "ScaleIntensityRanged"]),
        (fingerprint(modality="CT", percentiles=((0.0, 5.0, 90.0, 200.0, 255.0),)), ["Spacingd", "ClipIntensityPercentilesd", "NormalizeIntensityd"]),
    ],
    ids=["MR", "CT", "CT within the body", "CT as a picture"],
)  # fmt: skip
def test_intensities(data: Fingerprint, steps: list[str]):
    assert targets(decide(data)["image_transforms"]) == steps


@pytest.mark.parametrize(
    ("data", "first", "dimensions"),
    [
        (fingerprint(**CROPPED), "RandFlipd", 3),
        (fingerprint(**HEART), "RandFlipd", 2),
        (fingerprint(), "RandFlipd", 2),
        (fingerprint(classes=KIDNEYS), "RandMirrorSidesd", 2),
        (fingerprint(classes={"kidney_L": organ(side=0.3)}), "RandSliceSamplesd", 2),
    ],
    ids=["small and isotropic", "thick slices", "large", "sides", "a side without partner"],
)
def test_augmentation(data: Fingerprint, first: str, dimensions: int):
    steps = decide(data)["random_transforms"]
    affine = next(step for step in steps if step["_target_"] == "RandAffined")
    assert targets(steps)[0] == first
    assert len(affine["scale_range"]) == dimensions
    assert ("RandFlipd" in targets(steps)) == (first == "RandFlipd")
    whole = "AsDiscreted" in targets(steps)
    assert whole == (dimensions == 3), "of large volumes the windows alone have a channel for each class"


def test_few_subjects_are_changed_more():
    def turned(count: int) -> float:
        steps = decide(fingerprint(count))["random_transforms"]
        return next(step for step in steps if step["_target_"] == "RandAffined")["rotate_range"]

    assert turned(10) > turned(30)


@pytest.mark.parametrize(
    ("data", "asked", "wide"),
    [
        (fingerprint(40), {"epochs": 1000}, True),
        (fingerprint(40), {"epochs": 999}, False),
        (fingerprint(40), {}, False),
        (fingerprint(320), {}, False),
        (fingerprint(40), {"epochs": 1000, "variant": "mobileunet_small"}, False),
        (fingerprint(40), {"epochs": 1000, "variant": "mobileunet_fine"}, False),
        (fingerprint(40), {"epochs": 1000, "num_samples": 2}, False),
        (fingerprint(40, **CROPPED), {"epochs": 1000}, False),
    ],
    ids=[
        "256,000 windows",
        "fewer",
        "nothing timed",
        "many cases",
        "a slim network",
        "another network",
        "small batches",
        "volumes turned as a whole",
    ],
)
def test_a_long_training_changes_images_widely(data: Fingerprint, asked: dict, wide: bool):
    decided = decide(data, Options(overrides=asked)).decided["random_transforms"]
    assert ("RandSimulateLowResolutiond" in targets(decided.value)) == wide
    assert ("256,000 windows" in decided.reason) == wide


def lying(shapes: list[tuple[int, int, int]], **given: Any) -> Fingerprint:
    """A heart's MRI in slices of several shapes."""
    heart = {"spacing": (1.5, 1.5, 10.0), **given}
    return of_cases(*(case(n, **{**heart, "shape": shapes[n % len(shapes)]}) for n in range(40)))


ACROSS, UPRIGHT, SQUARE = (256, 216, 9), (216, 256, 9), (232, 240, 9)


@pytest.mark.parametrize(
    ("data", "turned"),
    [
        (lying([ACROSS] * 4 + [UPRIGHT]), True),
        (lying([ACROSS] * 9 + [UPRIGHT]), True),
        (lying([ACROSS] * 19 + [UPRIGHT]), False),
        (lying([ACROSS]), False),
        (lying([SQUARE, UPRIGHT]), False),
        (lying([ACROSS, UPRIGHT], spacing=(1.5, 1.5 * 216 / 256, 10.0)), False),
        (lying([ACROSS, UPRIGHT], classes=KIDNEYS), False),
        (lying([ACROSS, UPRIGHT], classes={"left kidney": organ(side=0.3)}), False),
        (lying([(200, 120, 9), (120, 200, 9), (120, 200, 9)], classes={"organ": organ(extent_mm=(400.0,) * 3)}), False),
        (lying([(50, 40, 36), (40, 50, 36)], spacing=(1.0, 1.0, 1.0)), False),
    ],
    ids=[
        "a fifth",
        "a tenth",
        "a twentieth",
        "one way",
        "nearly square",
        "pixels that are not",
        "sides",
        "a side without partner",
        "windows that are not square",
        "turned as a whole",
    ],
)
def test_slices_that_lie_both_ways_are_turned_by_quarters(data: Fingerprint, turned: bool):
    decided = decide(data).decided["random_transforms"]
    assert ("RandRotate90d" in targets(decided.value)) == turned
    assert ("quarter turns" in decided.reason) == turned


@pytest.mark.parametrize(
    ("shares", "labels"), [((1.0, 1.0), [1]), ((1.0, 0.997), [1]), ((1.0, 0.99), []), ((0.995, 0.6), [])]
)
def test_the_largest_component_of_connected_classes(shares: tuple[float, float], labels: list[int]):
    cases = [case(n, classes={"organ": organ(largest_share=shares[n % 2])}) for n in range(20)]
    steps = decide(of_cases(*cases))["mask_transforms"]
    assert (steps[0]["applied_labels"] if steps else []) == labels


COSTS = Costs(start=10, read=0.1, augment=0.05, step=0.5, validate=1.0)


def timed(costs: Costs) -> dict[Batch, Costs]:
    """A quarter of the windows takes a third of the time, a slimmer network a fifth."""
    networks = {"mobileunet_base": 1.0, "mobileunet_small": 0.2}
    return {
        (name, count): replace(costs, step=costs.step * share * (1 if count == 2 else 3))
        for name, share in networks.items()
        for count in (2, 5, 8)
    }


@pytest.mark.parametrize(
    ("step", "budget", "variant", "windows"),
    [
        (0.7, 600, "mobileunet_small", 2),
        (0.7, 3600, "mobileunet_base", 2),
        (0.7, 12 * 3600, "mobileunet_base", 8),
        (0.01, 600, "mobileunet_base", 8),
    ],
    ids=["a CPU for minutes", "for an hour", "for hours", "a GPU"],
)
def test_network_and_batch_have_time_to_learn(step: float, budget: float, variant: str, windows: int):
    costs, data = timed(replace(COSTS, step=step)), fingerprint(40, **HEART)
    known = decide(data, Options(budget=budget), costs)
    assert (known["variant"], known["num_samples"]) == (variant, windows), known.decided["variant"].reason
    assert "of mobileunet_base with 32 windows" in known.decided["variant"].reason
    for asked in ({"variant": "mobileunet_base"}, {"num_samples": 8}):
        overridden = decide(data, Options(budget=budget, overrides=asked), costs)
        fewer = "variant" in asked and overridden["num_samples"] == 2
        assert ("have room for" in overridden.decided["num_samples"].reason) == fewer
        assert asked.items() <= {name: overridden[name] for name in ("variant", "num_samples")}.items()
        assert overridden.costs is not None


@pytest.mark.parametrize(
    ("budget", "costs", "epochs", "interval"),
    [
        (3600, COSTS, 1200, 240),
        (600, COSTS, 180, 36),
        (60, COSTS, 9, 4),
        (5, COSTS, 1, 1),
        (600, replace(COSTS, step=0.05, workers=4), 2540, 508),
        (72 * 3600, replace(COSTS, step=0.05, workers=4), 62500, 12500),
    ],
    ids=["an hour", "ten minutes", "a minute", "too little", "a GPU", "a GPU for days"],
)
def test_the_length_of_a_training_follows_the_budget(budget: float, costs: Costs, epochs: int, interval: int):
    known = decide(fingerprint(), Options(budget=budget), dict.fromkeys(timed(costs), costs))
    assert abs(known["epochs"] - epochs) <= 0.2 * epochs, known.decided["epochs"].reason
    assert known["epochs"] >= known["val_interval"] >= 1
    expected = expected_seconds(known)
    assert expected is not None
    assert expected <= max(budget, 20)
    told = " ".join(warnings_of(known))
    assert ("room for" in told) == (known["epochs"] < 20)


def test_durations_are_said_in_words():
    assert [minutes(seconds) for seconds in (7.4, 98, 840, 7500)] == ["7.4 s", "98 s", "14 min", "2.1 h"]


def test_subjects_are_found_in_names():
    names = [f"patient{n:03d}_frame{t:02d}" for n in range(1, 8) for t in (1, 12)]
    pattern = guess_pattern(names)
    assert pattern
    assert subject_by_pattern(pattern)(names[0]) == "patient001"
    subjects = [case(n, name=name, subject=subject_by_pattern(pattern)(name)) for n, name in enumerate(names)]
    decision = decide(of_cases(*subjects), Options(subject_pattern=pattern)).decided["subject_of"]
    assert decision.value == {"_target_": "monai_mobileunet.data.subject_by_pattern", "pattern": pattern}
    assert "14 cases of 7 subjects" in decision.reason
    assert decide(of_cases(*subjects)).decided["subject_of"].value == decision.value
    odd = of_cases(*(replace(one, name=f"x{n}", subject=f"s{n // 2}") for n, one in enumerate(subjects)))
    assert "'x1': 's0'" in decide(odd)["subject_of"]
    assert guess_pattern([f"toy_{n:03d}" for n in range(9)]) is None
    with pytest.raises(ValueError, match="no regular expression"):
        subject_by_pattern("(")


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("left kidney", ("left", "kidney")),
        ("kidney_R", ("right", "kidney")),
        ("L_Parotid", ("left", "parotid")),
        ("ParotidLeft", ("left", "parotid")),
        ("Lung Upper Lobe Left", ("left", "lung upper lobe")),
        ("left lateral ventricle", ("left", "lateral ventricle")),
        ("left kidney without tumor", ("left", "kidney")),
        ("lungs without left lung", None),
        ("left ventricle", None),
        ("liver", None),
        ("L", None),
        ("L5 vertebra", None),
    ],
)
def test_sides_in_names(name: str, side: tuple[str, str] | None):
    assert named_side(name) == side


def exchanged() -> Fingerprint:
    swapped = {"left kidney": organ(side=0.7), "right kidney": organ(side=0.3)}
    return of_cases(*(case(n, classes=swapped if n == 7 else KIDNEYS) for n in range(20)))


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (of_cases(*(case(n, spacing=(1.0, 1.0, 30.0 if n == 3 else 1.0)) for n in range(9))), Options(), "case_003: its header says 30 mm foot-head"),
        (fingerprint(spacing=(0.01, 0.01, 0.01)), Options(), "its header says 2 mm long"),
        (fingerprint(**ct()), Options(), "20 of 20 cases have values like CT. If so: --modality CT"),
        (of_cases(*(case(n, **(ct() if n < 5 else {"lowest": (-47.0,)})) for n in range(6)), modality=""), Options(), "case_005: 1 of 6 cases have values like no CT among those of CT."),
        (fingerprint(modality="CT"), Options(), "no Hounsfield units"),
        (fingerprint(classes={"dot": organ(size_mm=(3.0, 3.0, 3.0))}), Options(), "dot, spans 3 pixels"),
        (exchanged(), Options(), "left kidney lies to the right of right kidney in 1 of 20 cases (case_007)"),
        (fingerprint(6), Options(), "There are 6 subjects"),
        (of_cases(*(case(n, classes={"organ": organ(), **({"rare": organ()} if n < 2 else {})}) for n in range(20))), Options(), "rare is in 2 of 20 cases"),
    ],
)  # fmt: skip
def test_what_no_plan_can_mend_is_said(data: Fingerprint, options: Options, said: str):
    assert said in " ".join(warnings_of(decide(data, options)))


def test_sound_data_get_no_warning():
    assert warnings_of(decide(fingerprint())) == []


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (fingerprint(), Options(overrides={"spacings": 1}), "There are spacing"),
        (
            fingerprint(),
            Options(overrides={"context": "abc"}),
            "--set context: is a text; expected a number. Write it as 5",
        ),
        (fingerprint(), Options(overrides={"planes": "axial"}), r'is a text; expected a list. Write it as \["axial"\]'),
        (fingerprint(), Options(overrides={"epochs": 0}), "epochs=0: expected a whole number of at least 1"),
        (fingerprint(), Options(overrides={"val_interval": 0}), "val_interval=0: expected .* at least 1"),
        (fingerprint(), Options(overrides={"num_samples": 2.5}), "num_samples=2.5: expected .* at least 1"),
        (fingerprint(), Options(overrides={"num_samples": "4"}), "num_samples=4: expected .* at least 1"),
        (fingerprint(), Options(overrides={"epochs": True}), "epochs=True: expected .* at least 1"),
        (fingerprint(), Options(overrides={"folds": 1}), "folds=1: expected .* at least 2"),
        (fingerprint(1), Options(), "1 case of 1 subject"),
        (of_cases(case(1), case(2, channels=2)), Options(), "1 .as case_001., 2 .as case_002. channels"),
    ],
)
def test_what_cannot_be_planned_is_refused(data: Fingerprint, options: Options, said: str):
    with pytest.raises(DataError, match=said):
        decide(data, options)


def test_what_the_user_set_is_recorded_with_what_the_rule_says():
    known = decide(fingerprint(), Options(overrides={"context": 1, "windows": [[0, 1]]}))
    assert known.decided["context"].reason.startswith("Set by the user; by its rule 5: ")
    assert isinstance(known.decided["windows"], Setting)
    assert known["out_slices"] == 1
    plan = as_plan(known)
    assert Plan.to_json(plan)["settings"]["windows"]["value"] == [[0, 1]]


RARE = {1: "cyst", 4: "cyst", 9: "cyst", 2: "stone"}
"""What only some of twelve visits of six subjects have."""


def visits(**changes: Any) -> Fingerprint:
    cases = [
        case(
            number,
            subject=f"s{number // 2}",
            classes={"organ": organ()} | ({RARE[number]: organ()} if number in RARE else {}),
        )
        for number in range(12)
    ]
    return of_cases(*cases, **changes)


def test_the_split_is_said_in_a_sentence_and_deals_rare_classes(monkeypatch: pytest.MonkeyPatch):
    deal = Mock(wraps=folds.stratified_folds)
    monkeypatch.setattr(folds, "stratified_folds", deal)
    known = decide(visits())
    assert deal.call_count == 2, "once for each of two rules, not for each fold"
    sizes = "4 cases of 2 subjects" + 4 * ", 2 cases of 1 subject"
    assert known.decided["folds"].reason == (
        f"Of 12 cases of 6 subjects the 5 folds validate {sizes}, and train on the others."
    )
    assert known["stratify_by"] == {"cyst": ["case_001", "case_004", "case_009"], "stone": ["case_002"]}
    assert "(cyst in 3, stone in 1)" in known.decided["stratify_by"].reason
    assert "stratify_by" not in decide(fingerprint()).decided, "a class that all have needs no care"
    written = decide(visits(folds=(("case_001", "case_004"), ("case_002",))))
    assert written["folds"] == 2
    assert "stratify_by" not in written.decided, "folds that somebody wrote down stay as they are"
    assert "Written down in the data set" in written.decided["folds"].reason
    listed = decide(visits(folds=(("case_001", "case_004", "case_006"),))).decided["folds"]
    assert listed.value == 4
    assert "Of 12 cases of 6 subjects 3 cases of 3 subjects validate" in listed.reason


def test_every_setting_that_a_transform_names_is_decided():
    for data in (
        fingerprint(),
        fingerprint(modality="CT", **STORED),
        fingerprint(**HEART),
        fingerprint(classes=KIDNEYS),
    ):
        plan = as_plan(decide(data))
        named = {"windows", "stored_offset", "finest_spacing", "coarsest_spacing", "sides", "class_share"}
        text = str((plan.image_transforms.value, plan.random_transforms.value))
        assert {name for name in named if f"@{name}" in text} == plan.settings.keys() & named
