import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from torch import nn

from monai_mobileunet import ContextSliceInferer, MobileUNet
from monai_mobileunet.inferers import AutocastInferer, has_bfloat16


class Recorder(nn.Module):
    """A convolution that remembers the type of what it computed."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.dtypes = set()

    def forward(self, x):
        out = self.conv(x)
        self.dtypes.add(out.dtype)
        return out


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Recorder().eval()


@torch.no_grad()
def test_bfloat16_inside_and_float32_outside(network):
    image = torch.rand(2, 1, 12, 9)
    scores = AutocastInferer()(image, network)
    assert network.dtypes == {torch.bfloat16}
    assert scores.dtype == torch.float32
    assert scores.shape == (2, 2, 12, 9)
    assert not torch.equal(scores, network(image))
    torch.testing.assert_close(scores, network(image), atol=0.02, rtol=0)


@torch.no_grad()
def test_autocast_ends_with_the_call(network):
    AutocastInferer()(torch.rand(1, 1, 8, 8), network)
    network.dtypes.clear()
    network(torch.rand(1, 1, 8, 8))
    assert network.dtypes == {torch.float32}


@pytest.mark.parametrize("roi_size", [-1, (6, 5)])
@torch.no_grad()
def test_runs_another_inferer(network, roi_size):
    inferer = ContextSliceInferer(2, roi_size, mode="gaussian")
    volume = torch.rand(1, 1, 8, 9, 5)
    scores = AutocastInferer(inferer)(volume, network)
    assert network.dtypes == {torch.bfloat16}
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, inferer(volume, network), atol=0.02, rtol=0)


@torch.no_grad()
def test_mobile_unet_gives_nearly_the_scores_of_float32():
    torch.manual_seed(0)
    network = MobileUNet(depth=3).eval()
    image = torch.randn(1, 1, 37, 50)
    difference = AutocastInferer()(image, network) - network(image)
    assert 0 < difference.abs().max() < 0.05 * network(image).abs().max()


def test_gradients_reach_the_float32_weights(network):
    AutocastInferer()(torch.rand(1, 1, 8, 8), network).square().mean().backward()
    assert network.conv.weight.grad.dtype == torch.float32
    assert network.conv.weight.grad.abs().max() > 0


@torch.no_grad()
def test_outputs_of_deep_supervision_come_back_as_a_list():
    outputs = AutocastInferer()(torch.rand(2, 1, 32, 32), MobileUNet(deep_supervision=True, depth=3).train())
    assert isinstance(outputs, list)
    assert len(outputs) == 2


def test_further_arguments_reach_the_network():
    def network(x, factor, shift=0.0):
        return factor * x + shift

    assert torch.equal(AutocastInferer()(torch.ones(1, 1, 2, 2), network, 3, shift=2), torch.full((1, 1, 2, 2), 5.0))


@torch.no_grad()
def test_a_meta_tensor_keeps_its_affine(network):
    affine = torch.diag(torch.tensor([2.0, 3.0, 4.0, 1.0], dtype=torch.float64))
    scores = AutocastInferer(ContextSliceInferer(2))(MetaTensor(torch.rand(1, 1, 8, 9, 5), affine=affine), network)
    assert isinstance(scores, MetaTensor)
    assert scores.dtype == torch.float32
    assert torch.equal(scores.affine, affine)


@torch.no_grad()
def test_is_chosen_by_one_override_in_a_config(network):
    config = {"inferer": {"_target_": "monai.inferers.SimpleInferer"}}
    override = {
        "inferer": {
            "_target_": "monai_mobileunet.inferers.AutocastInferer",
            "inferer": {"_target_": "monai_mobileunet.inferers.ContextSliceInferer", "roi_size": 16},
            "dtype": "$torch.bfloat16",
        }
    }
    inferer = ConfigParser({**config, **override, "imports": ["$import torch"]}).get_parsed_content("inferer")
    assert inferer(torch.rand(1, 1, 8, 9, 3), network).shape == (1, 2, 8, 9, 3)
    assert network.dtypes == {torch.bfloat16}


class TestTrainingOnACpu:
    """The gradient of a depthwise convolution in bfloat16 is slow there, so these stay in float32."""

    def dtypes(self, **arguments) -> dict[str, torch.dtype]:
        torch.manual_seed(0)
        network, seen = MobileUNet(encoder="mobilenetv2", stem_stride=1, depth=2), {}
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(
                    lambda m, _, out, name=name: seen.update({name: (m.groups > 1, out.dtype)})
                )
        scores = AutocastInferer(**arguments)(torch.rand(2, 1, 16, 16), network)
        assert scores.dtype == torch.float32
        if scores.requires_grad:
            scores.square().mean().backward()
            assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
        return {kind: {dtype for grouped, dtype in seen.values() if grouped == kind} for kind in (True, False)}

    def test_depthwise_convolutions_stay_in_float32(self):
        assert self.dtypes() == {True: {torch.float32}, False: {torch.bfloat16}}

    def test_at_prediction_everything_is_bfloat16(self):
        with torch.no_grad():
            assert self.dtypes() == {True: {torch.bfloat16}, False: {torch.bfloat16}}

    def test_switched_off_everything_is_float32(self):
        assert self.dtypes(enabled=False) == {True: {torch.float32}, False: {torch.float32}}

    @pytest.mark.parametrize("conv", [nn.Conv2d(4, 4, 5, 2, 2, groups=4), nn.Conv2d(4, 8, 3, padding="same", groups=2)])
    def test_their_gradients_are_those_of_float32(self, conv):
        image, gradients = torch.rand(2, 4, 12, 12), []
        for enabled in (False, True):
            conv.zero_grad()
            AutocastInferer(enabled=enabled)(image, conv).square().mean().backward()
            gradients.append(conv.weight.grad.clone())
        assert torch.equal(*gradients)

    def test_gradients_of_dense_convolutions_are_near_those_of_float32(self):
        conv, image, gradients = nn.Conv2d(4, 8, 3), torch.rand(2, 4, 12, 12), []
        for enabled in (False, True):
            conv.zero_grad()
            AutocastInferer(enabled=enabled)(image, conv).square().mean().backward()
            gradients.append(conv.weight.grad.flatten())
        assert not torch.equal(*gradients)
        assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.999

    def test_given_by_name_or_in_bfloat16_they_are_taken_too(self):
        image, weight = torch.rand(1, 4, 6, 6), torch.rand(4, 1, 3, 3, requires_grad=True)
        expected = nn.functional.conv2d(image, weight, groups=4)

        def network(x):
            by_name = nn.functional.conv2d(input=x, weight=weight, groups=4)
            in_bfloat16 = nn.functional.conv2d(x.bfloat16(), weight.bfloat16(), groups=4)
            assert by_name.dtype == in_bfloat16.dtype == torch.float32
            torch.testing.assert_close(in_bfloat16, by_name, atol=0.05, rtol=0)
            return by_name

        assert torch.equal(AutocastInferer()(image, network), expected)


@torch.no_grad()
def test_switched_off_it_leaves_an_outer_autocast_and_the_type_alone(network):
    with torch.autocast("cpu", torch.bfloat16):
        scores = AutocastInferer(enabled=False)(torch.rand(1, 1, 8, 8), network)
    assert scores.dtype == torch.bfloat16
    assert AutocastInferer(enabled=False)(torch.rand(1, 1, 8, 8).double(), network.double()).dtype == torch.float64


class TestHasBfloat16:
    @pytest.mark.parametrize(
        ("told", "expected"), [({"avx512_bf16": True}, True), ({"avx512_bf16": False}, False), ({}, False)]
    )
    def test_of_a_cpu_is_what_its_capabilities_tell(self, monkeypatch, told, expected):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
        assert has_bfloat16("cpu") is has_bfloat16(torch.device("cpu")) is expected

    def test_of_a_cpu_is_false_where_torch_does_not_tell(self, monkeypatch):
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
        assert has_bfloat16("cpu") is False

    def test_key_is_one_that_torch_has(self):
        if not hasattr(torch.cpu, "get_capabilities") or torch.cpu.get_capabilities()["architecture"] != "x86_64":
            pytest.skip("this torch does not tell the capabilities of this CPU")
        assert "avx512_bf16" in torch.cpu.get_capabilities()

    def test_other_devices_have_none(self):
        assert has_bfloat16("mps") is False
