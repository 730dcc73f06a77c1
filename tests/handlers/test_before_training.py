from __future__ import annotations

import json
import logging
from pathlib import Path

import ignite.distributed as idist
import pytest
import torch

from monai_mobileunet.handlers import check_checkpoint, check_parts, check_setup

ENTRIES = ["model", "optimizer", "trainer"]


def message(function, *args, **kwargs) -> str:
    with pytest.raises(SystemExit) as ended:
        function(*args, **kwargs)
    assert str(ended.value).startswith("error: ")
    return str(ended.value).removeprefix("error: ")


def dataset(folder: Path, *names: str) -> str:
    labels = {"0": "background", **{str(number): name for number, name in enumerate(names, 1)}}
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}))
    return str(folder)


def test_what_is_as_it_should_be_passes(tmp_path: Path):
    check_setup("cpu", {"ckpt_dir": str(tmp_path / "a" / "b")}, 1, 3, ["x", "y"], dataset(tmp_path, "X", "y"))
    assert not list((tmp_path / "a" / "b").iterdir()), "the folder is there, and nothing in it"
    check_parts([1], [])
    check_parts(None, [1])


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there(device: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: device != "cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    found = message(check_setup, device, {})
    assert found.startswith(f"{device}: is asked for, and torch finds {'no' if device == 'cuda' else 1} GPU here.")
    assert "--device cpu" in found


def test_a_folder_that_cannot_be_written_to_is_named_with_its_option(tmp_path: Path):
    (tmp_path / "file").touch()
    found = message(check_setup, "cpu", {"ckpt_dir": str(tmp_path / "file" / "models"), "output_dir": str(tmp_path)})
    assert found.startswith(f"{tmp_path / 'file' / 'models'}: cannot be written to (Not a directory).")
    assert "--ckpt_dir" in found


def test_a_training_without_epochs():
    assert "--train#trainer#max_epochs" in message(check_setup, "cpu", {}, 0)


def test_several_processes_are_started_by_torchrun(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("RANK", raising=False)
    assert "torchrun --standalone --nproc_per_node=2" in message(check_setup, "cpu", {}, distributed=True)


@pytest.mark.parametrize(
    ("names", "theirs", "num_classes", "typed"),
    [
        (["anterior", "posterior"], ["right", "heart muscle", "left"], 3, "\"['right','heart muscle','left']\""),
        (["anterior", "posterior"], ["right", "heart muscle", "left"], 4, "\"['right','heart muscle','left']\""),
        (["anterior", "posterior"], ["Posterior", "Anterior"], 3, "\"['Posterior','Anterior']\""),
        (["anterior", "posterior"], [], 5, "--class_names with 4 names"),
    ],
    ids=["more classes", "more classes, number given", "in another order", "no names to compare with"],
)
def test_names_of_other_classes_are_refused_with_what_to_type(
    tmp_path: Path, names: list[str], theirs: list[str], num_classes: int, typed: str
):
    folder = dataset(tmp_path, *theirs)
    found = message(check_setup, "cpu", {}, 1, num_classes, names, folder)
    assert typed in found
    if theirs:
        assert f"--num_classes {len(theirs) + 1} " in found
        check_setup("cpu", {}, 1, len(theirs) + 1, theirs, folder)


@pytest.mark.parametrize(
    ("theirs", "warned"),
    [
        (["Anterior", "POSTERIOR"], False),
        (["anterior hippocampus", "posterior_hippocampus"], False),
        (["AnteriorHippocampus", "Posterior"], False),
        (["head", "tail"], True),
        (["anterior"], True),
    ],
)
def test_other_names_for_as_many_classes_or_fewer(
    tmp_path: Path, theirs: list[str], warned: bool, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        check_setup("cpu", {}, 1, 3, ["anterior", "posterior"], dataset(tmp_path, *theirs))
    assert bool(caplog.records) == warned
    if warned:
        typed = ",".join(f"'{name}'" for name in theirs)
        assert f'--num_classes {len(theirs) + 1} --class_names "[{typed}]"' in caplog.text


def test_no_case_at_all():
    assert "the training has no cases" in message(check_parts, [], [1])
    assert "the evaluation has no cases" in message(check_parts, None, [])
    check_parts([1], [])


def test_fewer_validation_cases_than_processes_need_an_evaluator_that_shares(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(idist, "get_world_size", lambda: 3)
    for training, cases in (([1], [1]), (None, [1, 2])):
        found = message(check_parts, training, cases)  # as files call it that were planned before there was such a one
        assert "mobileunet plan --apply BUNDLE" in found
        assert f"--nproc_per_node={len(cases)}" in found
        check_parts(training, cases, shared=True)
    check_parts([1], [])
    check_parts([1], [1, 2, 3])


def checkpoint(path: Path, network: torch.nn.Module, epochs: int = 3) -> str:
    trainer = {"iteration": 4 * epochs, "epoch_length": 4, "max_epochs": epochs}
    torch.save({"model": network.state_dict(), "optimizer": {}, "trainer": trainer}, path)
    return str(path)


def test_a_checkpoint_of_this_network_passes(tmp_path: Path):
    network = torch.nn.Linear(2, 3)
    check_checkpoint(checkpoint(tmp_path / "last.pt", network), network, ENTRIES, 4)
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, tmp_path / "model.pt")
    check_checkpoint(str(tmp_path / "model.pt"), network)


def test_a_finished_training_leaves_nothing_to_do(tmp_path: Path):
    network = torch.nn.Linear(2, 3)
    path = checkpoint(tmp_path / "last.pt", network)
    for epochs in (2, 3):
        found = message(check_checkpoint, path, network, ENTRIES, epochs)
        assert f"{path}: has 3 epochs behind it; --train#trainer#max_epochs is {epochs}" in found
        assert "without resume.json or continue.json" in found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no such file"),
        (b"not a checkpoint", "cannot be read"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(3)}, "holds weights alone, not a training's state"),
        ([1, 2], "holds no names and tensors"),
    ],
    ids=["none", "broken", "weights alone", "something else"],
)
def test_what_is_no_checkpoint(tmp_path: Path, content: object, expected: str):
    path = tmp_path / "last.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    found = message(check_checkpoint, str(path), torch.nn.Linear(2, 3), ENTRIES)
    assert found.startswith(f"{path}: {expected}")


def test_weights_of_other_classes_or_of_another_network(tmp_path: Path):
    path = checkpoint(tmp_path / "last.pt", torch.nn.Linear(2, 4))
    found = message(check_checkpoint, path, torch.nn.Linear(2, 3), ENTRIES)
    assert "weight is 4×2, expected 3×2; bias is 4, expected 3" in found
    assert "another number of classes" in found
    found = message(check_checkpoint, path, torch.nn.Conv2d(2, 3, 1), ENTRIES)
    assert "another number of classes" not in found
    found = message(check_checkpoint, path, torch.nn.Sequential(torch.nn.Linear(2, 4)), ENTRIES)
    assert "0.weight is missing, expected 4×2" in found
    assert "and 1 more" in found
