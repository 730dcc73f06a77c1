import pytest
import torch
from torch import nn

from monai_mobileunet.networks import MobileNetEncoder, UNetDecoder
from monai_mobileunet.networks.blocks import conv_norm_act
from monai_mobileunet.networks.literature import ConcatMerge, InvertedResidual, SqueezeExcite, separable_conv

from .test_blocks import convolutions, count_weights
from .test_decoders import FEATURES, features_of


class TestSeparableConv:
    def test_has_a_seventh_of_the_weights_of_the_dense_convolution(self):
        assert count_weights(separable_conv(2, 16, 32, 3)) == 16 * 9 + 16 * 32 == 656
        assert count_weights(conv_norm_act(2, 16, 32, 3)) == 16 * 32 * 9 == 4608

    def test_filters_every_channel_by_itself_then_mixes_them(self):
        depthwise, pointwise = convolutions(separable_conv(2, 16, 32, 5))
        assert (depthwise.groups, depthwise.kernel_size) == (16, (5, 5))
        assert (pointwise.groups, pointwise.kernel_size) == (1, (1, 1))

    def test_shape(self):
        assert separable_conv(2, 16, 32)(torch.rand(2, 16, 7, 9)).shape == (2, 32, 7, 9)


class TestSqueezeExcite:
    @pytest.mark.parametrize(("channels", "squeezed"), [(16, 8), (72, 24), (120, 32), (672, 168), (960, 240)])
    def test_squeezes_to_a_quarter_rounded(self, channels, squeezed):
        """The channels of torchvision's ``fc1``."""
        first, second = convolutions(SqueezeExcite(2, channels))
        assert (first.out_channels, second.out_channels) == (squeezed, channels)

    @pytest.mark.parametrize("spatial_dims", [2, 3])
    @torch.no_grad()
    def test_scales_whole_channels_by_what_the_means_tell(self, spatial_dims):
        block = SqueezeExcite(spatial_dims, 16)
        x = torch.randn(2, 16, *[6] * spatial_dims)
        factors = block(x) / x
        torch.testing.assert_close(factors, factors.flatten(2).mean(-1)[(...,) + (None,) * spatial_dims].expand_as(x))
        assert 0 <= factors.min() < factors.max() <= 1
        shuffled = x.flatten(2)[..., torch.randperm(6**spatial_dims)].view_as(x)
        torch.testing.assert_close(block(shuffled) / shuffled, factors)


class TestInvertedResidual:
    def test_squeeze_excite_comes_between_filter_and_projection(self):
        block = InvertedResidual(2, 16, 24, hidden_channels=64, squeeze_excite=True)
        assert [type(layer).__name__ for layer in block.layers][2] == "SqueezeExcite"
        assert len(block.layers) == 4

    def test_expands_filters_projects(self):
        expand, filter_, project = convolutions(InvertedResidual(2, 16, 24, hidden_channels=96))
        assert (expand.in_channels, expand.out_channels, expand.kernel_size) == (16, 96, (1, 1))
        assert (filter_.groups, filter_.kernel_size) == (96, (3, 3))
        assert (project.in_channels, project.out_channels, project.kernel_size) == (96, 24, (1, 1))

    def test_without_expansion_there_is_no_first_convolution(self):
        assert [c.groups for c in convolutions(InvertedResidual(2, 16, 24, hidden_channels=16))] == [16, 1]

    def test_projection_is_linear(self):
        block = InvertedResidual(2, 16, 24)
        assert sum(isinstance(m, nn.ReLU6) for m in block.modules()) == 2
        assert not any(isinstance(m, nn.ReLU6) for m in block.layers[-1].modules())


class TestConcatMerge:
    def test_up_sampled_deep_features_come_first(self):
        merge = ConcatMerge(2, 1, 1)
        deep, skip = torch.rand(1, 1, 2, 3), torch.rand(1, 1, 4, 6)
        merged = merge(deep, skip)
        assert merged.shape[1] == merge.out_channels == 2
        assert torch.equal(merged[:, :1], deep.repeat_interleave(2, 2).repeat_interleave(2, 3))
        assert torch.equal(merged[:, 1:], skip)

    def test_without_a_skip_only_up_samples(self):
        merge = ConcatMerge(2, 3, 0)
        assert merge(torch.rand(1, 3, 2, 3), None).shape == (1, merge.out_channels, 4, 6) == (1, 3, 4, 6)


class TestConcatAfter:
    @pytest.mark.parametrize("spatial_dims", [2, 3])
    @pytest.mark.parametrize("block", ["double_conv_bias", "transposed_conv"])
    @torch.no_grad()
    def test_stage_ends_with_the_skip(self, block, spatial_dims):
        decoder = UNetDecoder(FEATURES, 1, (16, 10, 6), "concat_after", block, spatial_dims=spatial_dims)
        features = features_of((16, 24, 16)[:spatial_dims])
        outputs = decoder(features)
        assert decoder.channels == (20, 16 + 12, 10 + 8, 6)
        assert [o.shape[1] for o in outputs] == list(decoder.channels)
        assert torch.equal(outputs[1][:, 16:], features[1])
        assert torch.equal(outputs[2][:, 10:], features[0])
        assert outputs[3].shape[2:] == (16, 24, 16)[:spatial_dims]

    @torch.no_grad()
    def test_deep_half_does_not_depend_on_the_skip(self):
        decoder = UNetDecoder(FEATURES, 2, (16, 10), "concat_after").eval()
        features = features_of((16, 24))
        changed = [features[0], torch.randn_like(features[1]), features[2]]
        assert torch.equal(decoder(features)[1][:, :16], decoder(changed)[1][:, :16])


@pytest.mark.parametrize("name", ["mobilenetv2", "mobilenetv3_large"])
@torch.no_grad()
def test_expansion_taps_compute_the_same_coarsest_features(name):
    image = torch.rand(2, 1, 64, 64)
    torch.manual_seed(0)
    stages = MobileNetEncoder(name).eval()
    torch.manual_seed(0)
    expansions = MobileNetEncoder(name, taps="expansion").eval()
    assert torch.equal(stages(image)[-1], expansions(image)[-1])
    for feature, (channels, reduction) in zip(expansions(image), expansions.feature_info, strict=True):
        assert feature.shape == (2, channels, 64 // reduction, 64 // reduction)


@pytest.mark.parametrize("name", ["mobilenetv1", "mobilenetv3_small", "mobilenetv4_conv_small"])
def test_expansion_taps_are_refused_where_a_stage_begins_without_one(name):
    with pytest.raises(ValueError, match=rf"stage 2 of encoder '{name}' begins without an expansion"):
        MobileNetEncoder(name, taps="expansion")
