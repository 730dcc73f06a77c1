"""Every runtime gives the scores of the network it was made from."""

from __future__ import annotations

import copy
import sys

import pytest
import torch
from monai.networks.nets import BasicUNet, UNet
from torch import nn
from torch.optim.swa_utils import update_bn

from monai_mobileunet.networks import create_network
from monai_mobileunet.runtimes import RUNTIMES, create_runtime
from monai_mobileunet.runtimes.conversion import to_onnx
from monai_mobileunet.runtimes.table import missing_packages
from monai_mobileunet.runtimes.torch_runtime import fold_batch_norm

CHANNELS, CLASSES = 3, 4
COMPILED = [name for name in RUNTIMES if "compile" in name]
MADE_FROM_A_NETWORK = [name for name, spec in RUNTIMES.items() if not spec.quantised and name not in COMPILED]


def trained(network: nn.Module, channels: int = CHANNELS) -> nn.Module:
    """Norms and biases as uneven as after a training: as constructed, a runtime that forgot them would agree."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter += 0.1 * torch.randn_like(parameter)
        update_bn([torch.randn(4, channels, 64, 64)], network)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return trained(create_network("mobileunet_tiny", in_channels=CHANNELS, out_channels=CLASSES))


@pytest.fixture(scope="module")
def onnx_model(network: nn.Module) -> bytes:
    pytest.importorskip("onnxscript")
    return to_onnx(network, CHANNELS)


@pytest.fixture(params=MADE_FROM_A_NETWORK)
def name(request: pytest.FixtureRequest) -> str:
    if missing_packages(request.param):
        pytest.skip(f"{missing_packages(request.param)} not installed")
    return request.param


@pytest.fixture
def runtime(name: str, network: nn.Module, request: pytest.FixtureRequest):
    """As create_runtime makes it, but for the conversion, which is done once for all."""
    if RUNTIMES[name].convert is None:
        return create_runtime(name, network)
    try:
        return RUNTIMES[name].build(request.getfixturevalue("onnx_model"))
    except RuntimeError as error:
        if "bfloat16" in str(error):
            pytest.skip(str(error))
        raise


def check(scores: torch.Tensor, expected: torch.Tensor, name: str) -> None:
    assert scores.shape == expected.shape
    assert scores.dtype == torch.float32
    difference = (scores - expected).abs()
    if "bf16" in name:  # of a network that nothing has trained single scores may be far off
        assert difference.square().mean().sqrt() < 0.25 * expected.square().mean().sqrt()
    else:
        assert difference.max() < 1e-4 * expected.abs().max()


@torch.no_grad()
def test_any_batch_and_size_and_each_again(name, runtime, network):
    for shape in [(1, 37, 50), (3, 64, 96), (2, 1, 7)] * 3:  # fixed shapes are compiled for when they come again
        image = torch.randn(shape[0], CHANNELS, *shape[1:])
        check(runtime(image), network(image), name)


@torch.no_grad()
def test_more_shapes_than_are_kept(name, runtime, network):
    for size in [16, 24, 32, 40, 48, 56] * 3:
        image = torch.randn(1, CHANNELS, size, 32)
        check(runtime(image), network(image), name)


@torch.no_grad()
def test_inputs_may_be_views_of_any_strides_and_other_floats(name, runtime, network):
    image = torch.randn(2, 40, 33, CHANNELS).permute(0, 3, 2, 1)
    check(runtime(image), network(image), name)
    overlapping = torch.randn(6, 40, 33).unfold(0, CHANNELS, 1).movedim(-1, 1)
    check(runtime(overlapping), network(overlapping), name)
    check(runtime(image.double()), network(image), name)


def test_scores_are_not_written_to_by_the_next_call(runtime):
    first = runtime(torch.randn(1, CHANNELS, 32, 32))
    kept = first.clone()
    for _ in range(3):
        runtime(torch.randn(1, CHANNELS, 32, 32))
    assert torch.equal(first, kept)


def test_no_gradients(runtime):
    assert not runtime(torch.randn(1, CHANNELS, 32, 32, requires_grad=True)).requires_grad


def test_prefers_fewer_large_slices_than_small_ones(runtime):
    assert runtime.preferred_batch_size(1024, 1024) == 1
    assert runtime.preferred_batch_size(64, 64) > runtime.preferred_batch_size(256, 256) >= 1


def test_the_network_stays_as_it_is(network):
    network = copy.deepcopy(network).train()
    before = copy.deepcopy(network.state_dict())
    create_runtime("torch", network)(torch.randn(2, CHANNELS, 32, 32))
    assert network.training
    assert all(parameter.requires_grad for name, parameter in network.named_parameters() if "aux_heads" not in name)
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
@torch.no_grad()
def test_made_from_a_network_of_anyones(name):
    if missing_packages(name):
        pytest.skip(f"{missing_packages(name)} not installed")
    network = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1)).eval()
    image = torch.randn(2, 2, 20, 30)
    check(create_runtime(name, network)(image), network(image), name)


class TestErrors:
    def test_a_runtime_that_does_not_exist(self, network):
        with pytest.raises(ValueError, match="openvino"):
            create_runtime("tensorflow", network)

    @pytest.mark.parametrize(
        ("name", "package", "extra"),
        [("onnxruntime", "onnxruntime", "onnx"), ("openvino_bf16", "openvino", "openvino")],
    )
    def test_a_package_that_is_not_installed(self, network, monkeypatch, name, package, extra):
        monkeypatch.setitem(sys.modules, package, None)  # what Python itself does for an import that is barred
        with pytest.raises(ModuleNotFoundError, match=rf"{name}.*{package}.*monai_mobileunet\[{extra}\]"):
            create_runtime(name, network)

    def test_int8_without_a_quantised_file(self, network):
        pytest.importorskip("openvino")
        with pytest.raises(ValueError, match="mobileunet export BUNDLE --format openvino_int8"):
            create_runtime("openvino_int8", network)

    def test_torchscript_cannot_be_converted(self, network):
        pytest.importorskip("onnxscript")
        with pytest.raises(ValueError, match=r"TorchScript. Load model\.pt"):
            create_runtime("onnxruntime", torch.jit.script(network))

    @pytest.mark.parametrize("name", ["torch", "onnxruntime"])
    def test_a_network_for_volumes(self, name):
        with pytest.raises(ValueError, match="no 2D convolution"):
            create_runtime(name, UNet(3, 1, 2, (4, 8), (2,)))

    def test_a_network_whose_output_is_no_tensor(self):
        network = create_network("mobileunet_tiny")
        network.forward = lambda x: ["scores"]
        with pytest.raises(TypeError, match="str"):
            create_runtime("torch", network)(torch.zeros(1, 1, 8, 8))

    def test_neither_network_nor_file(self):
        with pytest.raises(ValueError, match="made from a network"):
            create_runtime("torch")


def test_several_outputs_come_back_in_their_form():
    network = create_network("mobileunet_tiny")
    image = torch.randn(1, 1, 8, 8)
    network.forward = lambda x: (x, 2 * x)
    same, twice = create_runtime("torch", network)(image)
    assert torch.equal(same, image)
    assert torch.equal(twice, 2 * image)
    network.forward = lambda x: {"twice": 2 * x}
    assert torch.equal(create_runtime("torch", network)(image)["twice"], 2 * image)


class TestFoldedNorms:
    @pytest.mark.parametrize(
        ("make", "left"),
        [
            (lambda: create_network("mobileunet_base", in_channels=CHANNELS), 0),
            (lambda: create_network("mobilenetv1_unet", in_channels=CHANNELS), 0),
            (lambda: create_network("mobilenetv2_unet_transposed", in_channels=CHANNELS), 0),
            (lambda: UNet(2, CHANNELS, 2, (8, 16), (2,), num_res_units=1, norm="batch"), 0),
            (lambda: BasicUNet(2, CHANNELS, 2, (8, 8, 8, 8, 8, 8), norm="batch"), 0),
        ],
        ids=["base", "v1", "v2 transposed", "UNet", "BasicUNet"],
    )
    @torch.no_grad()
    def test_give_the_same_scores_and_are_gone(self, make, left):
        torch.manual_seed(0)
        network = trained(make()).double()  # other products, other rounding
        folded = fold_batch_norm(copy.deepcopy(network))
        image = torch.randn(2, CHANNELS, 64, 64, dtype=torch.float64)
        torch.testing.assert_close(folded(image), network(image), atol=1e-9, rtol=1e-9)
        assert sum(isinstance(module, nn.BatchNorm2d) for module in folded.modules()) == left

    @torch.no_grad()
    @torch.no_grad()
    def test_norms_without_statistics_stay(self):
        network = trained(UNet(2, CHANNELS, 2, (8, 16), (2,), norm=("batch", {"track_running_stats": False})))
        folded = fold_batch_norm(copy.deepcopy(network))
        image = torch.randn(2, CHANNELS, 32, 32)
        assert torch.equal(folded(image), network(image))

    @torch.no_grad()
    def test_other_norms_stay(self):
        network = UNet(2, 1, 2, (8, 16), (2,), num_res_units=1).eval()  # instance norm
        before = sum(isinstance(module, nn.InstanceNorm2d) for module in network.modules())
        folded = fold_batch_norm(copy.deepcopy(network))
        assert sum(isinstance(module, nn.InstanceNorm2d) for module in folded.modules()) == before > 0
        image = torch.randn(1, 1, 32, 32)
        assert torch.equal(folded(image), network(image))


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPILED)
@torch.no_grad()
def test_compiled(name, network):
    torch.compiler.reset()
    runtime = create_runtime(name, network)
    for shape in [(1, 37, 50), (3, 64, 96)] * 2:
        image = torch.randn(shape[0], CHANNELS, *shape[1:])
        check(runtime(image), network(image), name)
