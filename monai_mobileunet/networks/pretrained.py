"""ImageNet weights: where they are published, what their keys mean here, and the first convolution.

Neither torchvision nor timm is needed. Nothing is downloaded at import or at prediction: only a network
that is constructed with ``pretrained=True`` does, once, into torch hub's folder.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from monai_mobileunet.networks.blocks import (
    FusedInvertedBottleneck,
    InvertedResidual,
    SqueezeExcite,
    UniversalInvertedBottleneck,
)

if TYPE_CHECKING:
    from monai_mobileunet.networks.encoders import MobileNetEncoder

__all__ = ["SOURCES", "WeightSource", "key_map", "load_pretrained"]

TORCHVISION = "https://download.pytorch.org/models/"
TIMM = "https://huggingface.co/timm/"
Names = Iterator[tuple[str, str]]  # prefix here, prefix in the published file


@dataclass(frozen=True)
class WeightSource:
    """A published file of weights.

    Attributes:
        url: official address.
        layout: key of :data:`LAYOUTS`: how its keys are named.
        file_name: name in torch hub's ``checkpoints`` folder.
        sha256: (beginning of) the file's SHA-256 as its publisher names it in the file's name. Empty where
            the publisher gives it with the download (the model hub's ``X-Linked-ETag``).
    """

    url: str
    layout: str
    file_name: str
    sha256: str = ""


def _torchvision(file_name: str, layout: str) -> WeightSource:
    return WeightSource(TORCHVISION + file_name, layout, file_name, file_name.removesuffix(".pth").rsplit("-", 1)[1])


def _timm(model: str) -> WeightSource:
    return WeightSource(f"{TIMM}{model}/resolve/main/pytorch_model.bin", "timm", f"timm-{model}.bin")


SOURCES: dict[str, WeightSource] = {
    "mobilenetv1": _timm("mobilenetv1_100.ra4_e3600_r224_in1k"),
    "mobilenetv2": _torchvision("mobilenet_v2-b0353104.pth", "torchvision_v2"),
    "mobilenetv3_large": _torchvision("mobilenet_v3_large-8738ca79.pth", "torchvision_v3"),
    "mobilenetv3_small": _torchvision("mobilenet_v3_small-047dcff4.pth", "torchvision_v3"),
    "mobilenetv4_conv_small": _timm("mobilenetv4_conv_small.e2400_r224_in1k"),
    "mobilenetv4_conv_medium": _timm("mobilenetv4_conv_medium.e500_r224_in1k"),
}


def load_pretrained(encoder: MobileNetEncoder, name: str, path: str | PathLike | None = None) -> None:
    """Load published ImageNet weights into an encoder, in place.

    The first convolution is adapted to any number of image channels: each gets the mean of the three
    colours' weights, scaled so that the sum over the channels stays. With three channels they are kept.

    Args:
        encoder: a 2D :class:`monai_mobileunet.networks.MobileNetEncoder` of width 1 with batch norm.
        name: its key in :data:`SOURCES`.
        path: the published file where it was downloaded before; ``None`` takes it from torch hub's folder,
            and downloads it there if it is missing.

    Raises:
        ValueError: the file does not have the weights that this encoder needs, or the hash of a downloaded
            file is not the one that its publisher names (a file given by ``path`` is judged by its shapes).
        ConnectionError: the download failed; names the address, the hash and where to put the file.
    """
    source = SOURCES[name]
    file = _cached(source) if path is None else Path(path)
    published = torch.load(file, map_location="cpu", weights_only=True)
    first = next(iter(key_map(encoder, source.layout).values()))
    if first in published:
        published[first] = _adapt_first(published[first], next(encoder.parameters()).shape[1])

    state = encoder.state_dict()
    fits = f"The weights of {source.url} fit spatial_dims=2, width=1 and norm='batch' only."
    if not any(key.endswith("running_mean") for key in state):
        raise ValueError(f"{file}: has batch normalisation, the encoder {name!r} has not. {fits}")
    for ours, theirs in key_map(encoder, source.layout).items():
        if theirs.endswith("num_batches_tracked"):
            continue  # not in every file, and without meaning for a new training
        found = tuple(published[theirs].shape) if theirs in published else "nothing"
        if found != tuple(state[ours].shape):
            raise ValueError(
                f"{file}: {theirs} has {found}, the encoder {name!r} needs {tuple(state[ours].shape)}. {fits}"
            )
        state[ours] = published[theirs]
    encoder.load_state_dict(state, strict=True)


def key_map(encoder: MobileNetEncoder, layout: str) -> dict[str, str]:
    """Which key of a published state dict belongs to which key of an encoder's.

    Args:
        encoder: a :class:`monai_mobileunet.networks.MobileNetEncoder` with ``taps="stage"``.
        layout: key of :data:`LAYOUTS`.

    Returns:
        From the encoder's keys, in their order, to the published ones.
    """
    prefixes = dict(LAYOUTS[layout](encoder))
    keys = {}
    for key in encoder.state_dict():
        prefix, _, parameter = key.rpartition(".")
        keys[key] = f"{prefixes[prefix]}.{parameter}"
    return keys


def _cached(source: WeightSource) -> Path:
    """The file in torch hub's folder, downloaded if need be; beside it its hash where the name does not have it."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / source.file_name
    told = file.with_name(f"{file.name}.sha256")
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            expected = source.sha256 or _published_sha256(source.url)
            torch.hub.download_url_to_file(source.url, str(file), hash_prefix=expected)
            if not source.sha256:
                told.write_text(expected, encoding="utf-8")
    except RuntimeError as error:  # what torch hub raises for another hash, before the file is in its place
        raise ValueError(f"{source.url}: {error}. Nothing was kept of it.") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise ConnectionError(
            f"The ImageNet weights could not be downloaded ({error}). Get {source.url} "
            f"(SHA-256 {source.sha256 or 'as shown on that page'}{'…' if source.sha256 else ''}) elsewhere and "
            f"save it as {file}, or give its path: pretrained=<path>."
        ) from error
    expected = source.sha256 or (told.read_text(encoding="utf-8") if told.exists() else "")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if not digest.startswith(expected):
        raise ValueError(
            f"{file}: its SHA-256 is {digest}, expected {expected}… for {source.url}; delete it and try again."
        )
    return file


def _published_sha256(url: str) -> str:
    """What the model hub says the file's SHA-256 is; it does so in the answer before the redirect."""

    class _Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req, fp, code, msg, headers, newurl):
            return None

    request = urllib.request.Request(url, method="HEAD")
    try:
        headers = urllib.request.build_opener(_Stay).open(request, timeout=30).headers
    except urllib.error.HTTPError as error:
        if not 300 <= error.code < 400:
            raise
        headers = error.headers
    digest = (headers["X-Linked-ETag"] or "").strip('"')
    if len(digest) != 64:
        raise ValueError(f"{url}: the model hub did not tell the file's SHA-256.")
    return digest


def _adapt_first(weight: torch.Tensor, in_channels: int) -> torch.Tensor:
    if weight.shape[1] == in_channels:
        return weight
    return weight.sum(1, keepdim=True).expand(-1, in_channels, -1, -1) / in_channels


def _blocks(encoder: MobileNetEncoder) -> Iterator[tuple[int, int, str, Any]]:
    stages: Any = encoder.stages
    for stage, blocks in enumerate(stages):
        for index, block in enumerate(blocks):
            yield stage, index, f"stages.{stage}.{index}", block


def _pair(ours: str, conv: str, norm: str) -> Names:
    yield f"{ours}.conv", conv
    yield f"{ours}.adn.N", norm


def _torchvision_v2(encoder: MobileNetEncoder) -> Names:
    for position, (_, _, ours, block) in enumerate(_blocks(encoder)):
        theirs = f"features.{position}"
        if not isinstance(block, InvertedResidual):
            yield from _pair(ours, f"{theirs}.0", f"{theirs}.1")
            continue
        *inner, last = range(len(block.layers))
        for layer in inner:
            yield from _pair(f"{ours}.layers.{layer}", f"{theirs}.conv.{layer}.0", f"{theirs}.conv.{layer}.1")
        yield from _pair(f"{ours}.layers.{last}", f"{theirs}.conv.{last}", f"{theirs}.conv.{last + 1}")


def _torchvision_v3(encoder: MobileNetEncoder) -> Names:
    for position, (_, _, ours, block) in enumerate(_blocks(encoder)):
        theirs = f"features.{position}"
        if not isinstance(block, InvertedResidual):
            yield from _pair(ours, f"{theirs}.0", f"{theirs}.1")
            continue
        for layer, module in enumerate(block.layers):
            if isinstance(module, SqueezeExcite):
                yield f"{ours}.layers.{layer}.layers.1", f"{theirs}.block.{layer}.fc1"
                yield f"{ours}.layers.{layer}.layers.3", f"{theirs}.block.{layer}.fc2"
            else:
                yield from _pair(f"{ours}.layers.{layer}", f"{theirs}.block.{layer}.0", f"{theirs}.block.{layer}.1")


def _timm_layout(encoder: MobileNetEncoder) -> Names:
    positions = [(stage, index) for stage, index, *_ in _blocks(encoder)]
    first_stage = 0 if (0, 1) in positions else 1  # timm counts its stages without the stem
    last = positions[-1] if encoder.last_conv else None
    for stage, index, ours, block in _blocks(encoder):
        if stage == index == 0:
            yield from _pair(ours, "conv_stem", "bn1")
            continue
        theirs = f"blocks.{stage - first_stage}.{index - (stage == 0)}"
        if isinstance(block, UniversalInvertedBottleneck):
            for layer, part in enumerate(_parts(block)):
                yield from _pair(f"{ours}.layers.{layer}", f"{theirs}.{part}.conv", f"{theirs}.{part}.bn")
        elif isinstance(block, FusedInvertedBottleneck):
            yield from _pair(f"{ours}.layers.0", f"{theirs}.conv_exp", f"{theirs}.bn1")
            yield from _pair(f"{ours}.layers.1", f"{theirs}.conv_pwl", f"{theirs}.bn2")
        elif type(block) is nn.Sequential:
            yield from _pair(f"{ours}.0", f"{theirs}.conv_dw", f"{theirs}.bn1")
            yield from _pair(f"{ours}.1", f"{theirs}.conv_pw", f"{theirs}.bn2")
        elif (stage, index) == last:
            theirs = f"blocks.{stage + 1 - first_stage}.0"  # a stage of its own there
            yield from _pair(ours, f"{theirs}.conv", f"{theirs}.bn1")
        else:
            yield from _pair(ours, f"{theirs}.conv", f"{theirs}.bn1")


def _parts(block: Any) -> list[str]:
    depthwise = [layer.conv.groups > 1 for layer in block.layers]
    start, middle = depthwise[0], any(depthwise[1:])
    return ["dw_start"] * start + ["pw_exp"] + ["dw_mid"] * middle + ["pw_proj"]


LAYOUTS: dict[str, Callable[[MobileNetEncoder], Names]] = {
    "torchvision_v2": _torchvision_v2,
    "torchvision_v3": _torchvision_v3,
    "timm": _timm_layout,
}
