"""The shipped bundles are what the generator makes of their plans; another plan gives another bundle that is sound."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import torch
from conftest import BUNDLES, HIPPOCAMPUS
from monai.bundle import ConfigParser, ConfigWorkflow

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.json_files import layout, read_json
from monai_mobileunet.planning import Decision, Plan, bundle_files, write_bundle_files
from monai_mobileunet.planning.bundle_files import LEARNED, TEMPLATES
from monai_mobileunet.planning.plan import decisions
from monai_mobileunet.planning.rules import RULES
from monai_mobileunet.planning.rules.budget import BATCH_CASES, FOLDS

each_bundle = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)


@each_bundle
def test_a_shipped_bundle_is_made_by_its_plan(bundle: Path):
    files = bundle_files(Plan.read(bundle), read_json(bundle / "configs" / "metadata.json"))
    assert files.keys() == {f"configs/{path.name}" for path in (bundle / "configs").glob("*.json")}
    for name, text in files.items():
        assert (bundle / name).read_bytes() == text.encode(), f"{name}: edit plan.json or a template, then make bundles"
    logging = "logging.conf"
    assert (bundle / "configs" / logging).read_bytes() == (TEMPLATES / logging).read_bytes(), "a run speaks as all do"


@each_bundle
def test_a_shipped_plan_names_rules_that_there_are(bundle: Path):
    """Whether they decide the same for its data is held by a slow test, in tests/bundles."""
    named = {one.rule for one in decisions(Plan.read(bundle)).values()} - {""}
    assert named
    assert named <= {getattr(rule, "__name__", "") for rule in RULES.values()}


@each_bundle
def test_writing_again_changes_nothing_and_an_edit_is_undone(bundle: Path, tmp_path: Path):
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle", ignore=shutil.ignore_patterns("*.pt")))
    assert write_bundle_files(copy) == []
    edited = copy / "configs" / "train.json"
    edited.write_text(edited.read_text().replace("0.003", "0.3"))
    assert write_bundle_files(copy) == [edited]
    assert edited.read_bytes() == (bundle / "configs" / "train.json").read_bytes()


@each_bundle
def test_without_a_training_nothing_is_told_of_one(bundle: Path):
    metadata = json.loads(bundle_files(Plan.read(bundle))["configs/metadata.json"])
    assert not metadata.keys() & set(LEARNED)


def test_no_piece_of_a_template_is_written_twice():
    """One fact, one home: what two templates need is a piece that both name."""
    seen: dict[str, str] = {}

    def look(name: str, part) -> None:
        if isinstance(part, dict | list):
            text = json.dumps(part, sort_keys=True)
            if len(text) > 120:
                assert seen.setdefault(text, name) == name, f"{name} and {seen[text]} both have {text}"
            for value in part.values() if isinstance(part, dict) else part:
                look(name, value)

    for path in TEMPLATES.glob("*.json"):
        look(path.name, json.loads(path.read_text()))


def hearts() -> Plan:
    """The hippocampus bundle's plan with other classes, channels, context, network and window."""
    plan = Plan.read(HIPPOCAMPUS)
    changes = {
        "class_names": ["right ventricle", "myocardium", "left ventricle"],
        "image_channels": 2,
        "channel_names": ["cine", "late enhancement"],
        "mirror_axes": [],
        "context": 2,
        "out_slices": 3,
        "out_step": 1,
        "spacing": [1.5, 1.5, 8.0],
        "variant": "mobileunet_tiny",
        "roi_size": [96, 96],
        "epochs": 7,
        "divide_by_plane": False,
        "name": "Hearts",
    }
    return plan.changed(changes, "to try it")


def test_a_changed_plan_gives_a_bundle_that_passes_its_checks(tmp_path: Path, metadata_schema: Path, toy_dataset: Path):
    bundle = tmp_path / "hearts"
    (bundle / "configs").mkdir(parents=True)
    (bundle / "plan.json").write_text(layout(hearts().to_json()))
    assert len(write_bundle_files(bundle)) == 6
    opened = Bundle(bundle, device="cpu")
    assert opened.class_names == ("right ventricle", "myocardium", "left ventricle")
    assert opened.parser.get_parsed_content("network").eval()(torch.zeros(1, 10, 32, 32)).shape == (1, 4, 3, 32, 32)
    jsonschema.validate(opened.metadata, json.loads(metadata_schema.read_text()))
    image = opened.metadata["network_data_format"]["inputs"]["image"]
    assert (image["num_channels"], image["channel_def"]["9"]) == (10, "slice +2, late enhancement")
    assert opened.metadata["name"] == "Hearts"
    for names, kind in ((["inference"], "infer"), (["train"], "train"), (["train", "evaluate"], "train")):
        files = [str(bundle / "configs" / f"{name}.json") for name in names]
        data = {"dataset_dir": str(toy_dataset / "imagesTr" if kind == "infer" else toy_dataset), "image_channels": 1}
        folders = {name: str(tmp_path / "out") for name in ("ckpt_dir", "output_dir")}
        changes = {**data, **folders, "subject_of": None, "class_names": ["head", "tail", "third"]}
        workflow = ConfigWorkflow(files, workflow_type=kind, logging_file=False, **changes)
        workflow.initialize()
        assert workflow.check_properties() == []
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "train.json"))
    assert parser["train"]["trainer"]["max_epochs"] == 7
    assert parser.get_parsed_content("divide_by_plane") is False


def test_a_plan_is_a_value_that_goes_to_json_and_back(tmp_path: Path):
    plan = hearts()
    (tmp_path / "plan.json").write_text(layout(plan.to_json()))
    assert Plan.read(tmp_path) == plan
    decided = replace(plan, context=Decision(4, "as wide as an organ", "context_by_anisotropy"))
    assert decided.to_json()["context"]["rule"] == "context_by_anisotropy"


def test_rules_count_with_the_batches_and_folds_of_the_templates():
    train = read_json(TEMPLATES / "train.json")
    assert train["train"]["dataloader"]["batch_size"] == BATCH_CASES
    assert train["folds"] == FOLDS
