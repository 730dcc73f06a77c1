"""A data set whose labels are nnU-Net's regions, from its files to the loss of its bundle and to its evaluation."""

from __future__ import annotations

import csv
import json
import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import nibabel
import numpy as np
import pytest
import torch
from made import fingerprint, measure_dataset, of_cases, organ
from monai.bundle import ConfigParser
from monai.networks.utils import one_hot
from typer.testing import CliRunner

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cli import app
from monai_mobileunet.cli.evaluate import _regions
from monai_mobileunet.data import DataError
from monai_mobileunet.losses import PartialDiceCELoss
from monai_mobileunet.planning import plan_dataset, write_bundle
from monai_mobileunet.planning.bundle_files import bundle_files
from monai_mobileunet.planning.fingerprint import Fingerprint
from monai_mobileunet.planning.planner import readme
from monai_mobileunet.planning.rules import Options
from monai_mobileunet.planning.rules.regions import METRICS

LABELS = {"background": 0, "tumor": [1, 2], "core": 2}
REGIONS = {"tumor": (1, 2), "core": (2,)}
NAMES = ("tumor without core", "core")
runner = CliRunner(env={"COLUMNS": "120"})


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """nnU-Net's raw layout with two channels; voxels to ignore are 3."""
    folder = tmp_path / "data"
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for case in range(3):
        label = np.zeros((32, 30, 6), np.uint8)
        label[8:24, 8 + case : 24, 1:5] = 1
        label[12:18, 12 : 18 + case, 2:4] = 2
        label[:, :3] = 3
        affine = np.diag([-1.0, -1.0, 3.0, 1.0])
        for channel in range(2):
            image = np.random.default_rng(case).normal(100 + 50 * label, 5).astype(np.float32)
            nibabel.save(nibabel.Nifti1Image(image, affine), folder / "imagesTr" / f"case{case}_{channel:04d}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(label, affine), folder / "labelsTr" / f"case{case}.nii.gz")
    content = {
        "channel_names": {"0": "FLAIR", "1": "T1w"},
        "labels": {**LABELS, "ignore": 3},
        "regions_class_order": [1, 2],
        "numTraining": 3,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


def test_regions_go_from_the_files_to_the_loss(dataset: Path, tmp_path: Path):
    measured = measure_dataset(dataset)
    assert (measured.class_names, measured.regions, measured.ignore) == (NAMES, REGIONS, 3)
    assert Fingerprint.from_json(json.loads(json.dumps(measured.as_json()))) == measured
    assert "regions" not in replace(measured, regions={}).as_json()
    plan = plan_dataset(measured, Options(overrides={"num_samples": 1, "variant": "mobileunet_small"}))
    assert (plan.settings["regions"].rule, plan.class_names.value) == ("regions_that_the_data_set_names", [*NAMES])
    assert "tumor is made of 'tumor without core' and 'core'" in plan.settings["regions"].reason
    assert "| regions | tumor [1, 2], core [2] | The labels of the data set are regions: " in readme(plan)
    write_bundle(plan, tmp_path / "bundle")
    assert Bundle(tmp_path / "bundle", device="cpu").regions == REGIONS

    parser = ConfigParser()
    parser.read_config(str(tmp_path / "bundle" / "configs" / "train.json"))
    parser.update({"device": "cpu", "bundle_root": str(tmp_path / "bundle"), "fold": 0, "folds": 3})
    get = parser.get_parsed_content
    batch = next(iter(get("train#dataloader")))
    assert set(batch["label"].unique().tolist()) == {0, 1, 2, 3}
    network, loss, optimizer = get("network"), get("loss"), get("optimizer")
    scores = network.train()(torch.as_tensor(batch["image"]))
    value = loss(scores, torch.as_tensor(batch["label"]))
    expected = PartialDiceCELoss(3, regions=[[1, 2], [2]])(scores, torch.as_tensor(batch["label"]))
    assert value.item() == expected.item() != PartialDiceCELoss(3)(scores, torch.as_tensor(batch["label"])).item()
    value.backward()
    optimizer.step()
    assert all(one.isfinite().all() for one in network.parameters())
    perfect = 20 * one_hot(torch.as_tensor(batch["label"]).clamp(max=2), 3)
    evaluator = get("validate#evaluator")
    evaluator.run()
    assert {"val_mean_dice", *NAMES, "tumor"} <= evaluator.state.metrics.keys()
    assert get("validate#metrics_saver").metrics == ("val_mean_dice", *NAMES, "tumor")
    assert evaluator.state.metric_details["val_dice_per_region"].shape == (len(get("validate#dataset")), 1)
    assert get("validate#metrics_saver").metric_details == ("val_dice_per_class", "val_dice_per_region")
    figures = {*get("validate#key_metric"), *get("validate#additional_metrics")}
    assert figures == {*METRICS}, "names that no region may have"
    assert loss(perfect, torch.as_tensor(batch["label"])).item() == pytest.approx(0, abs=1e-3)


def test_only_a_plan_of_regions_asks_for_their_loss():
    plain, fewer = fingerprint(), of_cases(*fingerprint().cases, regions={"all": (1, 2)})
    assert len(fewer.class_names) == 1, "as the user named them"
    assert not any("regions" in plan_dataset(one).settings for one in (plain, fewer))


def test_what_the_user_says_of_regions_is_held_to_the_classes(dataset: Path):
    measured = measure_dataset(dataset)
    without = bundle_files(plan_dataset(measured, Options(overrides={"regions": {}})))["configs/train.json"]
    assert "PartialDiceCELoss" in without, "for voxels to ignore"
    assert not any(word in without for word in ("RegionMasksd", "val_dice_per_region", "@regions.values()"))
    with pytest.raises(DataError, match="--class: the class 'tumor' has the name of the region of the classes 1 and 2"):
        plan_dataset(measure_dataset(dataset, class_names=("tumor", "rest")))


@pytest.mark.parametrize(
    ("regions", "said"),
    [
        ([1, 2], r"is \[1, 2\]; expected lists of class numbers by the names of regions"),
        (None, "is null; expected lists"),
        *(
            ({"x": numbers}, f"the region 'x' is {re.escape(json.dumps(numbers))}; expected a list of .* 1 to 2")
            for numbers in ([1, 7], [0, 1], ["a", "b"], 3, [1, 1], [], [1.0, 2], [True, 2])
        ),
        ({" ": [1, 2]}, "a region with the name ' '; expected a word"),
        ({"val_mean_dice": [1, 2]}, "the region 'val_mean_dice' has a name that is taken: val_mean_dice"),
        ({"p": [1, 2]}, "the class 'p' has the name of the region of the classes 1 and 2. Give the region another"),
        ({"q": [1]}, "the class 'q' has the name of the region of the class 1"),
        ({"core": [1, 2]}, ""),
        ({"p": [1], "whole": [2, 1]}, ""),
    ],
)
def test_regions_that_are_none_are_refused_wherever_they_are_set(regions: Any, said: str):
    names = ["p", "q"]
    data = replace(fingerprint(classes={name: organ() for name in NAMES}), regions=REGIONS)
    options = Options(overrides={"class_names": names})
    plan = plan_dataset(data, options)
    assert "tumor is made of 'p' and 'q'" in plan.settings["regions"].reason
    asked = replace(options, overrides={"class_names": names, "regions": regions})
    edited = replace(plan, settings={**plan.settings, "regions": replace(plan.settings["regions"], value=regions)})
    doors = {"--set regions": lambda: plan_dataset(data, asked), "plan.json": lambda: bundle_files(edited)}
    for place, door in doors.items():
        with pytest.raises(DataError, match=f"{place}: .*{said}") if said else nullcontext():
            door()


def test_names_of_classes_are_held_to_regions_and_regions_to_names_of_figures():
    data = replace(fingerprint(classes={name: organ() for name in NAMES}), regions=REGIONS)
    with pytest.raises(DataError, match="--set class_names: the class 'tumor' has the name of the region of"):
        plan_dataset(data, Options(overrides={"class_names": ["tumor", "rest"]}))
    with pytest.raises(DataError, match="/data/set: the region 'val_mean_dice' has a name that is taken"):
        plan_dataset(replace(data, regions={"val_mean_dice": (1, 2)}))


def test_a_bundle_measures_its_own_regions(dataset: Path):
    own, none = (cast(Bundle, SimpleNamespace(regions=regions)) for regions in ({"own": (1, 2)}, {}))
    found = [_regions(dataset, bundle, NAMES, by_user=False) for bundle in (None, own, none)]
    assert found == [{"tumor": (1, 2)}, {"own": (1, 2)}, {"tumor": (1, 2)}]
    with pytest.raises(DataError, match="--class: the class 'tumor' has the name of the region of the classes 1 and 2"):
        _regions(dataset, None, ("tumor", "rest"), by_user=True)


def test_regions_are_measured_beside_classes(dataset: Path, tmp_path: Path):
    preds, out = tmp_path / "preds", tmp_path / "out"
    preds.mkdir()
    for path in (dataset / "labelsTr").iterdir():
        drawn = nibabel.load(path)
        values = np.asarray(drawn.dataobj) % 3
        nibabel.save(nibabel.Nifti1Image(np.where(values == 2, 1, values), drawn.affine), preds / path.name)
    result = runner.invoke(app, ["evaluate", str(dataset), "--pred", str(preds), "-o", str(out), "--worst", "0"])
    assert result.exit_code == 0, result.output
    assert "(1, 2)" in result.output
    content = json.loads((out / "results.json").read_text())
    (region,) = content["regions"]
    assert (region["name"], region["made_of"], region["metrics"]["dice"]["mean"]) == ("tumor", [1, 2], 1)
    dice = [summary["metrics"]["dice"]["mean"] for summary in content["classes"]]
    assert dice[0] == pytest.approx(0.95, abs=0.05) != 1
    assert dice[1] == 0, "its voxels were drawn as the other class, which the region does not tell"
    assert content["cases"][0]["regions"]["tumor"]["outcome"] == "in both"
    for table in ("cases.csv", "classes.csv"):
        with (out / table).open(newline="") as file:
            assert [(row["class"], row["made_of"]) for row in csv.DictReader(file)][:3] == [
                *((name, "") for name in NAMES),
                ("tumor", "1 2"),
            ]
    page = (out / "report.html").read_text()
    assert "Classes and regions" in page
    assert "tumor <small>(classes 1, 2)</small>" in page
