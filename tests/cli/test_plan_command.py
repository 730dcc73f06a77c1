from __future__ import annotations

import json
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
from conftest import HIPPOCAMPUS
from typer.testing import CliRunner

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cli import app
from monai_mobileunet.cli.arguments import duration
from monai_mobileunet.data.datasets.naming import name_of
from monai_mobileunet.planning import Plan, probe
from monai_mobileunet.shipped import shipped_bundles

runner = CliRunner()


def flat(output: str) -> str:
    """The words of an output without the line breaks of the terminal."""
    return re.sub(r"\s+", " ", output)


def test_a_bundle_is_planned_explained_and_applied(toy_dataset: Path, tmp_path: Path):
    bundle = tmp_path / "toy"
    arguments = ["plan", str(toy_dataset), "-o", str(bundle), "--budget", "90s", "--set", "context=2", "--leave-out"]
    result = runner.invoke(app, [*arguments, "toy_006"])
    assert result.exit_code == 0, result.output
    lines = result.output.split("The training will")[0].splitlines()
    assert all(len(line) <= 80 for line in lines if "warning" not in line and str(bundle) not in line)
    for said in (
        "warning: There are 5 subjects",
        "The training will take about",
        f"python -m monai.bundle run training --config_file {bundle}/configs/train.json",
        f"mobileunet segment -i new_images -o masks -m {bundle}",
    ):
        assert said in flat(result.output)
    plan = Plan.read(bundle)
    assert plan.context.value == 2
    assert plan.settings["leave_out"].value == ["toy_006"]
    assert "the budget is 90 s" in plan.epochs.reason

    told = runner.invoke(app, ["plan", str(bundle), "--explain", "spacing"]).output
    assert "spacing = [1.0, 1.0, 1.0]" in told
    assert "rule: median_spacing" in told
    assert (
        "near" in told
        or "there are spacing" in runner.invoke(app, ["plan", str(bundle), "--explain", "spacings"]).output
    )

    assert "all files are as its plan says" in runner.invoke(app, ["plan", "--apply", str(bundle)]).output
    content = json.loads((bundle / "plan.json").read_text())
    content["epochs"]["value"] = 3
    (bundle / "plan.json").write_text(json.dumps(content))
    assert "train.json: written" in runner.invoke(app, ["plan", "--apply", str(bundle)]).output
    assert json.loads((bundle / "configs" / "train.json").read_text())["train"]["trainer"]["max_epochs"] == 3


def test_a_data_set_is_explained_without_a_bundle(toy_dataset: Path):
    image = toy_dataset / "imagesTr" / "toy_001.nii.gz"
    arguments = ["plan", str(toy_dataset), "--explain", "spacing", "--like", str(image)]
    assert "That of toy_001.nii.gz" in runner.invoke(app, arguments).output
    names = ["--class", "front", "--class", "back", "--explain", "class_names"]
    assert "['front', 'back']" in runner.invoke(app, ["plan", str(toy_dataset), *names]).output


def test_errors_that_check_finds_stop_it(own_dataset: Path, tmp_path: Path):
    (own_dataset / "labelsTr" / "toy_002.nii.gz").write_bytes(b"")
    result = runner.invoke(app, ["plan", str(own_dataset), "-o", str(tmp_path / "bundle")])
    assert result.exit_code == 1
    assert "toy_002.nii.gz: is empty" in flat(result.output)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Name the folder of a training set"),
        (["a"], "Name a new folder for the bundle"),
        (["a", "-o", "b", "--budget", "soon"], "no duration"),
        (["a", "-o", "b", "--spacing", "1,2"], "no spacing"),
        (["a", "-o", "b", "--spacing", "1", "--like", "c"], "Give one of"),
        (["a", "-o", "b", "--modality", "MRI"], "no modality of DICOM"),
        (["a", "-o", "b", "--planes", "diagonal"], "none of axial"),
        (["a", "-o", "b", "--set", "context"], "not id=value"),
    ],
)
def test_what_was_typed_wrongly(arguments: list[str], said: str):
    result = runner.invoke(app, ["plan", *arguments])
    assert result.exit_code == 2
    assert said in re.sub(r"[\s│╭╮╰╯─]+", " ", result.output)


def test_places_that_cannot_be_written_or_planned(toy_dataset: Path, tmp_path: Path):
    result = runner.invoke(app, ["plan", str(toy_dataset), "-o", str(HIPPOCAMPUS)])
    assert result.exit_code == 1
    assert "is a bundle with weights" in flat(result.output)
    assert runner.invoke(app, ["plan", str(tmp_path / "nothing"), "-o", str(tmp_path / "b")]).exit_code == 1
    result = runner.invoke(app, ["plan", "--apply", str(toy_dataset)])
    assert result.exit_code == 1
    assert "has no plan.json. Name a bundle that mobileunet plan wrote" in flat(result.output)
    result = runner.invoke(app, ["plan", str(toy_dataset), "-o", str(tmp_path / "b"), "--subject", "zzz(.)"])
    assert result.exit_code == 1
    assert "finds no subject in the names; there are toy_001" in flat(result.output)
    result = runner.invoke(app, ["plan", str(toy_dataset), "-o", str(tmp_path / "b"), "--from", "nosuch"])
    assert result.exit_code == 1
    assert "nosuch: no bundle" in flat(result.output)
    assert f"with --from, or one of {', '.join(shipped_bundles())}" in flat(result.output)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5h", 5400)])
def test_durations(text: str, seconds: float):
    assert duration(text) == seconds


def test_a_table_of_subjects_is_followed_by_the_bundle_and_its_evaluation(
    toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(probe, "measure_costs", lambda *_: {})
    table, bundle = tmp_path / "subjects.csv", tmp_path / "bundle"
    names = [f"toy_{number:03d}" for number in range(1, 7)]
    table.write_text("case,subject\n" + "".join(f"{name},s{number % 4}\n" for number, name in enumerate(names)))
    arguments = ["plan", str(toy_dataset), "-o", str(bundle), "--subjects", str(table), "--set"]
    result = runner.invoke(app, [*arguments, 'stratify_by={"head": ["toy_001", "toy_002"]}'])
    assert result.exit_code == 0, result.output
    assert "Of 6 cases of 4 subjects the 4 folds validate" in Plan.read(bundle).settings["folds"].reason
    train = json.loads((bundle / "configs" / "train.json").read_text())
    assert train["validate"]["dataset"]["data"]["stratify_by"] == "@stratify_by"
    opened = Bundle(bundle, device="cpu")
    folds = [{name_of(case) for case in opened.cases(toy_dataset, "validation", fold)} for fold in range(4)]
    assert sorted(name for fold in folds for name in fold) == names
    assert {"toy_001", "toy_005"} in folds, "both are of s0"
    assert not any({"toy_001", "toy_002"} <= fold for fold in folds), "each fold trains on a head"
    table.write_text("case,subject\ntoy_001,a\n")
    result = runner.invoke(app, ["plan", str(toy_dataset), "-o", str(tmp_path / "other"), "--subjects", str(table)])
    assert result.exit_code == 1
    assert "has no row for 5 of 6 cases: toy_002" in flat(result.output)


@pytest.mark.parametrize("gone", ["toy_003", "toy_004"])
def test_folds_without_a_case_are_those_that_the_plan_tells(
    toy_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
):
    monkeypatch.setattr(probe, "measure_costs", lambda *_: {})
    table, bundle = tmp_path / "subjects.csv", tmp_path / "bundle"
    names = [f"toy_{number:03d}" for number in range(1, 7)]
    table.write_text("case,subject\n" + "".join(f"{name},s{number % 4}\n" for number, name in enumerate(names)))
    arguments = ["plan", str(toy_dataset), "-o", str(bundle), "--subjects", str(table), "--leave-out", gone]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    opened = Bundle(bundle, device="cpu")
    folds = [[name_of(case) for case in opened.cases(toy_dataset, "validation", fold)] for fold in range(3)]
    assert sorted(name for fold in folds for name in fold) == [name for name in names if name != gone]
    sizes = ", ".join(f"{len(fold)} case{'s' if len(fold) > 1 else ''} of 1 subject" for fold in folds)
    said = f"Of 5 cases of 3 subjects the 3 folds validate {sizes}, and train on the others."
    assert said in Plan.read(bundle).settings["folds"].reason


def test_what_nobody_annotated_is_asked_for(own_dataset: Path):
    (own_dataset / "dataset.json").unlink()
    for path in (own_dataset / "labelsTr").iterdir():
        drawn = nibabel.load(path)
        values = np.asarray(drawn.dataobj).copy()
        values[0] = 255
        values[:, :, np.arange(values.shape[2]) % 5 > 0] = 0
        nibabel.save(nibabel.Nifti1Image(values, drawn.affine, drawn.header), path)
    command = ["plan", str(own_dataset), "--class", "head", "--class", "tail"]
    options = ["--ignore", "255", "--annotated-slices-only"]
    for name, said in (("ignore", "which 6 of 6 cases have"), ("planes", "across it 1 neighbouring ones have labels")):
        result = runner.invoke(app, [*command, *options, "--explain", name])
        assert said in flat(result.output), result.output
    refused = runner.invoke(app, [*command, "--explain", "ignore"])
    assert refused.exit_code == 1
    assert "If 255 marks voxels that nobody annotated, add --ignore 255" in flat(refused.output)
    refused = runner.invoke(app, [*command, "--ignore", "2", "--explain", "ignore"])
    assert refused.exit_code == 1
    assert "2 is the value of voxels that nobody annotated, and --class names it 'tail'" in flat(refused.output)
