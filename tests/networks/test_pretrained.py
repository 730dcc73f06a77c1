from __future__ import annotations

import hashlib
import http.server
import threading
from functools import partial
from pathlib import Path

import pytest
import torch

from monai_mobileunet.networks import MobileNetEncoder, MobileUNet
from monai_mobileunet.networks.key_maps import key_map
from monai_mobileunet.networks.pretrained import SOURCES, WeightSource, load_pretrained

from .published import PUBLISHED, state_dict

CLASSIFIER = {"mobilenetv1": {}, "mobilenetv2": {"classifier.1.bias": torch.zeros(1000)}}


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """torch hub's folder, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def server(tmp_path):
    """A folder, and the address under which a real server hands it out."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def publish(name: str, file: Path) -> dict[str, torch.Tensor]:
    state = {**state_dict(PUBLISHED[name]()), **CLASSIFIER.get(name, {})}
    torch.save(state, file)
    return state


@pytest.mark.parametrize("name", sorted(PUBLISHED))
class TestPublishedFile:
    def test_loads_in_their_places(self, name, tmp_path):
        published = publish(name, tmp_path / "weights.pth")
        encoder = MobileNetEncoder(name, in_channels=3, pretrained=tmp_path / "weights.pth")
        keys = key_map(encoder, SOURCES[name].layout)
        for ours, tensor in encoder.state_dict().items():
            if not ours.endswith("num_batches_tracked"):
                assert torch.equal(tensor, published[keys[ours]]), ours

    @pytest.mark.parametrize("in_channels", [1, 4, 7])
    def test_sum_over_the_colours_is_kept_for_any_number_of_channels(self, name, in_channels, tmp_path):
        published = publish(name, tmp_path / "weights.pth")
        encoder = MobileNetEncoder(name, in_channels=in_channels, pretrained=str(tmp_path / "weights.pth"))
        colours = next(iter(published.values())).sum(1)
        torch.testing.assert_close(encoder.stages[0][0].conv.weight.sum(1), colours)

    @pytest.mark.parametrize("depth", [1, 3])
    def test_fewer_stages_take_what_they_need(self, name, depth, tmp_path):
        published = publish(name, tmp_path / "weights.pth")
        encoder = MobileNetEncoder(name, in_channels=3, depth=depth, stem_stride=1, pretrained=tmp_path / "weights.pth")
        keys = key_map(encoder, SOURCES[name].layout)
        last = list(encoder.state_dict())[-2]
        assert torch.equal(encoder.state_dict()[last], published[keys[last]])


def test_reach_the_encoder_of_a_network_and_nothing_else(tmp_path):
    published = publish("mobilenetv2", tmp_path / "weights.pth")
    torch.manual_seed(0)
    network = MobileUNet(in_channels=3, encoder="mobilenetv2", pretrained=tmp_path / "weights.pth")
    torch.manual_seed(0)
    plain = MobileUNet(in_channels=3, encoder="mobilenetv2")
    assert torch.equal(network.encoder.stages[0][0].conv.weight, published["features.0.0.weight"])
    for (name, parameter), other in zip(network.decoder.named_parameters(), plain.decoder.parameters(), strict=True):
        assert torch.equal(parameter, other), name


def test_expansion_taps_have_them_too(tmp_path):
    published = publish("mobilenetv2", tmp_path / "weights.pth")
    encoder = MobileNetEncoder("mobilenetv2", in_channels=3, taps="expansion", pretrained=tmp_path / "weights.pth")
    assert torch.equal(encoder.stages[0][-1].conv.weight, published["features.2.conv.0.0.weight"])


@pytest.mark.parametrize("arguments", [{"width": 0.5}, {"norm": "instance"}, {"spatial_dims": 3}])
def test_weights_that_do_not_fit_are_refused(arguments, tmp_path):
    publish("mobilenetv2", tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"weights\.pth: .* fit spatial_dims=2, width=1 and norm='batch' only"):
        MobileNetEncoder("mobilenetv2", pretrained=tmp_path / "weights.pth", **arguments)


def test_weights_of_another_network_are_refused(tmp_path):
    publish("mobilenetv3_small", tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"weights\.pth: features\.0\.0\.weight has \(16, .*needs \(32, "):
        MobileNetEncoder("mobilenetv2", pretrained=tmp_path / "weights.pth")


class TestDownload:
    def source(self, url: str, file: Path) -> WeightSource:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return WeightSource(f"{url}/{file.name}", "torchvision_v2", "mobilenet_v2.pth", digest[:8])

    def test_happens_once_and_is_cached(self, server, hub, monkeypatch):
        folder, url = server
        published = publish("mobilenetv2", folder / "weights.pth")
        monkeypatch.setitem(SOURCES, "mobilenetv2", self.source(url, folder / "weights.pth"))
        for _ in range(2):
            encoder = MobileNetEncoder("mobilenetv2", in_channels=3, pretrained=True)
            assert torch.equal(encoder.stages[0][0].conv.weight, published["features.0.0.weight"])
            (folder / "weights.pth").unlink(missing_ok=True)
        assert [file.name for file in hub.iterdir()] == ["mobilenet_v2.pth"]

    def test_of_another_file_is_refused_and_leaves_nothing(self, server, hub, monkeypatch):
        folder, url = server
        publish("mobilenetv2", folder / "weights.pth")
        source = self.source(url, folder / "weights.pth")
        (folder / "weights.pth").write_bytes(b"something else")
        monkeypatch.setitem(SOURCES, "mobilenetv2", source)
        with pytest.raises(ValueError, match=r"weights\.pth: invalid hash value .* Nothing was kept of it"):
            load_pretrained(MobileNetEncoder("mobilenetv2"), "mobilenetv2")
        assert not list(hub.iterdir())

    def test_changed_file_in_the_cache_is_refused(self, hub, monkeypatch):
        hub.mkdir(parents=True)
        (hub / SOURCES["mobilenetv2"].file_name).write_bytes(b"something else")
        with pytest.raises(ValueError, match=r"mobilenet_v2-b0353104\.pth: its SHA-256 is .*, expected b0353104…"):
            load_pretrained(MobileNetEncoder("mobilenetv2"), "mobilenetv2")

    def test_hash_that_came_with_the_download_is_checked_from_then_on(self, hub, monkeypatch):
        hub.mkdir(parents=True)
        file = hub / SOURCES["mobilenetv4_conv_small"].file_name
        publish("mobilenetv4_conv_small", file)
        told = hub / f"{file.name}.sha256"
        told.write_text(hashlib.sha256(file.read_bytes()).hexdigest())
        MobileNetEncoder("mobilenetv4_conv_small", pretrained=True)
        told.write_text("0" * 64)
        with pytest.raises(ValueError, match=r"in1k\.bin: its SHA-256 is .*, expected 0000"):
            MobileNetEncoder("mobilenetv4_conv_small", pretrained=True)

    def test_connection_that_breaks_off_is_told_like_no_network(self, hub, monkeypatch):
        def break_off(*args, **kwargs):
            raise ConnectionResetError("Connection reset by peer")

        monkeypatch.setattr(torch.hub, "download_url_to_file", break_off)
        with pytest.raises(ConnectionError, match=r"could not be downloaded \(Connection reset.*pretrained=<path>"):
            MobileNetEncoder("mobilenetv2", pretrained=True)

    @pytest.mark.parametrize(("digest", "told"), [("b0353104", "b0353104…"), ("", "as shown on that page")])
    def test_without_a_network_the_error_says_what_to_get_and_where_to_put_it(self, hub, monkeypatch, digest, told):
        source = WeightSource("http://127.0.0.1:9/mobilenet_v2.pth", "torchvision_v2", "mobilenet_v2.pth", digest)
        monkeypatch.setitem(SOURCES, "mobilenetv2", source)
        with pytest.raises(ConnectionError) as error:
            MobileNetEncoder("mobilenetv2", pretrained=True)
        for part in (source.url, told, str(hub / "mobilenet_v2.pth"), "pretrained=<path>"):
            assert part in str(error.value)


def test_hashes_are_those_in_the_names_that_torchvision_publishes():
    told = {name: source.sha256 for name, source in SOURCES.items() if source.sha256}
    assert told == {"mobilenetv2": "b0353104", "mobilenetv3_large": "8738ca79", "mobilenetv3_small": "047dcff4"}
