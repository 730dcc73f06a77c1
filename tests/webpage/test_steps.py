"""The steps of a bundle's transforms: what configs say, and refusals by name of all else."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import monai.transforms
import pytest
from conftest import BUNDLES, HIPPOCAMPUS
from monai.bundle import ConfigParser

from monai_mobileunet import bundle as of_bundles
from monai_mobileunet import transforms as ours
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data import DataError
from monai_mobileunet.webpage.arguments import ABSENT, ANYTHING
from monai_mobileunet.webpage.transforms import PAGE_TRANSFORMS, WITHOUT_STEP, described_steps

HEAD_NECK = BUNDLES[0].with_name("head_neck_oar_ct_segmentation")
STEPS: dict[tuple[Path, str], list[dict[str, Any]]] = {
    (HIPPOCAMPUS, "preprocessing"): [
        {"transform": "Orientationd", "keys": ["image"], "axcodes": "RAS"},
        {
            "transform": "Spacingd",
            "keys": ["image"],
            "pixdim": [1.0, 1.0, 1.0],
            "min_pixdim": None,
            "max_pixdim": None,
        },
        {
            "transform": "ClipIntensityPercentilesd",
            "keys": ["image"],
            "lower": 0.5,
            "upper": 99.5,
            "channel_wise": True,
        },
        {"transform": "NormalizeIntensityd", "keys": ["image"], "channel_wise": True},
    ],
    (HIPPOCAMPUS, "postprocessing"): [
        {"transform": "SplitByPlaned", "keys": ["pred"], "spatial_axis": 1, "lower": 2, "upper": 1},
        {"transform": "RestoreGridd", "keys": ["pred"], "orig_keys": "image"},
    ],
    (HEAD_NECK, "preprocessing"): [
        {"transform": "Orientationd", "keys": ["image"], "axcodes": "RAS"},
        {"transform": "Lambdad", "keys": ["image"], "offset": 1024},
        {
            "transform": "Spacingd",
            "keys": ["image"],
            "pixdim": [4.0, 4.0, 2.5],
            "min_pixdim": [3.5, 3.5, 1.9],
            "max_pixdim": [5.5, 5.5, 3.5],
        },
        {
            "transform": "CropForegroundd",
            "keys": ["image"],
            "source_key": "image",
            "above": -500,
            "margin": [2, 2, 2],
            "allow_smaller": True,
        },
        {"transform": "CopyItemsd", "keys": ["image"], "names": ["bone"]},
        *(
            {
                "transform": "ScaleIntensityRanged",
                "keys": [key],
                "a_min": low,
                "a_max": high,
                "b_min": -2,
                "b_max": 2,
                "clip": True,
            }
            for key, low, high in (("image", -160, 240), ("bone", -200, 1600))
        ),
        {"transform": "ConcatItemsd", "keys": ["image", "bone"], "name": "image"},
        {"transform": "DeleteItemsd", "keys": ["bone"]},
    ],
    (HEAD_NECK, "postprocessing"): [
        {"transform": "KeepLargestComponentsd", "keys": ["pred"], "applied_labels": [1, 2, 3, 4, 5]},
        {"transform": "RestoreGridd", "keys": ["pred"], "orig_keys": "image"},
    ],
}


@pytest.mark.parametrize(("bundle", "place"), STEPS, ids=lambda one: getattr(one, "name", one))
def test_steps_are_what_the_configs_say(bundle: Path, place: str):
    assert described_steps(Bundle(bundle, device="cpu").parser, place, "a config") == STEPS[bundle, place]


def test_a_disabled_step_is_left_out_and_a_change_is_taken():
    bundle = Bundle(HIPPOCAMPUS, device="cpu", divide_by_plane=False, spacing=[2, 2, 3])
    assert [step["transform"] for step in described_steps(bundle.parser, "postprocessing", "")] == ["RestoreGridd"]
    assert described_steps(bundle.parser, "preprocessing", "")[1]["pixdim"] == [2, 2, 3]


def steps_of(*transforms: Any, place: str = "preprocessing", **settings: Any) -> list[dict[str, Any]]:
    parser = ConfigParser({**settings, place: {"_target_": "Compose", "transforms": list(transforms)}})
    return described_steps(parser, place, "bundle/inference.json")


def one(target: str, /, **arguments: Any) -> dict[str, Any]:
    return {"_target_": target, "keys": "image", **arguments}


SPACING = {"pixdim": [1, 1, 1], "dtype": "$torch.float32"}
WINDOW = {"a_min": 0, "a_max": 1, "b_min": 0, "b_max": 1}
REFUSED = [
    (one("Rand3DElasticd"), "the transform Rand3DElasticd, which the page does not have"),
    (one("theirs.Orientationd", axcodes="RAS"), "the transform theirs.Orientationd, which the page does not have"),
    (one("Invertd", transform="@preprocessing"), "Invertd"),
    (one("Orientationd", axcodes="RAS", colour="red"), r"\(Orientationd\) has the argument colour"),
    (one("Orientationd", axcodes="RR"), "has axcodes 'RR'; the page takes a letter for each"),
    (one("Orientationd", axcodes="RAS", lazy=True), "has lazy True; the page takes False only"),
    (one("Orientationd"), "has no axcodes, which the page needs"),
    (one("Spacingd", pixdim=[1, 1, 1]), "has dtype 'float64', its default; the page takes float32 only"),
    (one("Spacingd", **SPACING, mode="nearest"), "has mode 'nearest'; the page takes 'bilinear' only"),
    (one("Spacingd", **SPACING, padding_mode="zeros"), "has padding_mode 'zeros'"),
    *((one("Spacingd", **SPACING, **{name: True}), name) for name in ("align_corners", "diagonal", "scale_extent")),
    (one("Spacingd", **{**SPACING, "pixdim": [1, 1]}), "three lengths over 0"),
    (one("Spacingd", **{**SPACING, "pixdim": None}), "three lengths over 0"),
    (one("Lambdad", func="$lambda x: x - 1024"), r"has func '\$lambda x: x - 1024'; the page takes"),
    (one("Lambdad", func="$lambda x: x - 1024 if x.min() >= 1 else x"), "has func"),
    (one("Lambdad", func="$lambda x: x - 1024 if y.min() >= 0 else x"), "has func"),
    (one("Lambdad", func="$lambda x: x - @word if x.min() >= 0 else x"), "with a number"),
    (one("CropForegroundd", source_key="image", select_fn="$lambda x: x >= -500"), "has select_fn"),
    (one("CropForegroundd", source_key="image", select_fn="$lambda x: x > -500 + 1"), "has select_fn"),
    (one("CropForegroundd", source_key="image", channel_indices=[0]), "channel_indices"),
    (one("CropForegroundd", source_key="image", k_divisible=[8, 8, 1]), "k_divisible"),
    (one("CropForegroundd", source_key="image", constant_values=3), "the argument constant_values"),
    (one("CopyItemsd", names=["a", "b"], times=2), "times 2"),
    (one("ScaleIntensityRanged", **{**WINDOW, "b_min": None}), "has b_min None; the page takes a number only"),
    (one("ConcatItemsd", name="image", dim=1), "dim 1"),
    (one("ClipIntensityPercentilesd", lower=1, upper=99, sharpness_factor=10.0), "sharpness_factor"),
    (one("NormalizeIntensityd", nonzero=True), "nonzero True"),
    (one("NormalizeIntensityd", subtrahend=[1.0]), "subtrahend"),
    (one("EnsureTyped", dtype="$torch.float16"), "has dtype torch.float16; the page takes float32 only"),
    (one("monai_mobileunet.transforms.LoadImaged", reader={"_target_": "PILReader"}), "has reader"),
    (one("Orientationd", axcodes="RAS", _mode_="partial"), "the argument _mode_"),
    ("$lambda data: data", "written out in the config"),
]


@pytest.mark.parametrize(("transform", "named"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_the_page_does_not_know_is_refused_by_name(transform: Any, named: str):
    with pytest.raises(DataError, match=rf"^bundle/inference\.json: preprocessing#transforms#1.*{named}"):
        steps_of(one("EnsureTyped"), transform, word="many")


@pytest.mark.parametrize(
    ("place", "transform", "offered"),
    [
        (
            "preprocessing",
            one("monai_mobileunet.transforms.KeepLargestComponentsd", applied_labels=[1]),
            "Orientationd",
        ),
        ("preprocessing", one("monai_mobileunet.transforms.Probabilitiesd"), "Orientationd"),
        ("postprocessing", one("Orientationd", axcodes="RAS"), "KeepLargestComponentsd"),
        ("postprocessing", one("EnsureChannelFirstd"), "KeepLargestComponentsd"),
    ],
)
def test_a_transform_of_the_other_pipeline_is_refused(place: str, transform: dict[str, Any], offered: str):
    name = transform["_target_"].rpartition(".")[2]
    problem = rf"{place}#transforms#0 is the transform {name}, which the page does not have in the {place}\."
    with pytest.raises(DataError, match=rf"{problem} Use one of {offered}, "):
        steps_of(transform, place=place)


def test_a_refusal_says_what_to_do():
    with pytest.raises(DataError, match=r"Change nonzero, or segment with mobileunet segment, which takes every"):
        steps_of(one("NormalizeIntensityd", nonzero=True))


def test_what_is_written_in_other_ways_means_the_same():
    settings = {
        "where": "$lambda value:  value>1.5e2",
        "added": 8,
        "shared": [one("monai.transforms.CropForegroundd", source_key="image", select_fn="@where", margin=[1, 2, 3])],
        "more": {"_target_": "Compose", "transforms": "@shared"},
    }
    taken_off = one("Lambdad", func="$lambda x: x - @added if x.min() >= 0 else x")
    disabled = one("Rand3DElasticd", _disabled_="true")
    steps = steps_of("@more", taken_off, disabled, one("SaveImaged", anything=1), **settings)
    assert [step["transform"] for step in steps] == ["CropForegroundd", "Lambdad"]
    assert (steps[0]["above"], steps[0]["margin"], steps[0]["allow_smaller"]) == (150, [1, 2, 3], False)
    assert steps[1]["offset"] == 8


@pytest.mark.parametrize("name", [*PAGE_TRANSFORMS, *WITHOUT_STEP])
def test_arguments_are_those_of_the_transform(name: str):
    transform = getattr(monai.transforms, name, None) or getattr(ours, name, None) or getattr(of_bundles, name)
    known = inspect.signature(transform.__init__).parameters
    row = {**PAGE_TRANSFORMS, **WITHOUT_STEP}[name]
    assert row.keys() <= known.keys()
    for argument, one in row.items():
        required = known[argument].default is inspect.Parameter.empty
        assert not required or one.default is ABSENT or one is ANYTHING, f"{argument} has to be given"
