"""The bundle run as its users run it: processes of ``python -m monai.bundle``, from another folder."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from conftest import FRAGMENTS, ONE_THREAD, PROJECT, RunBundle, head_and_tail

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.training_range import TrainingRange, measure_range
from monai_mobileunet.cohort.options import SegmentOptions
from monai_mobileunet.cohort.prepared import prepare_images
from monai_mobileunet.networks import create_network
from monai_mobileunet.planning import Plan, write_bundle_files

QUICK = {"train#trainer#max_epochs": 1, "val_interval": 1, "fold": 0, "folds": 3, "subject_of": "$None"}


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What a run that ended in words said."""
    assert done.stderr.count("error: ") == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "ailed to instantiate" not in done.stderr
    return done.stderr.split("error: ")[1]


def epochs(output: str) -> list[str]:
    """``1/2`` and so on, of the lines that a training writes."""
    return re.findall(r" epoch (\d+/\d+):", output)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def run_warnings(bundle: Path, dataset: Path) -> tuple[str, ...]:
    """What ``mobileunet segment`` says of the bundle before the first image."""
    options = SegmentOptions(source=dataset / "imagesTr", output=bundle.parent / "segmented", bundle=bundle)
    return prepare_images(options).warnings


@pytest.mark.parametrize(
    "run_id",
    [
        pytest.param("training", id="training"),
        pytest.param(None, id="without an id", marks=pytest.mark.slow),
        pytest.param("", id="as MONAI Label does", marks=pytest.mark.slow),
    ],
)
def test_it_trains_once_and_leaves_everything_in_the_bundle(
    bundle_copy: Path, toy_dataset: Path, run_bundle: RunBundle, run_id
):
    done = run_bundle(bundle_copy / "configs" / "train.json", run_id=run_id, dataset_dir=toy_dataset, **QUICK)
    assert epochs(done.stdout) == ["1/1"], "one training, not two"
    assert done.stderr == "", "a bar is for terminals"
    said = re.sub(r"(?m)^[0-9-]* ?[0-9:,]+ (- )?[A-Z]+ (- )?", "", done.stdout).splitlines()
    assert said[0].startswith("Setting logging properties"), "what MONAI says before it has read how it is to speak"
    assert "calls the classes head, tail" in said[1]
    others = [line for line in said[2:] if "calls the classes head, tail" not in line]  # each reading of the list warns
    assert others[:2] == ["checking the files of 6 cases", f"training of {bundle_copy.name}"], "all files in one go"
    assert said[-2].startswith(f"next: mobileunet evaluate {toy_dataset} --bundle {bundle_copy} --part validation")

    weights = torch.load(bundle_copy / "models" / "model.pt", weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in weights.values()), "a plain state dict"
    checkpoint = torch.load(bundle_copy / "models" / "last_checkpoint.pt", weights_only=True)
    assert set(checkpoint) == {"model", "optimizer", "lr_scheduler", "trainer", "best"}

    output = bundle_copy / "eval"
    row = rows(output / "curve.csv")[0]
    assert 0 <= float(row["val_mean_dice"]) <= 1
    assert {"anterior", "posterior", "loss", "learning_rate", "seconds"} <= set(row)
    assert (output / "curve.png").stat().st_size > 1000
    assert epochs((output / "training.log").read_text()) == ["1/1"]
    assert list(output.glob("events.out.tfevents.*"))
    per_case = rows(output / "val_dice_per_class_raw.csv")
    assert len(per_case) == 2
    assert all("toy_" in row["filename"] for row in per_case)
    assert not list((bundle_copy.parent / "elsewhere").iterdir()), "nothing lands in the working directory"
    assert run_warnings(bundle_copy, toy_dataset) == ()
    metadata = json.loads((bundle_copy / "configs" / "metadata.json").read_text())
    assert metadata["training"]["cases"] == metadata["training_data"]["cases"] == 4
    assert metadata["training"]["label_names"] == ["head", "tail"]
    scores = {name: pytest.approx(float(row[name]), abs=1e-4) for name in ("anterior", "posterior")}
    assert metadata["eval_metrics"]["dice"] == scores
    assert metadata["eval_metrics"].keys() == {"dice", "measured_on"}
    assert "Decathlon" not in metadata["data_source"]


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param("mobilenetv1_unet", marks=pytest.mark.slow),
        "mobilenetv2_unet",
        pytest.param("mobilenetv2_unet_transposed", marks=pytest.mark.slow),
    ],
)
def test_each_network_of_the_literature_trains_by_one_override(
    bundle_copy: Path, toy_dataset: Path, run_bundle: RunBundle, variant: str
):
    overrides = {"dataset_dir": toy_dataset, "subject_of": "$None", "network_def#variant": variant}
    train = bundle_copy / "configs" / "train.json"
    done = run_bundle(train, FRAGMENTS / "smoke.json", run_id="training", **overrides)
    assert epochs(done.stdout) == ["1/1"]
    weights = torch.load(bundle_copy / "eval" / "smoke" / "models" / "model.pt", weights_only=True)
    assert set(weights) == set(create_network(variant).state_dict())


def test_from_two_folders_with_smoke_and_amp_then_resumed(bundle_copy: Path, own_dataset: Path, run_bundle: RunBundle):
    (own_dataset / "dataset.json").unlink()
    train = bundle_copy / "configs" / "train.json"
    data = {"dataset_dir": own_dataset, "subject_of": "$None"}
    done = run_bundle(train, FRAGMENTS / "smoke.json", FRAGMENTS / "amp.json", run_id="training", **data)
    assert epochs(done.stdout) == ["1/1"]
    smoke = bundle_copy / "eval" / "smoke"
    assert (smoke / "models" / "model.pt").is_file()
    assert not (bundle_copy / "models" / "model.pt").exists(), "a smoke test leaves the bundle's model alone"
    shipped = PROJECT / "bundles" / bundle_copy.name / "configs" / "metadata.json"
    assert (bundle_copy / "configs" / "metadata.json").read_bytes() == shipped.read_bytes(), "and what is told of it"
    best = torch.load(smoke / "models" / "last_checkpoint.pt", weights_only=True)["best"]

    done = run_bundle(
        train,
        FRAGMENTS / "smoke.json",
        FRAGMENTS / "resume.json",
        run_id="training",
        **data,
        **{"train#trainer#max_epochs": 2},
    )
    assert epochs(done.stdout) == ["2/2"], "it goes on where it stopped"
    better = checkpoint_of(smoke)["best"]["_saved"][-1][0] > best["_saved"][-1][0]
    assert ("(best)" in done.stdout) == better, "the best of all epochs, not of those since"
    assert [row["epoch"] for row in rows(smoke / "curve.csv")] == ["1", "2"]
    checkpoint = checkpoint_of(smoke)
    assert checkpoint["best"]["_saved"][-1][0] >= best["_saved"][-1][0], "the best score is remembered"
    assert checkpoint["trainer"]["iteration"] == 2 * best_iterations(smoke)

    done = run_bundle(
        train,
        FRAGMENTS / "smoke.json",
        FRAGMENTS / "resume.json",
        run_id="training",
        expect=1,
        **data,
        **{"train#trainer#max_epochs": 2},
    )
    assert "last_checkpoint.pt: has 2 epochs behind it; --train#trainer#max_epochs is 2" in one_sentence(done)


def checkpoint_of(folder: Path) -> dict:
    return torch.load(folder / "models" / "last_checkpoint.pt", weights_only=True)


def best_iterations(folder: Path) -> int:
    """Iterations of one epoch: four training volumes make one batch."""
    return checkpoint_of(folder)["trainer"]["epoch_length"]


@pytest.mark.slow
def test_cross_validation_and_fast_give_every_fold_a_folder(
    bundle_copy: Path, toy_dataset: Path, run_bundle: RunBundle
):
    """Fold k of n by an override, evaluated with the same fragment."""
    configs = bundle_copy / "configs"
    shared = {"dataset_dir": toy_dataset, "folds": 3, "subject_of": "$None"}
    run_bundle(
        configs / "train.json",
        FRAGMENTS / "fast.json",
        FRAGMENTS / "cross_validation.json",
        run_id="training",
        **shared,
        **{"fold": 2, "train#trainer#max_epochs": 1},
    )
    folder = bundle_copy / "eval" / "fold_2"
    trained_on = {Path(row["filename"]).name for row in rows(folder / "val_dice_per_class_raw.csv")}
    assert (folder / "models" / "model.pt").is_file()

    done = run_bundle(
        configs / "train.json", configs / "evaluate.json", FRAGMENTS / "cross_validation.json", **shared, fold=2
    )
    assert "mean Dice" in done.stdout
    evaluated = rows(folder / "val_dice_per_class_raw.csv")
    assert {Path(row["filename"]).name for row in evaluated} == trained_on
    assert float(rows(folder / "curve.csv")[0]["anterior"]) == pytest.approx(
        sum(float(row["class0"]) for row in evaluated) / len(evaluated), abs=1e-4
    ), "evaluation finds the score that training noted"


def test_on_real_volumes_it_trains_and_validates(bundle_copy: Path, hippocampus_data: Path, run_bundle: RunBundle):
    train = bundle_copy / "configs" / "train.json"
    done = run_bundle(train, FRAGMENTS / "smoke.json", run_id="training", dataset_dir=hippocampus_data)
    assert epochs(done.stdout) == ["1/1"]
    per_case = rows(bundle_copy / "eval" / "smoke" / "val_dice_per_class_raw.csv")
    assert len(per_case) == 4
    assert all("hippocampus_" in row["filename"] for row in per_case)


def break_missing_label(folder: Path) -> str:
    (folder / "labelsTr" / "toy_003.nii.gz").unlink()
    return "labelsTr/toy_003.nii.gz: listed in dataset.json, but missing. Restore it, or remove it from the list."


def break_orphan(folder: Path) -> str:
    (folder / "dataset.json").unlink()
    (folder / "labelsTr" / "toy_004.nii.gz").unlink()
    return "imagesTr/toy_004.nii.gz: image without a label. Add labelsTr/toy_004.nii.gz"


def break_empty(folder: Path) -> str:
    (folder / "dataset.json").unlink()
    for path in [*(folder / "imagesTr").iterdir(), *(folder / "labelsTr").iterdir()]:
        path.unlink()
    return "imagesTr: no images."


def break_truncated(folder: Path) -> str:
    for path in (folder / "imagesTr").iterdir():
        path.write_bytes(path.read_bytes()[:1500])
    return "cannot be read (EOFError"


def break_label_value(folder: Path) -> str:
    for entry in json.loads((folder / "dataset.json").read_text())["training"]:
        path = folder / entry["label"]
        array = np.asarray(nibabel.load(path).dataobj).copy()
        array[0, 0, 0] = 9
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)
    return "has label values 9; expected 0 to 2."


@pytest.mark.parametrize(
    "break_it",
    [
        break_missing_label,
        pytest.param(break_orphan, marks=pytest.mark.slow),
        pytest.param(break_empty, marks=pytest.mark.slow),
        break_truncated,
        break_label_value,
    ],
    ids=lambda function: function.__name__.removeprefix("break_"),
)
def test_bad_data_end_it_with_one_clear_error_before_the_first_epoch(
    bundle_copy: Path, own_dataset: Path, run_bundle: RunBundle, break_it
):
    expected = break_it(own_dataset)
    done = run_bundle(
        bundle_copy / "configs" / "train.json", run_id="training", expect=1, dataset_dir=own_dataset, **QUICK
    )
    assert expected in done.stderr
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr
    assert epochs(done.stdout) == []
    assert not (bundle_copy / "models" / "model.pt").exists()


def test_a_bundle_trained_for_other_classes_describes_them(bundle_copy: Path, own_dataset: Path, run_bundle: RunBundle):
    """Refused with what to type; and typed, the bundle's files agree with each other and with the weights."""
    index = own_dataset / "dataset.json"
    names = ["right ventricle", "myocardium", "left ventricle"]
    labels = {"0": "background", **{str(number): name for number, name in enumerate(names, 1)}}
    index.write_text(json.dumps({**json.loads(index.read_text()), "name": "Hearts", "labels": labels}))
    train = bundle_copy / "configs" / "train.json"
    refused = run_bundle(train, run_id="training", expect=1, dataset_dir=own_dataset, **QUICK)
    typed = "['right ventricle','myocardium','left ventricle']"
    assert f'--num_classes 4 --class_names "{typed}"' in one_sentence(refused)
    assert not (bundle_copy / "models" / "model.pt").exists()

    changed = {"num_classes": 4, "class_names": typed, "context": 1, "out_slices": 1, "out_step": 1}
    run_bundle(train, run_id="training", dataset_dir=own_dataset, **QUICK, **changed)
    assert run_warnings(bundle_copy, own_dataset) == ()
    bundle = Bundle(bundle_copy, device="cpu")
    assert bundle.class_names == tuple(names)
    assert bundle.load_network()(torch.zeros(1, 3, 16, 16)).shape[1] == 4
    assert bundle.parser["divide_by_plane"] is False, "that holds for the parts of the hippocampus"
    assert "hippocamp" not in json.dumps(bundle.metadata).casefold()
    assert json.loads(train.read_text())["class_names"] == names
    assert bundle.metadata["data_source"] == "Hearts"
    assert bundle.metadata["network_data_format"]["inputs"]["image"]["num_channels"] == 3

    plan = Plan.read(bundle_copy)
    assert (plan.class_names.value, plan.context.value, plan.texts.value["data_source"]) == (names, 1, "Hearts")
    assert plan.context.reason.startswith("Set for the training of 20")
    assert write_bundle_files(bundle_copy) == [], "the plan still describes what lies there"

    cases = bundle.cases(own_dataset, "training", overrides={"folds": 3, "subject_of": None})
    images, labels = ([case[key] for case in cases] for key in ("image", "label"))
    measured = measure_range(images, bundle.preprocessing, "MR", labels, len(bundle.class_names) + 1)
    assert TrainingRange.of(bundle.metadata) == TrainingRange.of({"training_data": measured})


def test_a_full_disk_leaves_the_old_checkpoint_and_says_how_to_go_on(
    bundle_copy: Path, toy_dataset: Path, run_bundle: RunBundle
):
    configs, folder = bundle_copy / "configs", bundle_copy / "models"
    run_bundle(configs / "train.json", run_id="training", dataset_dir=toy_dataset, **QUICK)
    before = (folder / "last_checkpoint.pt").read_bytes()
    files = f"['{configs / 'train.json'}','{FRAGMENTS / 'resume.json'}']"
    overrides = {**QUICK, "dataset_dir": toy_dataset, "train#trainer#max_epochs": 2}
    command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "run", "training", "--config_file", files]
    command += [word for key, value in overrides.items() for word in (f"--{key}", str(value))]
    limited = ["bash", "-c", f'ulimit -f {len(before) // 2048}; exec "$@"', "bash", *command]  # units of 1024 bytes
    done = subprocess.run(limited, capture_output=True, text=True, timeout=600, env=ONE_THREAD)
    assert done.returncode == 1, done.stderr
    said = one_sentence(done)
    assert said.startswith(f"{folder / 'last_checkpoint.pt'}: cannot be written (File too large).")
    assert "type the same command with configs/resume.json" in said
    assert (folder / "last_checkpoint.pt").read_bytes() == before
    assert not list(folder.glob(".*")), "no half of a file is left"


def test_a_ct_of_air_ends_it_before_the_first_epoch(tmp_path: Path, run_bundle: RunBundle):
    bundle = Path(
        shutil.copytree(
            PROJECT / "bundles" / "head_neck_oar_ct_segmentation",
            tmp_path / "ct",
            ignore=shutil.ignore_patterns("eval", "*.pt"),
        )
    )
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for index in range(4):
        image, label = head_and_tail(index)
        image = 20 * image - 1000 if index else np.full_like(image, -1000) + head_and_tail(9)[0] / 100
        for name, values in (("images", image.astype(np.float32)), ("labels", label)):
            nibabel.save(
                nibabel.Nifti1Image(values, np.diag([4, 4, 2.5, 1])), tmp_path / "data" / name / f"case_{index}.nii.gz"
            )
    done = run_bundle(
        bundle / "configs" / "train.json",
        run_id="training",
        expect=1,
        dataset_dir=tmp_path / "data",
        folds=2,
        **{"train#dataset#data#part": "all"},
    )
    said = one_sentence(done)
    assert said.startswith(f"{tmp_path / 'data' / 'images' / 'case_0.nii.gz'}: has nothing that the bundle's")
    assert epochs(done.stdout) == []
