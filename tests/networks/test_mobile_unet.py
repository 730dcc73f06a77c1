from typing import ClassVar

import pytest
import torch
import torch._inductor.exc
from monai.losses import DeepSupervisionLoss, DiceCELoss
from monai.networks.utils import pixelshuffle
from torch import nn

from monai_mobileunet import MobileUNet

from .contract import NetworkContract, assert_close


class TestDefault(NetworkContract):
    def test_onnx_export_agrees(self, network, tmp_path):  # not slow here: the default has to export every day
        super().test_onnx_export_agrees(network, tmp_path)

    def test_is_captured_in_one_graph(self, network):
        self.check_compiled(network, [self.image(2, 64, 96)], backend="aot_eager")

    @pytest.mark.slow
    def test_compiled_for_dynamic_sizes_agrees_on_square_images(self, network):
        self.check_compiled(network, [self.image(2, 64, 64), self.image(3, 48, 48)], dynamic=True)


class TestStemStride1(NetworkContract):
    arguments: ClassVar = {"stem_stride": 1}


class TestOutSlices(NetworkContract):
    arguments: ClassVar = {"in_channels": 5, "out_slices": 3}

    def test_classes_and_slices_are_axes_of_the_scores(self):
        network = self.trained(out_channels=2, deep_supervision=True)
        outputs = network.train()(self.image(2, 32, 40, channels=5))
        assert {output.shape for output in outputs} == {(2, 2, 3, 32, 40)}
        label = torch.randint(0, 2, (2, 1, 3, 32, 40))
        loss = DeepSupervisionLoss(DiceCELoss(to_onehot_y=True, softmax=True))(outputs, label)
        loss.backward()
        assert network.head.weight.grad.abs().sum() > 0


class TestMobileNetV2(NetworkContract):
    arguments: ClassVar = {"encoder": "mobilenetv2"}


class TestMobileNetV1(NetworkContract):
    arguments: ClassVar = {"encoder": "mobilenetv1"}


class TestMobileNetV3Large(NetworkContract):
    arguments: ClassVar = {"encoder": "mobilenetv3_large"}


class TestMobileNetV3Small(NetworkContract):
    arguments: ClassVar = {"encoder": "mobilenetv3_small"}


class TestMobileNetV4ConvMedium(NetworkContract):
    arguments: ClassVar = {"encoder": "mobilenetv4_conv_medium"}


class TestDense(NetworkContract):
    arguments: ClassVar = {"merge": "concat", "block": "double_conv", "head": "full"}


class TestConcatWithALargerHead(NetworkContract):
    arguments: ClassVar = {"merge": "concat", "head_kernel_size": 3}


class TestDepth3(NetworkContract):
    arguments: ClassVar = {"depth": 3}


class TestHalfWidth(NetworkContract):
    arguments: ClassVar = {"width": 0.5}


class TestInstanceNorm(NetworkContract):
    arguments: ClassVar = {"norm": "instance"}
    tolerance = 5e-3  # statistics of the few pixels of the coarsest features enlarge what rounding left

    @pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3)])
    def test_segments_images_smaller_than_its_reduction(self, network, size):
        """A norm over positions needs more than one of them; the documented exception to any size."""
        with pytest.raises(ValueError, match="more than 1 spatial element"):
            network(self.image(1, *size))
        self._check_shape(network, self.image(1, network.reduction + 1, 1), 2)


class TestDeepSupervision(NetworkContract):
    arguments: ClassVar = {"deep_supervision": True}

    @torch.no_grad()
    def test_torch_script_returns_every_output_in_training_mode(self):
        images = self.image(2, 64, 72)
        original, scripted = self.trained().train(), torch.jit.script(self.trained()).train()
        torch.manual_seed(0)  # where the image lies in its padding is drawn
        expected = original(images)
        torch.manual_seed(0)
        outputs = scripted(images)
        assert len(outputs) == len(expected) > 1
        for output, scores in zip(outputs, expected, strict=True):
            assert_close(output, scores, 1e-4)


class TestDropout(NetworkContract):
    arguments: ClassVar = {"dropout": 0.5}

    @torch.no_grad()
    def test_dropout_is_active_in_training_mode_only(self, network):
        image = self.image(1, 64, 64)
        network = self.trained()
        without_dropout = self.make(dropout=0.0).eval()
        without_dropout.load_state_dict(network.state_dict())
        assert torch.equal(network(image), without_dropout(image))
        network.dropout.train()
        assert not torch.equal(network(image), network(image))

    @torch.no_grad()
    def test_it_drops_channels_of_the_coarsest_and_of_the_finest_features(self):
        network, seen = self.trained(), []
        network.dropout.train()
        network.dropout.register_forward_hook(lambda module, inputs, output: seen.append(output))
        network(self.image(2, 64, 64))
        assert [features.shape[1] for features in seen] == [network.decoder.channels[0], network.decoder.channels[-1]]


class TestThreeDimensions(NetworkContract):
    arguments: ClassVar = {"spatial_dims": 3, "depth": 3}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("encoder", "mobilenetv9"),
        ("merge", "multiply"),
        ("block", "dense"),
        ("head", "none"),
    ],
)
def test_unknown_option_is_refused_with_the_ones_that_exist(option, value):
    existing = {"encoder": "mobilenetv2", "merge": "concat", "block": "conv", "head": "full"}
    with pytest.raises(ValueError, match=value) as error:
        MobileUNet(**{option: value})
    assert existing[option] in str(error.value)


def test_options_are_taken_as_they_are_looked_up():
    """MONAI's look-up forgives spaces around a name; what is built must be what was found."""
    forgiven = MobileUNet(encoder="mobilenetv2 ", merge=" concat", block=" double_conv", head="subpixel ")
    exact = MobileUNet(encoder="mobilenetv2", merge="concat", block="double_conv", head="subpixel")
    assert str(forgiven) == str(exact)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, r"depth is 0; encoder 'mobilenetv4_conv_small' has 1 to 5 stages"),
        ({"depth": 6}, r"depth is 6; encoder 'mobilenetv4_conv_small' has 1 to 5 stages"),
        ({"stem_stride": 0}, r"stem_stride is 0; it must be 1 .* or 2"),
        ({"stem_stride": 4}, r"stem_stride is 4; it must be 1 .* or 2"),
        ({"width": 0}, r"width is 0; .* above 0"),
        ({"width": -1.0}, r"width is -1.0; .* above 0"),
        ({"dropout": 1.0}, r"dropout is 1.0; it must be in \[0, 1\)"),
        ({"dropout": -0.1}, r"dropout is -0.1; it must be in \[0, 1\)"),
        ({"spatial_dims": 1}, r"spatial_dims is 1; MobileUNet has 2 and 3"),
        ({"in_channels": 0}, r"in_channels is 0; it must be at least 1"),
        ({"out_channels": 0}, r"out_channels is 0; it must be at least 1"),
        ({"decoder_channels": (64, 48, 32)}, r"decoder_channels has 3 entries \(64, 48, 32\); .* 4 decoder stages"),
        ({"decoder_channels": [8] * 4, "head": "full"}, r"decoder_channels has 4 entries .* 5 decoder stages"),
        ({"decoder_channels": [8, 8, 0, 8]}, r"need one of at least 1 for each of 4 decoder stages"),
        ({"skips": 5}, r"skips is 5; this encoder has 0 to 4 skips"),
        ({"block": "transposed_conv"}, r"merge is 'add'; a transposed_conv block needs merge 'concat_after'"),
        ({"head": "transposed", "stem_stride": 1}, r"head is 'transposed', .* stem_stride is 1, not 2"),
        ({"head_kernel_size": 2}, r"head_kernel_size is 2; it must be odd"),
        ({"decoder_channels": [8] * 4, "depth": 2}, r"decoder_channels has 4 entries .* 1 decoder stages"),
    ],
)
def test_value_out_of_range_is_refused_with_the_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        MobileUNet(**arguments)


def test_parameters_of_the_default_variant():
    network = MobileUNet()
    assert sum(p.numel() for p in network.encoder.parameters()) == 1_136_288
    assert sum(p.numel() for p in network.parameters()) == 1_187_778


@torch.no_grad()
def test_decoder_channels_are_those_given_and_the_last_goes_into_the_head():
    network = MobileUNet(decoder_channels=[40, 24, 16, 12])
    stages = network.decoder(network.encoder(torch.rand(2, 1, 64, 64)))
    assert [s.shape[1] for s in stages[1:]] == [40, 24, 16, 12]
    assert network.head.in_channels == 12


@pytest.mark.parametrize(
    ("arguments", "coarsest"),
    [({"stem_stride": 1}, (3, 4)), ({}, (2, 2)), ({"depth": 3, "stem_stride": 1}, (12, 14))],
)
@torch.no_grad()
def test_coarsest_features_of_a_hippocampus_slice(arguments, coarsest):
    network = MobileUNet(**arguments).eval()
    seen = []
    network.encoder.register_forward_hook(lambda module, args, features: seen.append(features[-1].shape[2:]))
    network(torch.rand(1, 1, 48, 56))
    assert seen == [coarsest]


@torch.no_grad()
def test_subpixel_and_full_head_are_the_same_network_with_stem_stride_1():
    subpixel = MobileUNet(stem_stride=1, head="subpixel").eval()
    full = MobileUNet(stem_stride=1, head="full").eval()
    assert isinstance(subpixel.head, nn.Conv2d)
    full.load_state_dict(subpixel.state_dict(), strict=True)
    image = torch.rand(1, 1, 48, 56)
    assert torch.equal(full(image), subpixel(image))


@pytest.mark.parametrize("spatial_dims", [2, 3])
@torch.no_grad()
def test_subpixel_head_is_a_1x1_convolution_and_a_pixel_shuffle(spatial_dims):
    network = MobileUNet(spatial_dims, out_channels=3, depth=2)
    features = torch.rand(1, network.head.in_channels, *[4] * spatial_dims)
    weights = network.head.weight.flatten(1).t()  # (class and sub-position, channel)
    scores = torch.einsum("oc,bc...->bo...", weights, features)
    shuffled = pixelshuffle(scores, spatial_dims, 2) + network.head.bias.view(1, -1, *[1] * spatial_dims)
    assert shuffled.shape == (1, 3, *[8] * spatial_dims)
    torch.testing.assert_close(network.head(features), shuffled)


@torch.no_grad()
def test_subpixel_head_with_a_larger_kernel_predicts_every_position_under_a_stem_pixel():
    conv = (network := MobileUNet(out_channels=3, depth=2, head_kernel_size=3)).head.conv_block
    nn.init.zeros_(conv.weight)
    conv.bias.copy_(torch.arange(12))
    scores = network.head(torch.rand(1, conv.in_channels, 4, 4))
    assert scores.shape == (1, 3, 8, 8)
    for c in range(3):
        under_one_pixel = scores[0, c, :2, :2]
        assert sorted(under_one_pixel.flatten().tolist()) == [4 * c + i for i in range(4)]
        assert torch.equal(scores[0, c], under_one_pixel.repeat(4, 4))


@pytest.mark.parametrize("width", [50, 64])
def test_head_kernel_of_3_keeps_the_size(width):
    assert MobileUNet(head_kernel_size=3).eval()(torch.rand(1, 1, 37, width)).shape == (1, 2, 37, width)


@pytest.mark.parametrize("merge", ["add", "concat"])
def test_hard_swish_reaches_encoder_and_decoder(merge):
    network = MobileUNet(act="hardswish", merge=merge)
    for part in (network.encoder, network.decoder):
        assert any(isinstance(m, nn.Hardswish) for m in part.modules())
        assert not any(isinstance(m, nn.ReLU) for m in part.modules())


@pytest.mark.parametrize("deep_supervision", [False, True])
def test_parameters_that_want_a_gradient_get_one(deep_supervision):
    """Distributed training waits for every one of them."""
    network = MobileUNet(deep_supervision=deep_supervision).train()
    scores = network(torch.rand(2, 1, 64, 64))
    sum(s.sum() for s in (scores if deep_supervision else [scores])).backward()
    assert all((p.grad is not None) == p.requires_grad for p in network.parameters())
    assert network.aux_heads[0].weight.requires_grad == deep_supervision


@pytest.mark.parametrize("skips", [0, 1, 3])
@pytest.mark.parametrize("merge", ["add", "concat", "concat_after"])
@torch.no_grad()
def test_skips_are_counted_from_the_coarsest(merge, skips):
    network = MobileUNet(merge=merge, skips=skips).eval()
    features = network.encoder(torch.rand(1, 1, 64, 64))
    scores = network.decoder(list(features))[-1]
    for level, feature in enumerate(reversed(features[:-1])):
        changed = list(features)
        changed[-2 - level] = torch.randn_like(feature)
        assert torch.equal(network.decoder(changed)[-1], scores) == (level >= skips)


def test_heads_for_deep_supervision_are_only_there_where_it_is_spoken_of():
    without, with_heads = MobileUNet(), MobileUNet(deep_supervision=False)
    assert not any(name.startswith("aux_heads") for name in without.state_dict())
    assert not without.deep_supervision
    assert set(with_heads.state_dict()) > set(without.state_dict())


class TestDeepSupervisionOutputs:
    @pytest.mark.parametrize(
        ("arguments", "outputs"),
        [({}, 4), ({"head": "full"}, 5), ({"stem_stride": 1}, 4), ({"depth": 3}, 2), ({"depth": 2}, 1)],
    )
    def test_one_per_decoder_stage_all_of_the_size_of_the_image(self, arguments, outputs):
        network = MobileUNet(out_channels=3, deep_supervision=True, **arguments).train()
        assert [s.shape for s in network(torch.rand(2, 1, 37, 50))] == [(2, 3, 37, 50)] * outputs

    def test_in_three_dimensions(self):
        network = MobileUNet(3, deep_supervision=True, depth=4).train()
        assert [s.shape for s in network(torch.rand(2, 1, 17, 24, 9))] == [(2, 2, 17, 24, 9)] * 3

    @torch.no_grad()
    def test_go_from_fine_to_coarse(self):
        """Scores are interpolated from stages of 1/2, 1/4, 1/8 and 1/16: the coarser, the smoother."""
        network = MobileUNet(deep_supervision=True).train()
        outputs = network(torch.randn(2, 1, 128, 128))
        roughness = [float(s.diff(dim=2).abs().mean() / s.std()) for s in outputs]
        assert roughness == sorted(roughness, reverse=True)

    @torch.no_grad()
    def test_first_is_what_the_network_returns_without_deep_supervision(self):
        network = MobileUNet(deep_supervision=True).train()
        image = torch.rand(2, 1, 64, 64)
        first = network(image)[0]
        network.deep_supervision = False
        assert torch.equal(network(image), first)

    def test_are_one_tensor_in_eval_mode(self):
        assert isinstance(MobileUNet(deep_supervision=True).eval()(torch.rand(1, 1, 32, 32)), torch.Tensor)

    def test_deep_supervision_loss_trains_every_head(self):
        network = MobileUNet(out_channels=3, deep_supervision=True).train()
        loss = DeepSupervisionLoss(DiceCELoss(to_onehot_y=True, softmax=True))
        value = loss(network(torch.rand(2, 1, 48, 56)), torch.randint(0, 3, (2, 1, 48, 56)).float())
        value.backward()
        assert value.isfinite()
        for head in [network.head, *network.aux_heads]:
            assert head.weight.grad.isfinite().all()
            assert head.weight.grad.abs().max() > 0
