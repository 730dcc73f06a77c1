"""Networks that teach and learn: scores into files, and a training that mixes them with the labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel
import pytest
import torch
from conftest import BUNDLES, FRAGMENTS, RunBundle
from monai.bundle import ConfigParser

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.losses import PartialDiceCELoss

QUICK = {"subject_of": "$None", "train#trainer#max_epochs": 1}


def taught(bundle: Path, **overrides: object) -> ConfigParser:
    """The training of a bundle with the fragment."""
    parser = ConfigParser()
    parser.read_config([bundle / "configs" / "train.json", FRAGMENTS / "teacher.json"])
    parser.update(overrides)
    return parser


@pytest.mark.parametrize("source", [*BUNDLES, "planned"], ids=lambda source: Path(source).name)
def test_the_windows_of_a_training_hold_the_scores_of_what_the_image_shows(source, request):
    parser = taught(request.getfixturevalue("planned_bundle") if source == "planned" else source)
    classes, outputs = parser["num_classes"], parser["out_slices"]
    channels = parser.get_parsed_content("image_channels")
    numbers = torch.arange(32 * 40 * 20).reshape(1, 32, 40, 20) // 2000 % classes
    scores = torch.nn.functional.one_hot(numbers[0], classes).movedim(-1, 0).float()
    scores = 0.8 * scores + 0.2 / classes
    drawn = parser.get_parsed_content("train#augmentation")
    drawn.set_random_state(1)
    image = numbers.float().expand(channels, -1, -1, -1)
    samples = drawn({"image": image, "label": scores})
    windows = [sample["label"] for sample in samples]
    expected = (classes, *([outputs] if outputs > 1 else []), *parser.get_parsed_content("roi_size"))
    assert {tuple(window.shape) for window in windows} == {expected}
    for window in windows:
        torch.testing.assert_close(torch.as_tensor(window.sum(0)), torch.ones(expected[1:]), atol=1e-4, rtol=0)
        assert window[1:].max() <= 0.801 + 0.2 / classes
    between = [((window[1:] > 0.25) & (window[1:] < 0.75)).any() for window in windows]
    assert any(between), "scores are turned linearly, and not rounded"
    for sample in samples:
        label = sample["label"].argmax(0).float()
        middle = label[outputs // 2] if outputs > 1 else label
        shown = sample["image"].unflatten(0, (-1, channels))
        shown = shown[len(shown) // 2, 0]
        inside = sample["label"].reshape(classes, outputs, *shown.shape)[:, outputs // 2].amax(0) < 0.99
        if middle[inside].std() > 0.3:
            assert torch.corrcoef(torch.stack([middle[inside], shown[inside]]))[0, 1] > 0.7


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_labels_alone_give_the_loss_that_the_bundle_has(bundle: Path):
    plain, parser = Bundle(bundle, device="cpu").parser, taught(bundle)
    plain.read_config(bundle / "configs" / "train.json")
    classes = parser["num_classes"]
    scores, label = torch.randn(4, classes, 16, 16), torch.randint(0, classes, (4, 1, 16, 16))
    one_hot = torch.nn.functional.one_hot(label[:, 0], classes).movedim(-1, 1).float()
    expected = PartialDiceCELoss(classes)(scores, label)
    torch.testing.assert_close(plain.get_parsed_content("loss")(scores, label), expected)
    torch.testing.assert_close(parser.get_parsed_content("loss")(scores, one_hot), expected)


def write_scores(bundle: Path, dataset: Path, folder: Path, run_bundle: RunBundle, *more: Path, **settings) -> Path:
    configs = (bundle / "configs" / "inference.json", *more)
    images = {"dataset_dir": dataset / "imagesTr", "output_dir": folder}
    run_bundle(*configs, argmax=False, **images, **settings)
    assert sorted(path.name for path in folder.glob("*.nii.gz")) == sorted(
        path.name for path in (dataset / "imagesTr").iterdir()
    )
    first = nibabel.load(min(folder.glob("*.nii.gz"))).get_fdata()
    assert first.shape[3:] == (3,)
    assert abs(first.sum(-1) - 1).max() < 1e-5
    return folder


def test_a_bundle_teaches_another(trained: Path, toy_dataset: Path, run_bundle: RunBundle, tmp_path: Path):
    teacher = write_scores(trained, toy_dataset, tmp_path / "teacher", run_bundle)
    fragments = [FRAGMENTS / "smoke.json", FRAGMENTS / "teacher.json"]
    student = {"dataset_dir": toy_dataset, "teacher_dir": teacher, **QUICK}
    done = run_bundle(trained / "configs" / "train.json", *fragments, run_id="training", **student)
    assert "epoch 1/1: loss" in done.stdout

    shutil.rmtree(teacher)
    teacher.mkdir()
    done = run_bundle(trained / "configs" / "train.json", *fragments, run_id="training", expect=1, **student)
    assert "has no scores of" in done.stderr
    assert "--argmax" in done.stderr


@pytest.mark.slow
def test_a_network_for_volumes_teaches_with_it(
    bundle_copy: Path, trained: Path, toy_dataset: Path, run_bundle: RunBundle, tmp_path: Path
):
    """Trained by the fragment, and asked for scores by it."""
    made = {"dataset_dir": toy_dataset, "ckpt_dir": tmp_path / "volumes", "output_dir": tmp_path / "eval", **QUICK}
    three = FRAGMENTS / "volumes.json"
    shown = {"train#augmentation#transforms": "@volume_transforms"}
    run_bundle(bundle_copy / "configs" / "train.json", three, run_id="training", **made, **shown)
    volumes = write_scores(
        bundle_copy,
        toy_dataset,
        tmp_path / "of_volumes",
        run_bundle,
        three,
        ckpt_path=tmp_path / "volumes" / "model.pt",
    )
    slices = write_scores(trained, toy_dataset, tmp_path / "of_slices", run_bundle)
    student = {"dataset_dir": toy_dataset, "teacher_dir": json.dumps([str(volumes), str(slices)]), **QUICK}
    fragments = [FRAGMENTS / "smoke.json", FRAGMENTS / "teacher.json"]
    done = run_bundle(bundle_copy / "configs" / "train.json", *fragments, run_id="training", **student)
    assert "epoch 1/1: loss" in done.stdout
