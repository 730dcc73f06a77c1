"""The runtime behind an inferer: made when it is needed, from what belongs to the weights."""

from __future__ import annotations

import copy
import json
import logging
import pickle

import pytest
import torch
from torch import nn

from monai_mobileunet import ContextSliceInferer
from monai_mobileunet.inferers import AutocastInferer
from monai_mobileunet.runtimes import RuntimeInferer
from monai_mobileunet.runtimes.conversion import to_onnx
from monai_mobileunet.runtimes.manifest import MANIFEST, find_export, hash_file, hash_weights, probe


class Small(nn.Module):
    """A network that counts how often torch itself runs it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.conv(x)


@pytest.fixture
def network() -> Small:
    torch.manual_seed(0)
    return Small().eval()


@pytest.fixture
def volume() -> torch.Tensor:
    return torch.randn(1, 1, 12, 13, 9)


def slices(**arguments) -> ContextSliceInferer:
    return ContextSliceInferer(2, context=1, **arguments)


@pytest.fixture
def exported(tmp_path, network):
    """A folder with an ONNX file of the network and its manifest."""
    pytest.importorskip("onnxscript")
    (tmp_path / "model.onnx").write_bytes(to_onnx(network, 3))
    known = {"weights_sha256": hash_weights(network), "probe": probe(network, 3)}
    entry = known | {"files": {"model.onnx": hash_file(tmp_path / "model.onnx")}}
    (tmp_path / MANIFEST).write_text(json.dumps({"onnx": entry}))
    return tmp_path


@torch.no_grad()
def test_the_scores_are_those_of_the_network(network, volume):
    inferer = RuntimeInferer(slices(), "torch")
    torch.testing.assert_close(inferer(volume, network), slices()(volume, network))


@torch.no_grad()
def test_changed_weights_are_noticed(network, volume):
    inferer = RuntimeInferer(slices(), "torch")
    before = inferer(volume, network)
    network.conv.weight.mul_(2)
    assert not torch.equal(inferer(volume, network), before)
    other = {key: torch.zeros_like(value) for key, value in network.state_dict().items()}
    network.load_state_dict(other)
    assert inferer(volume, network).abs().max() == 0


@torch.no_grad()
def test_another_network_is_noticed(network, volume):
    inferer = RuntimeInferer(slices(), "torch")
    inferer(volume, network)
    other = Small().eval()
    torch.testing.assert_close(inferer(volume, other), slices()(volume, other))


@torch.no_grad()
def test_the_runtime_is_made_once(network, volume, caplog):
    caplog.set_level(logging.INFO)
    inferer = RuntimeInferer(slices(), "torch")
    for _ in range(3):
        inferer(volume, network)
    assert sum("runs in torch" in message for message in caplog.messages) == 1


@torch.no_grad()
def test_exports_are_found_for_a_network_in_data_parallel(network, volume, exported, caplog):
    caplog.set_level(logging.INFO)
    inferer = RuntimeInferer(slices(), "onnxruntime", exported)
    scores = inferer(volume, nn.DataParallel(network).eval())
    torch.testing.assert_close(scores, slices()(volume, network), atol=1e-5, rtol=1e-4)
    assert str(exported / "model.onnx") in caplog.text


@torch.no_grad()
def test_weights_changed_behind_the_back_of_autograd_are_noticed(network, volume):
    """Exponential moving averages are copied so."""
    inferer = RuntimeInferer(slices(), "torch")
    inferer(volume, network)
    network.conv.weight.data.zero_()
    network.conv.bias.data.zero_()
    assert inferer(volume, network).abs().max() == 0


@torch.no_grad()
def test_an_exported_file_of_another_architecture_with_the_same_weights_is_not_used(network, volume, exported, caplog):
    class Doubled(Small):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    doubled = Doubled().eval()
    doubled.load_state_dict(network.state_dict())
    assert hash_weights(doubled) == hash_weights(network)
    scores = RuntimeInferer(slices(), "onnxruntime", exported)(volume, doubled)
    torch.testing.assert_close(scores, slices()(volume, doubled), atol=1e-5, rtol=1e-4)
    assert "another architecture" in caplog.text


def test_in_training_mode_the_network_itself_is_called(network, volume):
    scores = RuntimeInferer(slices(), "torch")(volume, network.train())
    assert network.calls > 0
    assert scores.requires_grad


@torch.no_grad()
def test_in_training_mode_without_gradients_dropout_alone_is_random(volume):
    """What MONAI Label's epistemic scoring calls; norms by the statistics of a batch would be another network."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 2, 1))
    network[1].running_mean.uniform_(-1, 1)
    network[1].running_var.uniform_(0.5, 2)
    expected = slices()(volume, network.eval())
    network.train()
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    inferer = RuntimeInferer(slices(), "torch")
    samples = torch.stack([inferer(volume, network) for _ in range(400)])
    assert not torch.equal(samples[0], samples[1])
    torch.testing.assert_close(samples.mean(0), expected, atol=0.25, rtol=0)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    torch.testing.assert_close(inferer(volume, network.eval()), expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_an_exported_file_is_used_where_it_belongs_to_the_weights(network, volume, exported, caplog):
    caplog.set_level(logging.INFO)
    inferer = RuntimeInferer(slices(), "onnxruntime", exported)
    expected = slices()(volume, network)
    torch.testing.assert_close(inferer(volume, network), expected, atol=1e-5, rtol=1e-4)
    assert str(exported / "model.onnx") in caplog.text


@torch.no_grad()
def test_torchscript_runs_in_torch_and_from_the_exports_of_the_same_weights(network, volume, exported):
    """MONAI Label loads a bundle's model.ts."""
    scripted = torch.jit.script(nn.Sequential(network.conv)).eval()
    expected = slices()(volume, network)
    torch.testing.assert_close(RuntimeInferer(slices(), "torch")(volume, scripted), expected)
    same = torch.jit.trace(network, torch.zeros(1, 3, 8, 8)).eval()
    assert hash_weights(same) == hash_weights(network)
    scores = RuntimeInferer(slices(), "onnxruntime", exported)(volume, same)
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_an_exported_file_of_other_weights_is_not_used(network, volume, exported, caplog):
    network.conv.bias.add_(1)
    scores = RuntimeInferer(slices(), "onnxruntime", exported)(volume, network)
    torch.testing.assert_close(scores, slices()(volume, network), atol=1e-5, rtol=1e-4)
    assert "exported from other weights" in caplog.text


@pytest.mark.parametrize("damage", ["changed", "removed"])
def test_a_damaged_export_is_an_error_that_names_it(network, exported, damage):
    path = exported / "model.onnx"
    path.unlink() if damage == "removed" else path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"model\.onnx: not .*Export it again"):
        find_export(exported, "onnx", network)


def test_nothing_was_exported(network, tmp_path):
    assert find_export(tmp_path, "onnx", network) is None


def test_a_runtime_that_does_not_exist_is_refused_at_once():
    with pytest.raises(ValueError, match="onnxruntime"):
        RuntimeInferer(slices(), "onnx-runtime")


@torch.no_grad()
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda inferer: pickle.loads(pickle.dumps(inferer))])
@pytest.mark.parametrize("called_before", [False, True])
def test_a_copy_gives_the_same_scores_with_a_runtime_of_its_own(network, volume, copied, called_before, tmp_path):
    inferer = RuntimeInferer(AutocastInferer(slices(sw_batch_size=3), enabled=False), "torch", tmp_path)
    expected = slices()(volume, network)
    if called_before:
        inferer(volume, network)
    other = copied(inferer)
    assert (other.runtime, other.exports, other.inferer.inferer.sw_batch_size) == ("torch", tmp_path, 3)
    torch.testing.assert_close(other(volume, network), expected)
    torch.testing.assert_close(inferer(volume, network), expected)
    assert other._made[1] is not inferer._made[1]
    assert other._lock is not inferer._lock


@torch.no_grad()
def test_several_outputs_and_further_arguments_pass_through_torch(volume):
    class Double(Small):
        def forward(self, x: torch.Tensor, factor: float = 1.0) -> dict[str, torch.Tensor]:
            return {"a": factor * super().forward(x), "b": x[:, :2]}

    double = Double().eval()
    found = RuntimeInferer(slices(), "torch")(volume, double, 2.0)
    torch.testing.assert_close(found, slices()(volume, double, factor=2.0))
