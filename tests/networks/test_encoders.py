import pytest
import torch
from torch import nn

from monai_mobileunet.networks import ENCODERS, FeatureInfo, MobileNetEncoder


def conv_and_norm(in_channels: int, out_channels: int) -> int:
    """Parameters of a 1×1 convolution without bias and its batch norm."""
    return in_channels * out_channels + 2 * out_channels


def classifier(in_channels: int, classes: int = 1000) -> int:
    return in_channels * classes + classes


@pytest.mark.parametrize(
    ("name", "published", "left_out", "expected"),
    [
        # timm's mobilenetv4_conv_small
        (
            "mobilenetv4_conv_small",
            3_774_024,
            [conv_and_norm(128, 960), conv_and_norm(960, 1280), classifier(1280)],
            1_136_864,
        ),
        # torchvision's mobilenet_v2
        ("mobilenetv2", 3_504_872, [conv_and_norm(320, 1280), classifier(1280)], 1_811_712),
    ],
)
def test_parameters_are_those_of_the_published_network_without_its_classifier(name, published, left_out, expected):
    encoder = MobileNetEncoder(name, in_channels=3)
    assert published - sum(left_out) == expected
    assert sum(p.numel() for p in encoder.parameters()) == expected


@pytest.mark.parametrize("stem_stride", [1, 2])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", sorted(ENCODERS))
@torch.no_grad()
def test_feature_info_tells_channels_and_sizes(name, depth, stem_stride):
    encoder = MobileNetEncoder(name, depth=depth, stem_stride=stem_stride).eval()
    features = encoder(torch.rand(1, 1, 64, 96))
    assert len(features) == len(encoder.feature_info) == depth
    for feature, (channels, reduction) in zip(features, encoder.feature_info, strict=True):
        assert feature.shape == (1, channels, 64 // reduction, 96 // reduction)


@torch.no_grad()
def test_feature_info_in_three_dimensions():
    encoder = MobileNetEncoder("mobilenetv4_conv_small", 3, in_channels=2, depth=4).eval()
    for feature, (channels, reduction) in zip(encoder(torch.rand(1, 2, 32, 16, 48)), encoder.feature_info, strict=True):
        assert feature.shape == (1, channels, 32 // reduction, 16 // reduction, 48 // reduction)


@pytest.mark.parametrize("stem_stride", [1, 2])
@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_every_stage_after_the_first_halves(name, stem_stride):
    """What the decoder doubles."""
    reductions = [info.reduction for info in MobileNetEncoder(name, stem_stride=stem_stride).feature_info]
    assert reductions == [stem_stride * 2**stage for stage in range(5)]


@pytest.mark.parametrize(
    ("name", "width", "channels"),
    [
        ("mobilenetv4_conv_small", 1.0, [32, 32, 64, 96, 128]),
        ("mobilenetv4_conv_small", 0.5, [16, 16, 32, 48, 64]),
        ("mobilenetv2", 1.0, [16, 24, 32, 96, 320]),
        ("mobilenetv2", 0.35, [8, 8, 16, 32, 112]),
    ],
)
def test_channels(name, width, channels):
    assert [info.channels for info in MobileNetEncoder(name, width=width).feature_info] == channels


def test_stem_stride_changes_no_weight_shape():
    as_published, full_resolution = (MobileNetEncoder("mobilenetv2", stem_stride=stride) for stride in (2, 1))
    full_resolution.load_state_dict(as_published.state_dict(), strict=True)
    assert full_resolution.feature_info[0] == FeatureInfo(16, 1)


@pytest.mark.parametrize(
    ("name", "act", "kind"),
    [
        ("mobilenetv2", None, nn.ReLU6),
        ("mobilenetv4_conv_small", None, nn.ReLU),
        ("mobilenetv4_conv_small", "gelu", nn.GELU),
        ("mobilenetv2", ("leakyrelu", {"negative_slope": 0.2}), nn.LeakyReLU),
    ],
)
def test_activation_is_that_of_the_paper_or_the_given_one(name, act, kind):
    encoder = MobileNetEncoder(name, depth=2, act=act)
    activations = {type(m) for m in encoder.modules() if type(m).__module__ == "torch.nn.modules.activation"}
    assert activations == {kind}


@pytest.mark.parametrize(
    ("norm", "kind"), [("instance", nn.InstanceNorm2d), (("group", {"num_groups": 8}), nn.GroupNorm)]
)
def test_norm(norm, kind):
    encoder = MobileNetEncoder("mobilenetv4_conv_small", norm=norm)
    norms = [m for m in encoder.modules() if isinstance(m, kind)]
    assert len(norms) == sum(isinstance(m, nn.Conv2d) for m in encoder.modules())
