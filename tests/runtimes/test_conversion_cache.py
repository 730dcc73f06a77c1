"""A network is converted once; what was kept is taken only if it is whole, this user's own, and of this network."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from monai_mobileunet.runtimes.conversion_cache import CACHE_VARIABLE, KEPT, cache_folder, kept_conversion
from monai_mobileunet.runtimes.manifest import MANIFEST


class Scaled(nn.Conv2d):
    factor = 1.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * self.factor


class Counted:
    """A conversion that tells how often it was asked for."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, network: nn.Module, in_channels: int) -> bytes:
        self.count += 1
        return f"model {self.count}".encode()


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return Scaled(2, 3, 3, padding=1).eval()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "deep" / "cache"))
    return tmp_path / "deep" / "cache"


@pytest.fixture
def convert() -> Counted:
    return Counted()


def test_a_network_is_converted_once_and_kept_for_its_user_alone(network, cache, convert):
    assert [kept_conversion(network, 2, convert) for _ in range(3)] == [b"model 1"] * 3
    (place,) = cache.iterdir()
    assert {folder.stat().st_mode & 0o777 for folder in (cache, place)} == {0o700}


def change_weights(network: nn.Conv2d, place: Path) -> None:
    network.weight.data[0, 0, 0, 0] += 1


def change_what_it_does(network: Scaled, place: Path) -> None:
    network.factor = 2.0  # neither a weight nor in the words for its layers


def cut(network: nn.Module, place: Path) -> None:
    (place / "model.onnx").write_bytes(b"model")


def remove(network: nn.Module, place: Path) -> None:
    (place / MANIFEST).unlink()


def garble(network: nn.Module, place: Path) -> None:
    (place / MANIFEST).write_text('{"onnx": {')


def open_to_others(network: nn.Module, place: Path) -> None:
    place.chmod(0o770)


@pytest.mark.parametrize("change", [change_weights, change_what_it_does, cut, remove, garble, open_to_others])
def test_what_is_not_whole_or_of_another_network_is_made_again(network, cache, convert, change):
    kept_conversion(network, 2, convert)
    (place,) = cache.iterdir()
    change(network, place)
    assert [kept_conversion(network, 2, convert) for _ in range(2)] == [b"model 2"] * 2


def test_a_folder_of_others_is_not_used(network, cache, convert, caplog):
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    assert [kept_conversion(network, 2, convert) for _ in range(2)] == [b"model 1", b"model 2"]
    assert "cannot be kept there (others may write to it). Make the folder writable for you alone" in caplog.text
    assert not list(cache.iterdir())


def test_a_file_in_the_folder_s_place_is_a_warning(network, cache, convert, caplog):
    cache.parent.write_text("")
    assert kept_conversion(network, 2, convert) == b"model 1"
    assert "cannot be kept there" in caplog.text


def test_those_used_last_are_kept(network, cache, convert):
    kept_conversion(network, 2, convert)
    (first,) = cache.iterdir()
    os.utime(first, (0, 0))
    for _ in range(KEPT):
        network = copy.deepcopy(network)
        network.weight.data += 1
        kept_conversion(network, 2, convert)
    assert len(list(cache.iterdir())) == KEPT
    assert not first.exists()


def test_the_folder_lies_among_the_user_s_caches(monkeypatch):
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == Path("/caches/monai_mobileunet/converted")
