"""The descriptions of bundles: those that come with the package, and those that a plan writes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import BUNDLES, HIPPOCAMPUS

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data import DataError
from monai_mobileunet.data.errors import root_cause
from monai_mobileunet.planning import plan_dataset, write_bundle
from monai_mobileunet.planning.rules import Options
from monai_mobileunet.webpage.description import describe_bundle
from tests.planning.made import MR, ct, fingerprint, organ

HEAD_NECK = BUNDLES[0].with_name("head_neck_oar_ct_segmentation")


def described(bundle: Path, **changes: Any) -> dict[str, Any]:
    opened = Bundle(bundle, **{"device": "cpu", **changes})
    description = describe_bundle(opened, opened.parser.get_parsed_content("network"))
    assert json.loads(json.dumps(description)) == description, "plain values"
    return description


def test_the_hippocampus():
    found = described(HIPPOCAMPUS)
    assert found["inference"] == {
        "planes": [[2, 1, 0]],
        "context": 5,
        "mirror_axes": [0],
        "out_slices": 5,
        "out_step": 3,
        "roi_size": [256, 256],
        "overlap": [0.25, 0.25],
        "mode": "gaussian",
        "sigma_scale": [0.125, 0.125],
        "sw_batch_size": 16,
    }
    assert [one["name"] for one in found["classes"]] == ["anterior", "posterior"]
    assert all(len(one["colour"]) == 3 for one in found["classes"])
    assert (found["format"], found["modality"], found["channels"], found["channel_names"]) == (1, "MR", 1, [""])
    assert found["training_data"]["cases"] == 208
    assert (found["network"]["in_channels"], found["network"]["num_classes"]) == (11, 3)
    assert "ot a medical device" in found["notice"]


def test_windows_of_one_image_are_one_channel():
    found = described(HEAD_NECK)
    assert (found["channels"], found["channel_names"], found["network"]["in_channels"]) == (1, [""], 14)
    assert (found["modality"], found["inference"]["out_step"]) == ("CT", 1)


OFFSET = ((960.0, 1000.0, 1060.0, 1300.0, 2600.0),)


def planned(folder: Path, options: Options | None = None, **changes: Any) -> Path:
    """A bundle for twenty equal cases of MRI, but for what is changed in each."""
    names, modality = changes.pop("channel_names", None), changes.pop("modality", "MR")
    found = fingerprint(modality=modality, **changes)
    found = replace(found, channel_names=names) if names else found
    write_bundle(plan_dataset(found, options or Options()), folder)
    return folder


TWO = {"channels": 2, "lowest": (0.0, 0.0), "percentiles": MR * 2, "foreground": MR * 2}
RGB = {"channels": 3, "lowest": (0.0,) * 3, "percentiles": MR * 3, "foreground": MR * 3, "in_pixels": True}
WIDE = {"modality": "CT", "lowest": (0.0,), "percentiles": OFFSET, "foreground": OFFSET}
SITUATIONS: dict[str, tuple[dict[str, Any], Options | None, int, list[str]]] = {
    "MR": ({}, None, 1, ["Orientationd", "Spacingd", "ClipIntensityPercentilesd", "NormalizeIntensityd"]),
    "two contrasts": ({**TWO, "channel_names": ("T1", "T2")}, None, 2, ["NormalizeIntensityd"]),
    "CT with an offset, a crop and two windows": (
        WIDE,
        None,
        1,
        ["Lambdad", "CropForegroundd", "CopyItemsd", "ConcatItemsd", "DeleteItemsd"],
    ),
    "CT in one window": (
        {**ct(), "modality": "CT"},
        None,
        1,
        ["CropForegroundd", "ScaleIntensityRanged"],
    ),
    "pictures": (
        {**RGB, "shape": (300, 200, 1), "modality": "", "channel_names": ("red", "green", "blue")},
        None,
        3,
        [],
    ),
    "several planes": ({}, Options(overrides={"planes": ["axial", "coronal", "sagittal"]}), 1, []),
    "thick slices": ({"spacing": (1.5, 1.5, 10.0), "shape": (216, 256, 9)}, None, 1, []),
    "left and right": ({"classes": {"left organ": organ(side=0.3), "right organ": organ(side=0.7)}}, None, 1, []),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_planned_can_be_exported(name: str, tmp_path: Path):
    changes, options, channels, transforms = SITUATIONS[name]
    bundle = planned(tmp_path / "planned", options, **changes)
    found = described(bundle)
    assert found["channels"] == channels
    assert found["channel_names"] == list(changes.get("channel_names", ("",) * channels))
    assert {*transforms} <= {step["transform"] for step in found["preprocessing"]}
    assert found["postprocessing"][-1]["transform"] == "RestoreGridd"
    assert len(found["inference"]["planes"]) == (3 if options else 1)
    config = json.loads((bundle / "configs" / "inference.json").read_text())
    assert found["inference"]["context"] == config["context"]


def edited(tmp_path: Path, **entries: Any) -> Path:
    """The hippocampus bundle with other entries in its config, by their ids."""
    bundle = Path(shutil.copytree(HIPPOCAMPUS, tmp_path / "edited", ignore=shutil.ignore_patterns("*.pt")))
    path = bundle / "configs" / "inference.json"
    config = json.loads(path.read_text())
    for entry, value in entries.items():
        config[entry] = {**config[entry], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(config))
    return bundle


SIMPLE = {"_target_": "SlidingWindowInferer", "roi_size": [8, 8]}
COMPOSE = {"_target_": "Compose", "transforms": [{"_target_": "CopyItemsd", "keys": "mask", "names": "image"}]}


def with_step(step: dict[str, Any]) -> dict[str, Any]:
    """The preprocessing of the hippocampus bundle, and a step behind it."""
    steps = json.loads((HIPPOCAMPUS / "configs" / "inference.json").read_text())["preprocessing"]["transforms"]
    return {"preprocessing": {"transforms": [*steps, {"keys": "image", **step}]}}


DELETED = [
    {"_target_": "DeleteItemsd", "keys": "image"},
    {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
]
TWICE = {"_target_": "ConcatItemsd", "keys": ["image", "image"], "name": "image"}
UPSIDE_DOWN = {"_target_": "ClipIntensityPercentilesd", "lower": 99, "upper": 1}


def test_what_a_transform_refuses_itself_is_not_written(tmp_path: Path):
    with pytest.raises(RuntimeError) as caught:
        described(edited(tmp_path, **with_step(UPSIDE_DOWN)))
    assert "upper must be greater than or equal to lower" in root_cause(caught.value)


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        (with_step(TWICE), "takes 11 channels, which are no whole number of images with their context"),
        (
            {"preprocessing": {"transforms": DELETED}},
            "Orientationd works on the item image; the page has no item there",
        ),
        ({"argmax": False}, "argmax is false"),
        ({"slice_inferer": {"padding_mode": "constant"}}, "has padding_mode or cval"),
        ({"slice_inferer": {"cval": 0.0}}, "has padding_mode or cval"),
        ({"inferer": {"inferer": SIMPLE}}, "inferer is a SlidingWindowInferer"),
        ({"preprocessing": COMPOSE}, "CopyItemsd works on the item mask; the page has image there"),
        ({"postprocessing": {"transforms": []}}, "has no RestoreGridd"),
    ],
)
def test_what_the_page_cannot_do_is_refused_by_name(entries: dict[str, Any], named: str, tmp_path: Path):
    with pytest.raises(DataError, match=rf"inference\.json: .*{named}"):
        described(edited(tmp_path, **entries))
