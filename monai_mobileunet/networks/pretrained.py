"""ImageNet weights: where they are published, how they are fetched, and the first convolution.

Neither torchvision nor timm is needed. Nothing is downloaded at import or at prediction: only a network
that is constructed with ``pretrained=True`` does, once, into torch hub's folder.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from torch import nn

from monai_mobileunet.networks.key_maps import key_map

__all__ = ["SOURCES", "WeightSource", "load_pretrained"]

TORCHVISION = "https://download.pytorch.org/models/"
TIMM = "https://huggingface.co/timm/"


@dataclass(frozen=True)
class WeightSource:
    """A published file of weights.

    Attributes:
        url: official address.
        layout: key of :data:`monai_mobileunet.networks.key_maps.LAYOUTS`: how its keys are named.
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


def load_pretrained(encoder: nn.Module, name: str, path: str | PathLike | None = None) -> None:
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


def _cached(source: WeightSource) -> Path:
    """The file in torch hub's folder, downloaded if need be; beside it its hash where the name does not have it."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / source.file_name
    published = file.with_name(f"{file.name}.sha256")
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            expected = source.sha256 or _published_sha256(source.url)
            torch.hub.download_url_to_file(source.url, str(file), hash_prefix=expected)
            if not source.sha256:
                published.write_text(expected, encoding="utf-8")
    except RuntimeError as error:  # what torch hub raises for another hash, before the file is in its place
        raise ValueError(f"{source.url}: {error}. Nothing was kept of it.") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise ConnectionError(
            f"The ImageNet weights could not be downloaded ({error}). Get {source.url} "
            f"(SHA-256 {source.sha256 or 'as shown on that page'}{'…' if source.sha256 else ''}) elsewhere and "
            f"save it as {file}, or give its path: pretrained=<path>."
        ) from error
    expected = source.sha256 or (published.read_text(encoding="utf-8") if published.exists() else "")
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
