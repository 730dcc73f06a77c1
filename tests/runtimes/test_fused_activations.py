"""Convolutions that apply their activations themselves give the scores of those that do not."""

from __future__ import annotations

import copy
import platform

import pytest
import torch
from monai.networks.nets import UNet
from torch import nn

from monai_mobileunet.networks import VARIANTS, create_network
from monai_mobileunet.runtimes import create_runtime
from monai_mobileunet.runtimes.fused_activations import (
    POST_OPERATIONS,
    ConvolutionWithActivation,
    can_fuse,
    fuse_activations,
)
from monai_mobileunet.runtimes.torch_runtime import fold_batch_norm

pytestmark = pytest.mark.skipif(not can_fuse(), reason="oneDNN's operator is not on this processor")

ACTIVATIONS = [nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.3), nn.Hardswish(), nn.ReLU(inplace=True)]


class OwnOrder(nn.Sequential):
    """A sequence that does not call its modules in their order."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        conv, act = self
        return act(x) + conv(x)


def fused(network: nn.Module) -> int:
    return sum(isinstance(module, ConvolutionWithActivation) for module in network.modules())


def check(network: nn.Module, expected_fused: int, image: torch.Tensor | None = None) -> nn.Module:
    image = 4 * torch.randn(2, 3, 20, 30) if image is None else image
    expected = network.eval()(image)
    changed = fuse_activations(copy.deepcopy(network))
    assert fused(changed) == expected_fused
    torch.testing.assert_close(changed(image), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    return changed


def test_every_activation_of_the_table_is_tested():
    assert {type(act) for act in ACTIVATIONS} == set(POST_OPERATIONS)


@pytest.mark.parametrize("act", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("arguments", [{"padding": 1}, {"stride": 2}, {"groups": 3, "dilation": 2}, {"bias": False}])
@torch.no_grad()
def test_each_activation_behind_each_kind_of_convolution(act, arguments):
    check(nn.Sequential(nn.Conv2d(3, 6, 3, **arguments), act), 1)


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_networks_of_this_package(variant):
    network = fold_batch_norm(create_network(variant, in_channels=3).eval())
    changed = fuse_activations(copy.deepcopy(network))
    assert fused(changed) > 10
    image = torch.randn(1, 3, 64, 64)
    expected = network(image)
    torch.testing.assert_close(changed(image), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@torch.no_grad()
def test_what_is_not_plain_stays():
    conv = nn.Conv2d(3, 3, 3, padding=1)
    check(nn.Sequential(conv, nn.BatchNorm2d(3), nn.ReLU()), 0)  # a norm stands between
    check(nn.Sequential(conv, nn.GELU(), nn.ReLU()), 0)  # oneDNN is not asked for this one
    check(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"), nn.ReLU()), 0)
    check(nn.Sequential(nn.Conv2d(3, 3, 3, padding="same"), nn.ReLU()), 0)
    check(nn.Sequential(nn.ConvTranspose2d(3, 3, 2), nn.ReLU()), 0)
    check(OwnOrder(conv, nn.ReLU()), 0)
    check(nn.Sequential(conv, conv, nn.ReLU()), 1)  # the second alone
    check(nn.Sequential(nn.Sequential(conv, nn.Identity()), nn.Sequential(nn.ReLU(), nn.Conv2d(3, 2, 1))), 1)


@torch.no_grad()
def test_a_network_of_monai_with_norms_that_stay():
    network = UNet(2, 3, 2, (8, 16), (2,), num_res_units=1).eval()  # instance norm
    check(network, 0, torch.randn(1, 3, 32, 32))


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
    network = nn.Sequential(nn.Conv3d(1, 2, 3), nn.ReLU()).eval()
    assert fused(fuse_activations(network)) == 0
