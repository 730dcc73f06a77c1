"""Weights in the forms that trainings write, and what is said of those that do not fit."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from monai.networks.nets import BasicUNet
from torch import nn

from monai_mobileunet.bundle.weights import load_weights
from monai_mobileunet.networks import create_network

SIZES = {"in_channels": 3, "out_channels": 4}


def network(variant: str = "mobileunet_tiny", **changes: object) -> nn.Module:
    return create_network(variant, **{**SIZES, **changes})


@pytest.fixture(scope="module")
def trained() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return network().state_dict()


def prefixed(state: dict, prefix: str) -> dict:
    return {prefix + key: value for key, value in state.items()}


FORMS = {
    "plain": lambda state: state,
    "ordered": OrderedDict,
    "model": lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": []}, "epoch": 3},
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "model_state_dict": lambda state: {"model_state_dict": state},
    "network": lambda state: {"network": state},
    "net": lambda state: {"net": state},
    "nested": lambda state: {"state_dict": {"model": state}},
    "module.": lambda state: prefixed(state, "module."),
    "_orig_mod.": lambda state: prefixed(state, "_orig_mod."),
    "module._orig_mod.": lambda state: {"state_dict": prefixed(state, "module._orig_mod.")},
    "lightning": lambda state: {"state_dict": prefixed(state, "network.") | {"loss.weight": torch.ones(4)}},
    "anything.else.": lambda state: {"model": prefixed(state, "wrapped.segmenter.")},
    "double precision": lambda state: {
        key: value.double() if value.is_floating_point() else value for key, value in state.items()
    },
    "twice the same": lambda state: {"model": state, "network": dict(state)},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_loads_the_same_values(trained, tmp_path: Path, form: str):
    torch.save(FORMS[form](trained), tmp_path / "weights.pt")
    fresh = network()
    load_weights(fresh, tmp_path / "weights.pt")
    for key, value in fresh.state_dict().items():
        assert torch.equal(value, trained[key]), key


@pytest.mark.parametrize("wrapped", [nn.DataParallel, lambda net: torch.compile(net, backend="eager")])
def test_a_wrapped_network_gets_them_too(trained, tmp_path: Path, wrapped):
    torch.save(trained, tmp_path / "weights.pt")
    fresh = network()
    load_weights(wrapped(fresh), tmp_path / "weights.pt")
    assert all(torch.equal(value, trained[key]) for key, value in fresh.state_dict().items())


@pytest.mark.parametrize("kept", [None, False, True])
@pytest.mark.parametrize("given", [None, False, True])
def test_heads_of_deep_supervision_may_be_there_or_not(tmp_path: Path, kept, given):
    torch.manual_seed(2)
    source = network(deep_supervision=given)
    torch.save(source.state_dict(), tmp_path / "weights.pt")
    fresh = network(deep_supervision=kept)
    if kept and given is None:  # they would be trained on from nothing
        with pytest.raises(ValueError, match=r"lacks aux_heads\.0\.weight"):
            load_weights(fresh, tmp_path / "weights.pt")
        return
    load_weights(fresh, tmp_path / "weights.pt")
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(fresh.eval()(image), source.eval()(image))
    if given is None and kept is False:
        assert all(not parameter.any() for parameter in fresh.aux_heads.parameters()), "the same at every loading"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"out_channels": 6}, r"has other shapes: head\.weight .*They give 6 channels, the network 4: 4 classes"),
        ({"in_channels": 5}, r"encoder\.\S+ \(16, 5, 3, 3\), expected \(16, 3, 3, 3\).*They take 5 channels"),
        (
            {"variant": "mobileunet_small"},
            r"They are those of mobileunet_small: type --set network_def#variant=mobileunet_s",
        ),
        (
            {"variant": "mobileunet_fine", "out_channels": 2},
            r"lacks .*in excess.*--network_def#variant mobileunet_fine\)\.$",
        ),
        ({"variant": "mobilenetv2_unet"}, r"--set network_def#variant=mobilenetv2_unet \(python -m monai.bundle run: "),
        ({"width": 0.75}, r"has other shapes.* and \d+ more\. .*Name what was changed for the training"),
    ],
)
def test_those_of_another_network_are_refused_with_what_differs_first(tmp_path: Path, changes: dict, found: str):
    torch.save({"model": prefixed(network(**changes).state_dict(), "module.")}, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=f"weights of another network than inference.json describes.*{found}") as error:
        load_weights(network(), tmp_path / "weights.pt")
    assert str(tmp_path / "weights.pt") in str(error.value)


def test_of_networks_of_others_the_keys_are_named(tmp_path: Path):
    torch.save(BasicUNet(2, 3, 4).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"has other shapes: final_conv\.weight \(4, .*expected \(5, "):
        load_weights(BasicUNet(2, 3, 5), tmp_path / "weights.pt")
    load_weights(BasicUNet(2, 3, 4), tmp_path / "weights.pt")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([torch.ones(2)], "holds a list"),
        (torch.ones(2), "holds a Tensor"),
        ({}, "holds no weights"),
        ({"epoch": 3, "ema": {"a": 1}}, "holds no weights: expected names and tensors as encoder"),
        (nn.Linear(2, 2), r"objects that would run code.*Save network\.state_dict\(\)"),
    ],
    ids=["list", "tensor", "empty", "without", "module"],
)
def test_what_holds_none_is_refused(tmp_path: Path, content: object, found: str):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=found):
        load_weights(network(), tmp_path / "weights.pt")


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: b"junk" * 99])
def test_a_damaged_file_is_refused(trained, tmp_path: Path, damage):
    torch.save(trained, tmp_path / "weights.pt")
    (tmp_path / "weights.pt").write_bytes(damage((tmp_path / "weights.pt").read_bytes()))
    with pytest.raises(ValueError, match=r"weights\.pt: cannot be read as weights"):
        load_weights(network(), tmp_path / "weights.pt")


def test_two_that_fit_are_refused(trained, tmp_path: Path):
    other = {key: value + 1 for key, value in trained.items()}
    for content in (prefixed(trained, "student.") | prefixed(other, "teacher."), {"model": trained, "network": other}):
        torch.save(content, tmp_path / "weights.pt")
        with pytest.raises(ValueError, match=r"holds two sets of weights that fit, .* and .*\. Save the one"):
            load_weights(network(), tmp_path / "weights.pt")


def test_values_that_are_not_finite_are_refused(trained, tmp_path: Path):
    broken = {key: value.clone() for key, value in trained.items()}
    broken["head.bias"][1] = float("nan")
    torch.save(broken, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"1 of \d+ tensors have values that are not finite, as head\.bias"):
        load_weights(network(), tmp_path / "weights.pt")


def test_no_file(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no weights"):
        load_weights(network(), tmp_path / "weights.pt")
