"""What every bundle's JSON has to keep, without training anything."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from conftest import BUNDLES, FRAGMENTS
from monai.bundle import ConfigParser, verify_net_in_out
from monai.data import MetaTensor
from monai.transforms import Compose, SaveImaged
from monai.utils import set_determinism

from monai_mobileunet.inferers import has_bfloat16

pytestmark = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)


def read(bundle: Path, *names: str) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config([bundle / "configs" / name for name in names])
    parser.read_meta(bundle / "configs" / "metadata.json")
    return parser


def test_metadata_follow_monai_s_schema(bundle: Path, metadata_schema: Path):
    schema = json.loads(metadata_schema.read_text())
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    jsonschema.validate(metadata, schema)


def test_metadata_say_the_intended_use(bundle: Path):
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert metadata["intended_use"] == "This is an example, not to be used for diagnostic purposes"
    assert metadata["network_data_format"]["outputs"]["pred"]["channel_def"]["0"] == "background"


def test_training_evaluation_and_inference_see_the_same_network_image_and_window(bundle: Path):
    """The doors have files of their own, as MONAI Label wants it; what they share must not drift apart."""
    train, inference = read(bundle, "train.json"), read(bundle, "inference.json")
    for key in (
        "num_classes",
        "image_channels",
        "planes",
        "mirror_axes",
        "context",
        "out_slices",
        "out_step",
        "spacing",
        "dropout",
        "argmax",
        "network_def",
        "network",
        "slice_inferer",
    ):
        assert train[key] == inference[key], key
    *wanted, check = inference["preprocessing"]["transforms"]
    assert train["preprocessing"]["transforms"] == wanted
    assert check["_target_"].endswith("CheckImaged"), "what a training sees is what images are held against"


def test_one_list_of_image_transforms_serves_training_and_validation(bundle: Path):
    train = read(bundle, "train.json")
    image = train["preprocessing"]["transforms"]
    assert all("label" not in transform["keys"] for transform in image)
    train.update({"preprocessing#transforms": image[:2]})
    for part, count in (("train#preprocessing_transforms", 1), ("validate#preprocessing#transforms", 0)):
        names = [type(transform).__name__ for transform in train.get_parsed_content(part)]
        assert names[:2] == ["LoadImaged", "EnsureChannelFirstd"], "what is changed there holds for both"
        assert len(names) == 2 + len(train["label_transforms"]) + count


def test_what_a_training_may_change_of_the_network_s_image_is_written_to_the_bundle(bundle: Path):
    """Left out there, weights of another spacing or another context would be used with the old one."""
    train, inference = read(bundle, "train.json"), read(bundle, "inference.json")
    handler = next(entry for entry in train["train"]["handlers"] if entry["_target_"].endswith("BundleMetadata"))
    assert all(value == f"@{key}" for key, value in handler["settings"].items())
    of_prediction_alone = {"bundle_root", "dataset_dir", "output_dir", "device", "mirror_axes", "dropout", "argmax"}
    plain = {key for key, value in inference.get().items() if not isinstance(value, dict) and key in train}
    plain -= {"imports", "initialize", "run", "network", "_meta_"}
    assert plain - of_prediction_alone <= handler["settings"].keys()
    assert {"class_names", "image_channels", "context", "out_slices"} <= handler["settings"].keys()


def test_another_seed_trains_otherwise_on_the_same_split(bundle: Path, toy_dataset: Path):
    def validation(**changes: int) -> list[dict[str, str]]:
        parser = read(bundle, "train.json")
        parser.update({"dataset_dir": str(toy_dataset), "folds": 3, "subject_of": None, **changes})
        parser["validate#dataset#data#num_classes"] = None
        return parser.get_parsed_content("validate#dataset#data")

    assert validation(seed=1) == validation(seed=2)
    assert validation(split_seed=1) != validation(split_seed=2)


def test_metadata_agree_with_the_network(bundle: Path):
    parser = read(bundle, "train.json")
    form = parser["_meta_"]["network_data_format"]
    network = parser.get_parsed_content("network_def").eval()
    classes = form["outputs"]["pred"]["channel_def"]
    assert form["outputs"]["pred"]["num_channels"] == len(classes) == parser["num_classes"]
    assert form["inputs"]["image"]["num_channels"] == network.in_channels
    assert [classes[str(number)] for number in range(1, len(classes))] == parser["class_names"]
    verify_net_in_out(
        net_id="network_def",
        meta_file=str(bundle / "configs" / "metadata.json"),
        config_file=str(bundle / "configs" / "inference.json"),
    )


def test_nothing_that_can_be_evaluated_without_data_needs_data(bundle: Path):
    """MONAI Label evaluates every top-level item of train.json, before it knows of any data."""
    parser = read(bundle, "train.json")
    parser["dataset_dir"] = "/nowhere"
    for key in ("network", "loss", "optimizer", "lr_scheduler", "slice_inferer", "device", "ckpt_dir", "output_dir"):
        parser.get_parsed_content(key)
    assert isinstance(parser["train"]["handlers"], list)
    assert all(isinstance(handler, dict) for handler in parser["train"]["handlers"])
    assert parser["training"] == ["$@run"], "two lists of their own would train twice"


def test_a_device_given_as_a_string_is_taken(bundle: Path):
    parser = read(bundle, "inference.json")
    parser["device"] = "cpu"
    train = read(bundle, "train.json")
    train["device"] = "cpu"
    assert train.get_parsed_content("train#dataloader#num_workers") == 0
    assert train.get_parsed_content("train#inferer").enabled == has_bfloat16("cpu")
    assert next(parser.get_parsed_content("network").parameters()).device == torch.device("cpu")


def outcomes(parser: ConfigParser, training: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """What the bundle's inferer gives for a small volume, and what its postprocessing makes of it, unsaved."""
    image = MetaTensor(torch.rand(parser["image_channels"], 32, 36, 10), meta={"spatial_shape": np.array([32, 36, 10])})
    image.meta["original_affine"] = np.eye(4)
    network = parser.get_parsed_content("network").train(training)
    with torch.no_grad():
        pred = parser.get_parsed_content("inferer")(image[None], network)[0]
        steps = parser.get_parsed_content("postprocessing").transforms
        done = Compose([step for step in steps if not isinstance(step, SaveImaged)])({"image": image, "pred": pred})
    return pred.as_tensor(), done["pred"].as_tensor()


def test_with_dropout_switched_on_prediction_gives_probabilities(bundle: Path):
    """MONAI Label's scoring sets network_def's dropout and samples in training mode, and means nothing with labels."""
    parser = read(bundle, "inference.json")
    parser["network_def"]["dropout"] = 0.2
    assert parser.get_parsed_content("network_def").dropout.p == 0.2
    scores, probabilities = outcomes(parser, training=True)
    assert scores.is_floating_point()
    assert len(scores) == parser["num_classes"]
    assert not torch.equal(outcomes(parser, training=True)[0], scores), "each is a sample"
    assert torch.allclose(probabilities.sum(0), torch.ones(1)), "which neither plane nor components have changed"
    assert torch.equal(probabilities, scores.softmax(0))
    labels, mask = outcomes(parser, training=False)
    assert labels.dtype == mask.dtype == torch.uint8
    assert mask.shape == (1, 32, 36, 10), "and the same inferer gives labels as ever"


def test_without_argmax_prediction_gives_probabilities(bundle: Path):
    parser = read(bundle, "inference.json")
    parser["argmax"] = False
    scores, probabilities = outcomes(parser, training=False)
    assert torch.equal(probabilities, scores.softmax(0))


def test_a_network_of_another_kind_gives_labels(bundle: Path):
    parser = read(bundle, "inference.json")
    channels = parser.get_parsed_content("network_def#in_channels")
    other = {"_target_": "BasicUNet", "spatial_dims": 2, "in_channels": channels, "out_channels": parser["num_classes"]}
    parser.update({"network_def": other, "out_slices": 1, "out_step": 1})
    labels, mask = outcomes(parser, training=False)
    assert labels.dtype == mask.dtype == torch.uint8


def test_the_multi_gpu_overlays_silence_the_handlers_that_they_mean(bundle: Path):
    """By a name that they have in common; MONAI Label wants the handlers of a training as objects in a list."""
    quiet = {
        "TensorBoardStatsHandler",
        "monai_mobileunet.handlers.CaseProgress",
        "monai_mobileunet.handlers.EvaluationReport",
        "monai_mobileunet.handlers.TrainingCurve",
        "monai_mobileunet.handlers.TrainingProgress",
        "monai_mobileunet.handlers.TrainingReport",
    }
    for names in (["train.json", "multi_gpu_train.json"], ["train.json", "evaluate.json", "multi_gpu_evaluate.json"]):
        overlay = json.loads((bundle / "configs" / names[-1]).read_text())
        assert overlay["quiet"] == "$dist.get_rank() > 0"
        assert not [key for key in overlay if re.search(r"handlers#\d", key)], "a place in a list is no name"
        shared = [step for step in overlay["initialize"] if "check_parts" in step and "shared=@distributed" in step]
        assert len(shared) == 1, "SharedEvaluator takes fewer validation cases than processes"
        seeds = [step for step in overlay["initialize"] if "set_determinism" in step]
        assert seeds == ["$monai.utils.set_determinism(seed=@seed + dist.get_rank())"], (
            "each draws its own augmentation"
        )
        parser = read(bundle, *names)
        handlers = parser["validate"]["handlers"] + (parser["train"]["handlers"] if len(names) == 2 else [])
        for entry in handlers:
            handler = parser[entry.removeprefix("@")] if isinstance(entry, str) else entry
            assert not (isinstance(entry, str) and "_disabled_" in handler), "MONAI hands on None for a reference"
            assert (handler.get("_disabled_") == "@quiet") == (handler["_target_"] in quiet), handler["_target_"]
        assert json.loads((bundle / "configs" / "train.json").read_text())["quiet"] is False


@pytest.mark.parametrize("fragment", sorted(FRAGMENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_fragment_changes_only_what_the_bundle_has(bundle: Path, fragment: Path):
    own_keys = {
        "resume": {"resume_from", "starting_weights"},
        "continue": {"resume_from"},
        "teacher": {"teacher_dir", "teacher_share"},
        "volumes": {"box", "volume_transforms", "inferer"},
    }
    parser = read(bundle, "train.json")
    for key in json.loads(fragment.read_text()):
        assert key.lstrip("+") in parser or key in own_keys.get(fragment.stem, set()), key
    parser = ConfigParser()
    parser.read_config([bundle / "configs" / "train.json", fragment])
    parser.parse()


@pytest.fixture(autouse=True)
def _restore_randomness():
    """A config's initialize seeds every generator of the process."""
    yield
    set_determinism(seed=None)
