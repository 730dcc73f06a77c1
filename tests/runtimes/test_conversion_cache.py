"""A network is converted once; what was kept is taken only if it is whole, this user's own, and of this network."""

from __future__ import annotations

import copy
import errno
import importlib
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from monai_mobileunet.runtimes.conversion_cache import CACHE_VARIABLE, FILE, KEPT, cache_folder, kept_conversion
from monai_mobileunet.runtimes.manifest import MANIFEST, parse_manifest


class Clipped(nn.Conv2d):
    factor, clip, names = 1.0, 200.0, ("a", None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (super().forward(x) * self.factor).clip(max=self.clip)


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
    return Clipped(2, 3, 3, padding=1).eval()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the converted networks, which is not there yet."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "deep" / "cache"))
    return tmp_path / "deep" / "cache" / "converted"


@pytest.fixture
def convert() -> Counted:
    return Counted()


@pytest.fixture
def place(network, cache, convert) -> Path:
    """The folder of the network, which was converted once."""
    kept_conversion(network, 2, convert)
    return next(cache.iterdir())


def test_a_network_is_converted_once_and_kept_for_its_user_alone(network, cache, convert):
    before = os.umask(0o002)
    try:
        assert [kept_conversion(network, 2, convert) for _ in range(3)] == [b"model 1"] * 3
    finally:
        os.umask(before)
    (place,) = cache.iterdir()
    assert {folder.stat().st_mode & 0o777 for folder in (cache.parent.parent, cache, place)} == {0o700}
    assert {file.stat().st_mode & 0o777 for file in place.iterdir()} == {0o600}
    cache.chmod(0o755)  # as a folder is that its user made
    assert kept_conversion(network, 2, convert) == b"model 1"


@pytest.mark.parametrize(
    ("name", "value"), [("factor", 2.0), ("clip", 10_000.0), ("names", ("a", 1)), ("buffer", torch.ones(2))]
)
def test_networks_that_differ_in_an_attribute_share_no_model(network, cache, convert, place, name, value):
    """Neither weights nor the words for layers tell them apart, and the scores of a test image need not either."""
    setattr(network, name, value)
    assert [kept_conversion(network, 2, convert) for _ in range(2)] == [b"model 2"] * 2
    network.weight.data[0, 0, 0, 0] += 1
    assert kept_conversion(network, 2, convert) == b"model 3"


def test_a_network_whose_source_changed_is_converted_again(tmp_path, cache, convert, monkeypatch):
    source = (
        "from torch import nn\nclass Net(nn.Conv2d):\n    def forward(self, x):\n        return super().forward(x){}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for change, expected in (("", b"model 1"), ("", b"model 1"), (".clip(max=1e6)", b"model 2")):
        (tmp_path / "own_network.py").write_text(source.format(change))
        importlib.invalidate_caches()
        torch.manual_seed(0)
        network = importlib.import_module("own_network").Net(2, 3, 3)
        assert kept_conversion(network, 2, convert) == expected
        monkeypatch.delitem(sys.modules, "own_network")


@pytest.mark.parametrize(
    ("kind", "attributes", "words"),
    [
        (type("Made", (Clipped,), {}), {}, "the source code of its class Made cannot be found"),
        (Clipped, {"hook": lambda x: x}, "has an attribute of the type function, which cannot be compared"),
        (Clipped, {"factor": float("nan")}, "its scores of a test image are not finite"),
        (Clipped, {"clip": "2"}, "clip"),  # the probe fails
    ],
    ids=["no source", "function", "nan", "probe fails"],
)
def test_a_network_that_cannot_be_told_from_others_is_used_and_not_kept(
    cache, convert, caplog, kind, attributes, words
):
    network = kind(2, 3, 3)
    vars(network).update(attributes)
    assert [kept_conversion(network, 2, convert) for _ in range(2)] == [b"model 1", b"model 2"]
    assert words in caplog.text
    assert len(caplog.records) == 2
    assert not list(cache.iterdir())


def edit(place: Path, **changes: object) -> None:
    manifest = json.loads((place / MANIFEST).read_text())
    manifest["onnx"].update(changes)
    (place / MANIFEST).write_text(json.dumps(manifest))


def link(path: Path) -> None:
    path.rename(path.parent.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent.parent / "elsewhere")


DAMAGES = {
    "cut": lambda place: (place / "model.onnx").write_bytes(b"model"),
    "no manifest": lambda place: (place / MANIFEST).unlink(),
    **{
        content: lambda place, content=content: (place / MANIFEST).write_text(content)
        for content in ('{"onnx": {', "null", "[]", "{}", '{"onnx": []}', '{"onnx": "x"}', '{"onnx": {"files": {}}}')
    },
    "NaN": lambda place: edit(place, probe=[float("nan")] * 64),
    "outside": lambda place: edit(place, files={"/etc/hostname": ""}),
    "open folder": lambda place: place.chmod(0o770),
    "open file": lambda place: (place / "model.onnx").chmod(0o602),
    "open manifest": lambda place: (place / MANIFEST).chmod(0o620),
    "linked folder": link,
    "linked file": lambda place: link(place / "model.onnx"),
    "pipe": lambda place: ((place / "model.onnx").unlink(), os.mkfifo(place / "model.onnx", 0o600)),
    "file": lambda place: (place.rename(place.parent.parent / "moved"), place.write_text("")),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_or_may_be_another_s_is_made_again(network, cache, convert, place, caplog, damage):
    damage(place)
    assert [kept_conversion(network, 2, convert) for _ in range(2)] == [b"model 2"] * 2
    (record,) = caplog.records
    assert "The converted network is made again: " in record.message


def test_a_model_is_taken_from_a_disk_that_is_read_only(network, cache, convert, place, monkeypatch):
    def refuse(path):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr("os.utime", refuse)
    assert kept_conversion(network, 2, convert) == b"model 1"


def test_of_two_processes_the_faster_one_s_model_stays(network, cache, convert, caplog):
    def convert_slowly(network: nn.Module, in_channels: int) -> bytes:
        kept_conversion(network, in_channels, convert)
        return b"slow"

    assert kept_conversion(network, 2, convert_slowly) == b"slow"
    assert kept_conversion(network, 2, convert) == b"model 1"
    assert not caplog.records
    assert len(list(cache.iterdir())) == 1


def own_by_another(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(parents=True)
    monkeypatch.setattr("os.getuid", lambda: cache.stat().st_uid + 1)


def open_to_others(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)


def lead_elsewhere(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.parent.mkdir(parents=True)
    cache.symlink_to(cache.parent.parent)


def put_a_file_there(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_text("")


def fill_the_disk(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)


def forget_home(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "~nobody-of-this-name/cache")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (own_by_another, "belongs to another user (number "),
        (open_to_others, "others may write to it (mode 777). If nothing in it is to be kept, type: rm -r /"),
        (lead_elsewhere, "is a link, or no folder"),
        (put_a_file_there, "Remove the file that lies where a folder belongs"),
        (fill_the_disk, "No space left on device. Make room on that disk"),
        (forget_home, "~nobody-of-this-name/cache: the home folder is not known"),
    ],
)
def test_where_nothing_can_be_kept_one_warning_says_why(network, cache, convert, caplog, monkeypatch, spoil, words):
    spoil(cache, monkeypatch)
    assert kept_conversion(network, 2, convert) == b"model 1"
    (record,) = caplog.records
    assert words in record.message


def test_nothing_but_the_networks_that_were_used_longest_ago_is_removed(network, cache, convert, place):
    """The folder that a user names may hold anything."""
    leftover, young = cache / ".converting-abcd_123", cache / ".converting-abcd_124"
    others = [cache.parent / "images", cache / "images", cache / ("a" * 64), cache / ".git"]
    target = cache.parent / "elsewhere"
    for folder in (leftover, young, *others, target):
        folder.mkdir()
        (folder / "volume.nii").write_text("")
    (target / MANIFEST).write_text("")
    others.append(cache / ("b" * 64))
    others[-1].symlink_to(target)
    for path in (leftover, place, *others[:-1], target):
        os.utime(path, (0, 0))
    for _ in range(KEPT):
        network = copy.deepcopy(network)
        network.weight.data += 1
        kept_conversion(network, 2, convert)
    assert all((folder / "volume.nii").exists() for folder in (young, *others))
    assert not place.exists()
    assert not leftover.exists()
    assert len(list(cache.glob(f"*/{FILE}"))) == KEPT


@pytest.mark.parametrize("name", ["/etc/hostname", "../model.onnx", "..", "", "a\\b", "C:x"])
def test_a_manifest_names_files_beside_it_alone(name):
    entry = {"weights_sha256": "", "probe": [1.0], "files": {name: ""}}
    with pytest.raises(ValueError, match=r"exports.json: names the file .*; expected a file beside it"):
        parse_manifest(json.dumps({"onnx": entry}).encode(), MANIFEST)


@pytest.mark.parametrize(("caches", "expected"), [("/caches", "/caches"), ("caches", "/home/somebody/.cache")])
def test_the_folder_lies_among_the_user_s_caches(monkeypatch, caches, expected):
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", caches)
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == Path(expected) / "monai_mobileunet" / "converted"
