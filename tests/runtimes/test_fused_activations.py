"""Convolutions that apply their activations themselves give the scores of those that do not."""

from __future__ import annotations

import copy
import platform
from functools import partial

import pytest
import torch
from monai.networks.blocks import Convolution
from monai.networks.nets import UNet
from torch import nn

from monai_mobileunet.inferers import ContextSliceInferer
from monai_mobileunet.networks import VARIANTS, create_network
from monai_mobileunet.runtimes import RuntimeInferer, create_runtime
from monai_mobileunet.runtimes.fused_activations import (
    POST_OPERATIONS,
    ConvolutionWithActivation,
    can_fuse,
    fuse_activations,
)
from monai_mobileunet.runtimes.torch_runtime import fold_batch_norm

pytestmark = pytest.mark.skipif(not can_fuse(), reason="oneDNN's operator is not on this processor")

ACTIVATIONS = (nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(0.3), nn.Hardswish())
KINDS = ({}, {"strides": 2}, {"groups": 3, "dilation": 2}, {"bias": False}, {"kernel_size": 1})


def block(act: nn.Module | str = "relu", norm: str | None = None, **arguments) -> Convolution:
    """A block of MONAI with an activation, given as a module where MONAI has no name for it."""
    named = act if isinstance(act, str) else "relu"
    made = Convolution(2, 3, 6, adn_ordering="NA", act=named, norm=norm, **arguments)
    if isinstance(act, nn.Module):
        made.adn.A = act
    return made


def fused(network: nn.Module) -> int:
    return sum(isinstance(module, ConvolutionWithActivation) for module in network.modules())


@torch.no_grad()
def check(network: nn.Module, expected_fused: int, image: torch.Tensor | None = None) -> None:
    image = 4 * torch.randn(2, 3, 20, 30) if image is None else image
    expected = network.eval()(image)
    changed = fuse_activations(copy.deepcopy(network))
    assert fused(changed) == expected_fused
    torch.testing.assert_close(changed(image), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_every_activation_of_the_table_is_tested():
    assert {type(act) for act in ACTIVATIONS} == set(POST_OPERATIONS)


@pytest.mark.parametrize("arguments", KINDS, ids=str)
@pytest.mark.parametrize("act", ACTIVATIONS, ids=repr)
def test_each_activation_behind_each_kind_of_convolution(act, arguments):
    check(nn.Sequential(block(act, **arguments)), 1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_networks_of_this_package(variant):
    network = fold_batch_norm(create_network(variant, in_channels=3).eval())
    count = fused(fuse_activations(copy.deepcopy(network)))
    assert count > 10
    check(network, count, torch.randn(1, 3, 64, 64))


@pytest.mark.parametrize(
    "make",
    [
        partial(block, norm="batch"),  # not folded: it stands between
        partial(block, nn.GELU()),  # oneDNN is not asked for this one
        partial(block, is_transposed=True),
        partial(block, conv_only=True),
        lambda: nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU()),  # whose owner may call a part of it
        lambda: UNet(2, 3, 2, (8, 16), (2,), num_res_units=1),  # instance norm
    ],
    ids=["norm", "GELU", "transposed", "no activation", "of no block", "UNet"],
)
def test_others_stay(make):
    check(make(), 0, torch.randn(1, 3, 32, 32))


@pytest.mark.parametrize("name", ["conv", "adn", "adn.A"])
def test_a_module_with_a_hook_stays(name: str):
    made = block()
    made.get_submodule(name).register_forward_hook(lambda module, inputs, output: output + 1)
    assert fused(fuse_activations(made)) == 0


@torch.no_grad()
def test_scores_that_are_not_finite_are_still_refused():
    """ReLU by oneDNN makes 0 of NaN."""
    network = create_network("mobileunet_tiny").eval()
    inferer = RuntimeInferer(ContextSliceInferer(spatial_dim=2, argmax=True), "torch")
    inferer(torch.rand(1, 1, 32, 32, 2), network)
    next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d)).running_var[0] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        inferer(torch.rand(1, 1, 32, 32, 2), network)


def test_the_runtime_shares_no_module_with_the_network():
    network = create_network("mobileunet_tiny").eval()
    runtime = create_runtime("torch", network)
    assert fused(runtime.network) > 10
    assert fused(network) == 0


@pytest.mark.parametrize("machine", ["arm64", "aarch64"])
def test_other_processors_keep_torchs_own_operators(monkeypatch, machine):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert fused(create_runtime("torch", create_network("mobileunet_tiny")).network) == 0


def test_lower_precision_and_volumes_keep_torchs_own_operators():
    assert fused(create_runtime("torch_bf16", create_network("mobileunet_tiny")).network) == 0
    assert fused(fuse_activations(Convolution(3, 1, 2, adn_ordering="NA", norm=None).eval())) == 0
