from __future__ import annotations

import json
from dataclasses import replace

import pytest
from conftest import BUNDLES, HIPPOCAMPUS

from monai_mobileunet.handlers.retrained import Retrained, describe, modality_of, spoken

CT = next(bundle for bundle in BUNDLES if "ct" in bundle.name)
SHIPPED = json.loads((HIPPOCAMPUS / "configs" / "metadata.json").read_text(encoding="utf-8"))
NEW = Retrained(
    sha256="ab" * 32,
    class_names=("anterior", "posterior"),
    image_channels=1,
    context=5,
    out_slices=5,
    date="2030-01-02",
    epoch=7,
    epochs=9,
    training_cases=4,
    validation_cases=2,
    seen_in_validation=0,
    metrics={"val_mean_dice": 0.6, "anterior": 0.512345, "posterior": float("nan")},
    training_data={"cases": 4, "modality": "MR"},
    data_source="Toys",
    data_license="CC0",
    package_version="1.2.3",
)
HEARTS = replace(NEW, class_names=("right ventricle", "myocardium", "left ventricle"), metrics={}, out_slices=1)


def test_what_was_measured_on_the_old_weights_is_gone():
    new = describe(SHIPPED, NEW)
    assert new["weights"] == {"models/model.pt": {"sha256": "ab" * 32}}
    assert new["eval_metrics"]["dice"] == {"anterior": 0.5123}
    assert new["eval_metrics"].keys() == {"dice", "measured_on"}
    assert "2 validation cases of this training" in new["eval_metrics"]["measured_on"]
    assert (new["data_source"], new["data_license"]) == ("Toys", "CC0")
    assert new["training_data"] == {"cases": 4, "modality": "MR"}
    assert new["training"]["epoch"] == 7
    assert new["training"]["monai_mobileunet"] == "1.2.3"
    same = ("name", "task", "description", "references", "intended_use", "authors", "network_data_format")
    assert {key: new[key] for key in same} == {key: SHIPPED[key] for key in same}
    assert describe(new, NEW) == new, "once more changes nothing"


@pytest.mark.parametrize(("cases", "seen", "words"), [(0, 0, "no case"), (2, 2, "2 of them were trained on as well")])
def test_scores_say_what_they_are_worth(cases: int, seen: int, words: str):
    scores = describe(SHIPPED, replace(NEW, validation_cases=cases, seen_in_validation=seen))["eval_metrics"]
    assert words in scores["measured_on"]
    assert ("dice" in scores) == bool(cases)


def test_a_network_for_hearts_says_nothing_of_the_hippocampus():
    new = describe(SHIPPED, HEARTS)
    assert "hippocamp" not in json.dumps(new, ensure_ascii=False).casefold()
    assert "anterior" not in json.dumps(new)
    pred = new["network_data_format"]["outputs"]["pred"]
    assert pred["channel_def"] == {"0": "background", "1": "right ventricle", "2": "myocardium", "3": "left ventricle"}
    assert (pred["num_channels"], pred["value_range"], pred["spatial_shape"]) == (4, [0, 3], ["*", "*"])
    assert new["label_classes"] == "one channel, 0 background, 1 right ventricle, 2 myocardium, 3 left ventricle"
    assert new["intended_use"] == SHIPPED["intended_use"]


def test_weights_that_began_with_others_name_the_data_of_both_once():
    first = describe(SHIPPED, replace(NEW, started_from="cd" * 32))
    assert first["data_source"] == f"Toys; the weights that it started from: {SHIPPED['data_source']}"
    assert first["data_license"].endswith(SHIPPED["data_license"])
    assert first["training"]["started_from"] == {"sha256": "cd" * 32}
    again = describe(first, replace(NEW, started_from="ab" * 32))
    assert again["data_source"] == first["data_source"]
    assert describe(again, NEW)["data_source"] == "Toys", "begun with random weights"


@pytest.mark.parametrize(
    ("bundle", "image_channels", "first", "last"),
    [
        (HIPPOCAMPUS, 1, "slice -1", "slice +1"),
        (HIPPOCAMPUS, 2, "slice -1, channel 0", "slice +1, channel 1"),
        (CT, 2, "slice -1, soft tissue window", "slice +1, bone window"),
    ],
)
def test_another_context_has_other_input_channels(bundle, image_channels: int, first: str, last: str):
    shipped = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    new = describe(shipped, replace(NEW, image_channels=image_channels, context=1))
    image = new["network_data_format"]["inputs"]["image"]
    channels = list(image["channel_def"].values())
    assert image["num_channels"] == len(channels) == 3 * image_channels
    assert (channels[0], channels[-1]) == (first, last)


def test_words():
    assert [spoken(["a"]), spoken(["a", "b"]), spoken(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    assert [modality_of(name) for name in ("MRI", "CT", "cine-MRI", "CT or MRI", "")] == ["MR", "CT", "MR", None, None]
