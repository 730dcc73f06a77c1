# ruff: noqa: E501 (a row each)
"""What a plan takes from another bundle, and what stands in the way: a row each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from conftest import BUNDLES, HIPPOCAMPUS
from made import ct, fingerprint, organ

from monai_mobileunet.planning import Plan, Setting
from monai_mobileunet.planning.fingerprint import Fingerprint
from monai_mobileunet.planning.planner import decisions
from monai_mobileunet.planning.rules import Options, Source, as_plan, decide

HEAD_NECK = next(bundle for bundle in BUNDLES if "ct" in bundle.name.split("_"))
MR, CT = (Source(bundle.name, decisions(Plan.read(bundle))) for bundle in (HIPPOCAMPUS, HEAD_NECK))
CROPPED = {"shape": (35, 50, 36), "classes": {"nucleus": organ(size_mm=(9.0,) * 3, extent_mm=(16.0, 18.0, 20.0))}}
LARGE = {"shape": (60, 60, 60), "classes": {"cyst": organ(extent_mm=(50.0,) * 3)}}
PAROTIDS = {"left": organ(side=0.3), "right": organ(side=0.7)}
STORED = {"lowest": (0.0,), "foreground": ((960.0, 1000.0, 1060.0, 1300.0, 2600.0),)}
HEAD = ct(spacing=(4.0, 4.0, 2.5), shape=(128, 128, 100), **STORED)
TWO = {"channels": 2, "lowest": (0.0, 0.0), "percentiles": ((0.0,) * 5,) * 2, "foreground": ((0.0,) * 5,) * 2}
SLICED = replace(fingerprint(known_slices=(30, 12, 40), runs=(1, 12, 1)), annotated_slices_only=True)
PICTURES = {"in_pixels": True, "shape": (48, 40, 1)}
STACK = {"spacing": (1.5, 1.5, 10.0), "shape": (60, 60, 9)}
T1_T2, T2_T1 = (replace(fingerprint(**TWO), channel_names=names) for names in (("T1", "T2"), ("t2", "t1")))


def planned(data: Fingerprint, **changes: Any) -> Source:
    """A bundle of these data, to start from."""
    return Source("theirs", decide(data).decided, **changes)


ROWS: list[tuple[str, Source, Fingerprint, dict[str, Any], Any, str]] = [
    ("variant", MR, fingerprint(), {}, "mobileunet_fine_large", "Inherited from hippocampus_mri_segmentation."),
    ("variant", MR, fingerprint(), {"overrides": {"variant": "mobileunet_tiny"}}, "mobileunet_tiny", "Set by the user"),
    ("planes", MR, fingerprint(**CROPPED), {}, ["axial"], "Inherited from hippocampus_mri_segmentation."),
    ("planes", MR, fingerprint(spacing=(4.0, 1.0, 1.0)), {}, ["sagittal"], "slices of the data are sagittal, its own were axial"),
    ("planes", MR, fingerprint(shape=(200, 1, 120)), {}, ["coronal"], "slices of the data are coronal"),
    ("planes", MR, fingerprint(), {"planes": ("coronal",)}, ["coronal"], "planes were asked for"),
    ("planes", MR, SLICED, {}, ["coronal"], "coronal slices were annotated, its own were axial"),
    ("spacing", MR, fingerprint(spacing=(1.2, 1.2, 1.2)), {}, [1.0, 1.0, 1.0], "Inherited"),
    ("spacing", MR, fingerprint(spacing=(2.0, 2.0, 2.0)), {}, [2.0, 2.0, 2.0], "median voxels are 2×2×2 mm, its own 1×1×1 mm"),
    ("spacing", MR, fingerprint(), {"spacing": (0.9, 0.9, 0.9)}, [0.9, 0.9, 0.9], "a spacing was asked for"),
    ("spacing", MR, fingerprint(), {"planes": ("coronal",)}, [1.0, 1.0, 1.0], "the planes are others"),
    ("finest_spacing", CT, fingerprint(modality="CT", **HEAD), {}, [3.5, 3.5, 1.9], "Inherited"),
    ("finest_spacing", MR, fingerprint(**STACK), {}, None, ""),
    ("context", MR, fingerprint(), {}, 5, "Inherited"),
    ("context", MR, fingerprint(**STACK), {}, 1, "slices are 6.67 times as thick"),
    ("context", MR, fingerprint(shape=(200, 200, 1)), {}, 0, "a single slice"),
    ("out_slices", MR, fingerprint(), {"overrides": {"context": 1}}, 1, "context is another"),
    ("out_slices", MR, SLICED, {}, 1, "it segments 5 slices at once, and single ones were annotated"),
    ("out_step", MR, fingerprint(), {}, 3, "Inherited"),
    ("out_step", MR, fingerprint(), {"overrides": {"out_slices": 1}}, 1, "out_slices is another"),
    ("roi_size", MR, fingerprint(**CROPPED), {}, [48, 40], "Inherited"),
    ("roi_size", MR, fingerprint(**LARGE), {}, [64, 64], "cyst spans 50 pixels, its windows 48×40"),
    ("roi_size", CT, fingerprint(shape=(20, 20, 20), classes={"dot": organ(extent_mm=(5.0,) * 3)}), {"spacing": (4.0, 4.0, 4.0)}, [16, 16], "slices have 5×5 pixels"),
    ("window", CT, fingerprint(), {"overrides": {"roi_size": [128, 96]}}, [160, 128], "windows of the training have 128×96"),
    ("window", MR, fingerprint(), {"overrides": {"roi_size": [128, 96]}}, [160, 128], "roi_size is another"),
    ("image", CT, fingerprint(), {}, {"format": "magnitude", "modality": "MR", "value_range": [-5, 5]}, "the data are MR, its own were CT"),
    ("windows", CT, fingerprint(modality="CT", **HEAD), {}, [[-160, 240], [-200, 1600]], "Inherited"),
    ("windows", CT, fingerprint(), {}, None, ""),
    ("windows", CT, fingerprint(modality="CT", lowest=(0.0,)), {}, None, ""),
    ("image_channels", CT, fingerprint(modality="CT", **HEAD), {}, 2, "Inherited"),
    ("image_channels", MR, fingerprint(**TWO), {}, 2, "the data have 2 channels, its own had 1"),
    ("image_channels", CT, fingerprint(modality="CT", **HEAD), {"overrides": {"windows": [[0, 80]]}}, 1, "windows was set by the user"),
    ("channel_names", planned(T1_T2), T2_T1, {}, ["t2", "t1"], "the data have the channels t2, t1, its own had T1, T2"),
    ("image_transforms", planned(T1_T2), T2_T1, {}, decide(T2_T1)["image_transforms"], "Not inherited from theirs: the data have the channels"),
    ("channel_names", planned(T1_T2), fingerprint(**TWO), {}, ["T1", "T2"], "Inherited"),
    ("channel_names", planned(fingerprint(**TWO)), T2_T1, {}, ["t2", "t1"], "it has no names of channels"),
    ("image_transforms", planned(fingerprint(**TWO)), T2_T1, {}, decide(T2_T1)["image_transforms"], "Inherited"),
    ("spacing", MR, fingerprint(**PICTURES), {}, [1.0, 1.0, 1.0], "Not inherited from hippocampus_mri_segmentation: pictures tell no mm."),
    ("finest_spacing", MR, fingerprint(**PICTURES), {}, None, ""),
    ("spacing", planned(fingerprint(**PICTURES), in_pixels=True), fingerprint(**PICTURES), {}, [1.0, 1.0, 1.0], "Inherited"),
    ("spacing", planned(fingerprint(in_pixels=True, shape=(2048, 2048, 1)), in_pixels=True), fingerprint(**PICTURES), {}, [1.0, 1.0, 1.0], "1×1 pixels of these pictures are joined to one, 1.8×1.8 of its own"),
    ("spacing", planned(fingerprint(**PICTURES), in_pixels=True), fingerprint(shape=(48, 40, 1)), {}, [1.0, 1.0, 1.0], "its own were pictures"),
    ("learning_rate", MR, fingerprint(), {}, 0.003, "a third of it learned less"),
    ("class_names", MR, fingerprint(classes=PAROTIDS), {}, ["left", "right"], "By their numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "source", "data", "options", "value", "said"), ROWS)
def test_what_is_inherited(
    name: str, source: Source, data: Fingerprint, options: dict[str, Any], value: Any, said: str
):
    known = decide(data, Options(source=source, **options))
    assert known[name] == value if name in known.decided else value is None
    assert value is None or said in known.decided[name].reason
    as_plan(known)


def test_intensities_on_another_grid_are_resampled_as_the_rule_has_it():
    def grid(**options: Any) -> dict[str, Any]:
        steps = decide(fingerprint(modality="CT", **HEAD), Options(source=CT, **options))["image_transforms"]
        assert len(steps) == len(CT["image_transforms"])
        return next(step for step in steps if step["_target_"].endswith("Spacingd"))

    assert grid()["min_pixdim"] == "@finest_spacing"
    assert "min_pixdim" not in grid(spacing=(3.0, 3.0, 3.0))


def test_settings_come_with_the_transforms_that_refer_to_them():
    step = {"_target_": "ScaleIntensityd", "keys": "image", "factor": "@gain"}
    transforms = MR.decided["image_transforms"]
    changed = {"image_transforms": replace(transforms, value=[*transforms.value, step]), "gain": Setting(3, "Scanner.")}
    settings = as_plan(decide(fingerprint(), Options(source=Source("scanner", {**MR.decided, **changed})))).settings
    assert (settings["gain"].value, "whose transforms refer to it" in settings["gain"].reason) == (3, True)
    assert "divide_by_plane" not in settings, "of the classes there"
