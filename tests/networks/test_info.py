import pytest
import torch
from torch import nn

from monai_mobileunet import MobileUNet
from monai_mobileunet.networks import create_network
from monai_mobileunet.networks.info import network_info


def test_macs_are_those_of_the_convolutions_counted_by_hand():
    """A position costs kernel × input channels per group × output channels: one of the output, or, of a transposed
    convolution, one of the input."""
    network = MobileUNet(in_channels=3, out_channels=4).eval()
    counted = []

    def count(module, inputs, output):
        positions = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        counted.append(positions[0, 0].numel() * module.weight.numel())

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.rand(1, 3, 96, 96))
    info = network_info(MobileUNet(in_channels=3, out_channels=4), size=96)
    assert info.macs == sum(counted)
    assert info.size == (96, 96)


@pytest.mark.parametrize("deep_supervision", [False, None])
def test_groups_add_up(deep_supervision):
    network = MobileUNet(deep_supervision=deep_supervision)
    info = network_info(network)
    assert sum(group.macs for group in info.groups) == info.macs
    supervision = sum(p.numel() for p in network.aux_heads.parameters())
    assert sum(group.parameters for group in info.groups) + supervision == info.parameters
    assert [group.name for group in info.groups][::5] == ["encoder.stages.0", "decoder.stages.0"]


def test_receptive_field_of_a_stack_that_can_be_done_by_hand():
    """Stem 3×3 (3), stage of 3×3 s2 and 1×1 (5); the decoder's 3×3 at full size adds 2: 3 + 2·1 + 2 = 7, and
    an odd centre lies in a cell of two pixels, which the up-sampling makes see one more."""
    info = network_info(MobileUNet(stem_stride=1, depth=2))
    by_hand = []
    for centre in range(8, 12):  # what one output pixel sees: decoder 3×3, cells of 2, stride-2 3×3, stem 3×3
        cells = {(centre + d) // 2 for d in (-1, 0, 1)}
        fine = {2 * cell + d for cell in cells for d in (-1, 0, 1)} | {centre + d for d in (-1, 0, 1)}
        seen = {pixel + d for pixel in fine for d in (-1, 0, 1)}
        by_hand.append(max(seen) - min(seen) + 1)
    assert info.receptive_field in by_hand


def test_receptive_field_grows_with_the_depth():
    fields = [network_info(MobileUNet(stem_stride=1, depth=depth)).receptive_field for depth in (2, 3, 4)]
    assert fields == sorted(set(fields))


def test_squeeze_excite_sees_the_whole_image():
    assert network_info(MobileUNet(encoder="mobilenetv3_small")).receptive_field is None


def test_volumes():
    info = network_info(create_network("mobileunet_tiny", spatial_dims=3), size=64)
    assert info.size == (64, 64, 64)
    assert info.receptive_field is None
    assert info.macs > network_info(create_network("mobileunet_tiny"), size=64).macs


def test_network_is_not_changed():
    network = MobileUNet()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.train()
    network_info(network)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
