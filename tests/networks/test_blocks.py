import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from monai_mobileunet.networks.blocks import (
    FusedInvertedBottleneck,
    UniversalInvertedBottleneck,
    conv_norm_act,
    make_divisible,
)
from monai_mobileunet.networks.literature import InvertedResidual


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [m for m in module.modules() if isinstance(m, nn.Conv2d)]


def count_weights(module: nn.Module) -> int:
    return sum(c.weight.numel() for c in convolutions(module))


def silence(block: nn.Module) -> nn.Module:
    """Let the last norm return 0, so that only the residual is left."""
    norm = block.layers[-1].adn.N
    nn.init.zeros_(norm.weight)
    nn.init.zeros_(norm.bias)
    return block.eval()


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (1, 8),  # never under the divisor
        (8, 8),
        (11, 16),  # 8 would lose more than 10 %
        (12, 16),
        (17, 16),
        (18, 24),  # 16 would lose more than 10 %
        (28, 32),
        (32 * 0.5, 16),
        (24 * 0.75, 24),
        (96 * 1.4, 136),  # MobileNetV2 1.4
        (320 * 0.35, 112),  # MobileNetV2 0.35
    ],
)
def test_make_divisible(channels, expected):
    assert make_divisible(channels) == expected


@given(st.floats(1, 4096), st.sampled_from([1, 4, 8, 16]))
def test_make_divisible_gives_a_near_multiple_and_loses_no_more_than_a_tenth(channels, divisor):
    rounded = make_divisible(channels, divisor)
    assert rounded % divisor == 0
    assert 0.9 * channels <= rounded < channels + divisor


class TestConvNormAct:
    @pytest.mark.parametrize("kernel_size", [1, 3, 5])
    @pytest.mark.parametrize("stride", [1, 2])
    def test_padding_keeps_the_size_divided_by_the_stride_rounded_up(self, kernel_size, stride):
        out = conv_norm_act(2, 3, 8, kernel_size, stride)(torch.rand(2, 3, 9, 12))
        assert out.shape == (2, 8, -(-9 // stride), 12 // stride)

    def test_order_is_convolution_norm_activation(self):
        block = conv_norm_act(2, 3, 8)
        assert [type(m) for m in block.modules() if not list(m.children())] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]

    def test_bias_only_without_a_norm(self):
        assert conv_norm_act(2, 3, 8).conv.bias is None
        assert conv_norm_act(2, 3, 8, norm=None).conv.bias is not None

    def test_bias_where_asked_for(self):
        assert conv_norm_act(2, 3, 8, bias=True).conv.bias is not None

    @pytest.mark.parametrize("act", ["hardswish", "HARDSWISH", ("hardswish", {"inplace": True})])
    @pytest.mark.parametrize("norm", ["batch", None])
    def test_hard_swish_which_monai_has_no_name_for(self, norm, act):
        block = conv_norm_act(2, 3, 8, act=act, norm=norm)
        assert isinstance(list(block.modules())[-1], nn.Hardswish)
        assert not any(isinstance(m, nn.ReLU) for m in block.modules())

    @pytest.mark.parametrize("spatial_dims", [2, 3])
    def test_transposed_multiplies_the_size_by_the_stride(self, spatial_dims):
        block = conv_norm_act(spatial_dims, 3, 8, stride=2, transposed=True)
        assert block(torch.rand(2, 3, *(5, 6, 4)[:spatial_dims])).shape == (2, 8, *(10, 12, 8)[:spatial_dims])

    def test_without_norm_and_activation_it_is_the_convolution(self):
        block, x = conv_norm_act(2, 3, 8, act=None, norm=None), torch.randn(1, 3, 5, 5)
        assert torch.equal(block(x), block.conv(x))

    def test_three_dimensions(self):
        assert conv_norm_act(3, 3, 8, stride=2)(torch.rand(2, 3, 8, 9, 4)).shape == (2, 8, 4, 5, 2)


class TestFusedInvertedBottleneck:
    def test_one_dense_convolution_then_a_linear_projection(self):
        block = FusedInvertedBottleneck(2, 16, 24, stride=2, hidden_channels=64)
        dense, project = convolutions(block)
        assert (dense.out_channels, dense.kernel_size, dense.stride, dense.groups) == (64, (3, 3), (2, 2), 1)
        assert (project.out_channels, project.kernel_size) == (24, (1, 1))
        assert sum(isinstance(m, nn.ReLU) for m in block.modules()) == 1
        assert not any(isinstance(m, nn.ReLU) for m in block.layers[-1].modules())


class TestUniversalInvertedBottleneck:
    @pytest.mark.parametrize(
        ("start_kernel_size", "kernel_size", "form"),
        [
            (3, 5, [(3, 16), (1, 1), (5, 64), (1, 1)]),  # extra depthwise
            (0, 5, [(1, 1), (5, 64), (1, 1)]),  # inverted bottleneck
            (3, 0, [(3, 16), (1, 1), (1, 1)]),  # ConvNeXt-like
            (0, 0, [(1, 1), (1, 1)]),  # feed-forward
        ],
    )
    def test_forms(self, start_kernel_size, kernel_size, form):
        block = UniversalInvertedBottleneck(
            2, 16, 24, kernel_size=kernel_size, start_kernel_size=start_kernel_size, hidden_channels=64
        )
        assert [(c.kernel_size[0], c.groups) for c in convolutions(block)] == form
        assert block(torch.rand(2, 16, 7, 9)).shape == (2, 24, 7, 9)

    @pytest.mark.parametrize(
        ("start_kernel_size", "kernel_size", "strides"),
        [(3, 3, [1, 1, 2, 1]), (0, 3, [1, 2, 1]), (3, 0, [2, 1, 1])],
    )
    def test_stride_sits_in_the_later_depthwise_convolution(self, start_kernel_size, kernel_size, strides):
        block = UniversalInvertedBottleneck(
            2, 16, 16, kernel_size=kernel_size, stride=2, start_kernel_size=start_kernel_size
        )
        assert [c.stride[0] for c in convolutions(block)] == strides
        assert block(torch.rand(2, 16, 7, 10)).shape == (2, 16, 4, 5)

    def test_stride_without_a_depthwise_convolution_is_refused(self):
        with pytest.raises(ValueError, match="stride 2 needs a depthwise convolution: set kernel_size"):
            UniversalInvertedBottleneck(2, 16, 16, kernel_size=0, stride=2)

    def test_depthwise_before_the_expansion_and_projection_have_no_activation(self):
        block = UniversalInvertedBottleneck(2, 16, 16, kernel_size=3, start_kernel_size=3)
        assert [any(isinstance(m, nn.ReLU) for m in layer.modules()) for layer in block.layers] == [
            False, True, True, False,
        ]  # fmt: skip


@pytest.mark.parametrize("block_type", [InvertedResidual, UniversalInvertedBottleneck, FusedInvertedBottleneck])
@pytest.mark.parametrize("spatial_dims", [2, 3])
class TestResidual:
    def test_adds_the_input_where_the_shapes_agree(self, block_type, spatial_dims):
        block = silence(block_type(spatial_dims, 16, 16))
        x = torch.randn(2, 16, *[6] * spatial_dims)
        assert torch.equal(block(x), x)

    @pytest.mark.parametrize(("out_channels", "stride"), [(24, 1), (16, 2), (24, 2)])
    def test_adds_nothing_where_they_do_not(self, block_type, spatial_dims, out_channels, stride):
        block = silence(block_type(spatial_dims, 16, out_channels, stride=stride))
        out = block(torch.randn(2, 16, *[6] * spatial_dims))
        assert out.shape == (2, out_channels, *[6 // stride] * spatial_dims)
        assert not out.any()
