from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import HIPPOCAMPUS
from typer.testing import CliRunner

from benchmarks.__main__ import app as benchmarks
from monai_mobileunet.bundle.changes import check_changes, known_changes
from monai_mobileunet.cli import app

CONFIG = {
    "planes": ["axial"],
    "network": "$@network_def.eval()",
    "network_def": {"_target_": "monai_mobileunet.networks.create_network", "in_channels": 1},
    "slice_inferer": {"_target_": "monai_mobileunet.inferers.ContextSliceInferer", "roi_size": [64, 64]},
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": 64},
    "unknown": {"_target_": "no.such.Thing"},
    "train": {"trainer": {"max_epochs": 5}, "handlers": [{"_target_": "StatsHandler", "name": "a"}]},
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "inference.json").write_text(json.dumps(CONFIG))
    (tmp_path / "configs" / "train.json").write_text(json.dumps({"folds": 5, "train": CONFIG["train"]}))
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps({"version": "1"}))
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "planes",
        "planes#0",
        "train#trainer#max_epochs",
        "train::trainer::max_epochs",
        "train#handlers#0#name",
        "train#handlers#0#_disabled_",
        "slice_inferer#_mode_",
        "slice_inferer#_requires_",
        "slice_inferer#_target_",
        "slice_inferer#sw_batch_size",
        "inferer#sw_batch_size",
        "network_def#decoder_channels",
        "network_def#dropout",
        "train#handlers#-1#name",
        "unknown#whatever",
        "_meta_#version",
    ],
)
def test_what_there_is_a_place_for_can_be_changed(bundle: Path, name: str):
    check_changes(bundle, {name: 1})
    assert known_changes(bundle, {name: 1}) == {name: 1}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plnes", "inference.json has no such entry; near to it: planes"),
        ("zzz", "inference.json has no such entry; it has inferer, network, network_def, planes"),
        ("planes#1", "near to it: planes"),
        ("planes#x", "has no such entry"),
        ("slice_inferer#sw_batch_sizee", "near to it: slice_inferer#sw_batch_size"),
        ("inferer#sw_batch_sizee", "inferer#sw_batch_size"),
        ("slice_infrer#roi_size", "slice_inferer#roi_size"),
        ("train#trainer#max_epoch", "near to it: train#trainer#max_epochs"),
        ("train#trainer#_disabled_", "has no such entry"),
        ("train#handlers#1#name", "train#handlers#0#name"),
        ("train#handlers#0#nam", "train#handlers#0#name"),
        ("network#x", "has no such entry"),
        ("network_def#decoder_chanels", "near to it: network_def#decoder_channels"),
        ("train#handlers#-2#name", "train#handlers#0#name"),
        ("+planes", "near to it: planes"),
        ("folds", "has no such entry"),
    ],
)
def test_what_there_is_no_place_for_is_refused_with_what_was_meant(bundle: Path, name: str, words: str):
    with pytest.raises(ValueError, match="has no such entry") as caught:
        check_changes(bundle, {name: 1})
    assert str(caught.value).startswith(f"--set {name}: ")
    assert words in str(caught.value)
    assert known_changes(bundle, {name: 1}) == {}


def test_new_components_and_additions_are_for_others_to_refer_to(bundle: Path):
    ema = {"_target_": "EMAHandler"}
    check_changes(bundle, {"ema": ema, "+train#handlers": ["@ema"]}, merged=True)
    with pytest.raises(ValueError, match="train#handlers"):
        check_changes(bundle, {"+train#handlrs": ["@ema"]}, merged=True)
    with pytest.raises(ValueError, match="has no such entry"):
        check_changes(bundle, {"ema": "EMAHandler"}, merged=True)


def test_changes_see_those_before_them(bundle: Path):
    check_changes(bundle, {"planes": ["axial", "sagittal"], "planes#1": "coronal"})
    with pytest.raises(ValueError, match="train#trainer#max_epochs"):
        check_changes(bundle, {"train": {}, "train#trainer#max_epochs": 1})


def test_an_entry_of_any_of_several_files_can_be_changed(bundle: Path):
    files = ("inference.json", "train.json")
    check_changes(bundle, {"folds": 3, "planes": []}, files)
    with pytest.raises(
        ValueError, match=r"neither inference\.json nor train\.json has such an entry; near to it: folds"
    ):
        check_changes(bundle, {"fold": 3}, files)


def test_what_is_no_bundle_is_left_to_who_opens_it(tmp_path: Path):
    check_changes(tmp_path, {"planes": []})


@pytest.mark.parametrize(
    ("command", "cli"),
    [
        ("segment -i IMAGES -o OUT -m BUNDLE", app),
        ("evaluate DATA --bundle BUNDLE -o OUT", app),
        ("export BUNDLE --data IMAGES", app),
        ("accuracy BUNDLE DATA -o OUT", benchmarks),
    ],
)
def test_every_command_refuses_what_changes_nothing(command: str, cli, toy_dataset: Path, tmp_path: Path):
    places = {"IMAGES": toy_dataset / "imagesTr", "DATA": toy_dataset, "BUNDLE": HIPPOCAMPUS, "OUT": tmp_path / "out"}
    arguments = [str(places.get(word, word)) for word in command.split()]
    for name, near in (("contxt", "context"), ("slice_inferer#sw_batch_sizee", "slice_inferer#sw_batch_size")):
        result = CliRunner().invoke(cli, [*arguments, "--set", f"{name}=1"])
        assert result.exit_code == 2, result.output
        assert f"--set {name}: " in result.output.replace("\n", "")
        assert near in result.output.replace("\n", "").partition("near to it")[2]
    assert not (tmp_path / "out").exists()
