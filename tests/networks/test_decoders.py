import pytest
import torch
from torch import nn

from monai_mobileunet.networks import FeatureInfo, UNetDecoder
from monai_mobileunet.networks.decoders import BLOCKS, MERGES, AddMerge, ConcatMerge

PLAIN_BLOCKS = sorted(set(BLOCKS) - {"transposed_conv"})  # that one doubles the size itself
FEATURES = (FeatureInfo(8, 2), FeatureInfo(12, 4), FeatureInfo(20, 8))


def features_of(image_size: tuple[int, ...], info=FEATURES) -> list[torch.Tensor]:
    return [torch.randn(2, i.channels, *(s // i.reduction for s in image_size)) for i in info]


class TestAddMerge:
    @torch.no_grad()
    def test_equals_a_1x1_convolution_over_the_concatenation(self):
        deep_channels, skip_channels, out_channels = 5, 3, 4
        arguments = {"act": None, "norm": None}
        add = AddMerge(2, deep_channels, skip_channels, out_channels, **arguments)
        concat = ConcatMerge(2, deep_channels, skip_channels)
        conv = nn.Conv2d(deep_channels + skip_channels, out_channels, 1)
        add.project_deep.conv.weight.copy_(conv.weight[:, :deep_channels])
        add.project_skip.conv.weight.copy_(conv.weight[:, deep_channels:])
        add.project_deep.conv.bias.copy_(0.25 * conv.bias)
        add.project_skip.conv.bias.copy_(0.75 * conv.bias)

        deep, skip = torch.randn(2, deep_channels, 4, 6), torch.randn(2, skip_channels, 8, 12)
        torch.testing.assert_close(add(deep, skip), conv(concat(deep, skip)), atol=1e-5, rtol=0)

    @torch.no_grad()
    def test_activates_the_sum_and_not_the_branches(self):
        merge = AddMerge(2, 4, 4, 4, act="relu", norm=None)
        for project in (merge.project_deep, merge.project_skip):
            nn.init.dirac_(project.conv.weight)
            nn.init.zeros_(project.conv.bias)
        deep, skip = torch.full((1, 4, 2, 2), -1.0), torch.full((1, 4, 4, 4), 3.0)
        assert torch.equal(merge(deep, skip), torch.full((1, 4, 4, 4), 2.0))
        assert torch.equal(merge(deep, -skip), torch.zeros(1, 4, 4, 4))

    def test_without_a_skip_only_the_deep_features_are_projected(self):
        merge = AddMerge(2, 4, 0, 6, act=None, norm=None)
        assert merge(torch.rand(1, 4, 3, 5), None).shape == (1, 6, 6, 10)
        assert sum(p.numel() for p in merge.parameters()) == 4 * 6 + 6


@pytest.mark.parametrize("block", PLAIN_BLOCKS)
@pytest.mark.parametrize("merge", sorted(MERGES))
class TestEveryCombination:
    @torch.no_grad()
    def test_returns_the_coarsest_features_and_every_stage(self, merge, block):
        decoder = UNetDecoder(FEATURES, 1, (16, 10, 6), merge, block)
        features = features_of((16, 24))
        outputs = decoder(features)
        assert outputs[0] is features[-1]
        assert [tuple(o.shape) for o in outputs[1:]] == [(2, 16, 4, 6), (2, 10, 8, 12), (2, 6, 16, 24)]
        assert decoder.channels == (20, 16, 10, 6)

    @torch.no_grad()
    def test_stops_at_the_finest_features_for_a_subpixel_head(self, merge, block):
        outputs = UNetDecoder(FEATURES, 2, (16, 10), merge, block)(features_of((16, 24)))
        assert [tuple(o.shape) for o in outputs[1:]] == [(2, 16, 4, 6), (2, 10, 8, 12)]

    def test_in_three_dimensions(self, merge, block):
        decoder = UNetDecoder(FEATURES, 1, (16, 10, 6), merge, block, spatial_dims=3)
        assert decoder(features_of((16, 8, 16)))[-1].shape == (2, 6, 16, 8, 16)


@torch.no_grad()
def test_every_skip_is_used():
    decoder = UNetDecoder(FEATURES, 1).eval()
    features = features_of((16, 24))
    expected = decoder(features)[-1]
    for level in range(len(features)):
        changed = [f + 1 if i == level else f for i, f in enumerate(features)]
        assert not torch.allclose(decoder(changed)[-1], expected)


@pytest.mark.parametrize(
    ("stages", "out_reduction", "channels"),
    [
        (5, 2, (48, 32, 16, 16)),
        (5, 1, (48, 32, 16, 16, 16)),
        (3, 2, (16, 16)),
        (3, 1, (16, 16, 16)),
        (1, 1, (16,)),
        (1, 2, ()),
    ],
)
def test_default_channels_belong_to_the_skips_from_the_finest(stages, out_reduction, channels):
    info = [FeatureInfo(8, 2 ** (stage + 1)) for stage in range(stages)]
    assert UNetDecoder(info, out_reduction).channels == (8, *channels)


@pytest.mark.parametrize(
    ("block", "count", "bias"),
    [("conv", 1, False), ("double_conv", 2, False), ("double_conv_bias", 2, True)],
)
def test_blocks(block, count, bias):
    convs = [m for m in BLOCKS[block](2, 12, 16).modules() if isinstance(m, nn.Conv2d)]
    assert [(c.kernel_size, c.groups, c.bias is not None) for c in convs] == [((3, 3), 1, bias)] * count
    assert (convs[0].in_channels, convs[-1].out_channels) == (12, 16)


@pytest.mark.parametrize("option", ["merge", "block"])
def test_unknown_option_is_refused(option):
    with pytest.raises(ValueError, match="nonsense"):
        UNetDecoder(FEATURES, **{option: "nonsense"})


@pytest.mark.parametrize("decoder_channels", [(), (8, 8), (8, 8, 8, 8)])
def test_one_channel_count_per_stage(decoder_channels):
    with pytest.raises(ValueError, match=rf"has {len(decoder_channels)} entries .* each of 3 decoder stages"):
        UNetDecoder(FEATURES, 1, decoder_channels)
