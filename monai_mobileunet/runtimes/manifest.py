"""Exported files beside a bundle's weights, and the manifest that says which weights they were made from."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_mobileunet.data.files import hash_file
from monai_mobileunet.outputs import flatten_outputs

__all__ = [
    "MANIFEST",
    "find_export",
    "hash_weights",
    "in_channels_of",
    "parse_manifest",
    "probe",
    "read_manifest",
    "same_scores",
]

MANIFEST = "exports.json"
PROBE_SIZE, PROBED = (64, 64), 64
PROBE_TOLERANCE = 1e-3  # of the largest score
NOT_IN_NAMES = frozenset("/\\:\0")
"""What makes a path of a file's name, here or on Windows."""

logger = logging.getLogger(__name__)


def hash_weights(network: nn.Module) -> str:
    """SHA-256 of a network's state dict: names, shapes and values, whatever file they came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def probe(
    network: nn.Module, in_channels: int, size: tuple[int, int] = PROBE_SIZE, largest: float = 1.0
) -> list[float]:
    """Some scores of a fixed image, which tell networks of the same weights and another architecture apart.

    Args:
        network: in eval mode.
        in_channels: of its input.
        size: height and width of the image.
        largest: of its values.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    image = torch.linspace(0, 60, in_channels * math.prod(size)).sin().view(1, in_channels, *size)
    outputs, _ = flatten_outputs(network(largest * image.to(device)))
    scores = torch.cat([output.float().cpu().flatten() for output in outputs])
    return scores[:: max(1, len(scores) // PROBED)][:PROBED].tolist()


def same_scores(scores: Sequence[float], expected: Sequence[float], tolerance: float) -> bool:
    """Whether two probes agree; those that hold NaN or infinity never do.

    Args:
        scores: of one network.
        expected: of the other.
        tolerance: share of the largest of the expected scores by which any may differ.
    """
    found, wanted = torch.tensor(scores), torch.tensor(expected)
    return found.shape == wanted.shape and bool((found - wanted).abs().max() <= tolerance * wanted.abs().max())


def read_manifest(folder: str | PathLike) -> dict[str, Any]:
    """The manifest of a folder of exported files; empty where there is none; see :func:`parse_manifest`."""
    path = Path(folder) / MANIFEST
    return parse_manifest(path.read_bytes(), path) if path.is_file() else {}


def parse_manifest(content: bytes, path: str | PathLike) -> dict[str, Any]:
    """The content of a manifest: format → hash of the weights, probe, and names and hashes of the files.

    Args:
        content: of the file.
        path: of the file, for messages.

    Raises:
        ValueError: it is no JSON or has another form, or a file lies in another folder.
    """
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: is no JSON ({error}). Export the files again.") from error
    if not isinstance(manifest, dict) or not all(map(_has_form, manifest.values())):
        raise ValueError(f"{path}: holds other things than exported files. Export the files again.")
    for entry in manifest.values():
        for name in entry["files"]:
            if name in ("", ".", "..") or not NOT_IN_NAMES.isdisjoint(name):
                raise ValueError(f"{path}: names the file {name!r}; expected a file beside it. Export the files again.")
    return manifest


def _has_form(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("weights_sha256"), str):
        return False
    scores, files = entry.get("probe"), entry.get("files")
    return (
        isinstance(scores, list)
        and isinstance(files, dict)
        and min(len(scores), len(files)) > 0
        and all(type(score) in (int, float) for score in scores)
        and all(isinstance(expected, str) for expected in files.values())
    )


def find_export(folder: str | PathLike, kind: str, network: nn.Module) -> Path | None:
    """The file of a format that was exported from exactly this network, if there is one.

    Args:
        folder: with the files and their manifest.
        kind: the format.
        network: with its weights.

    Returns:
        Path of the format's first file, or ``None``: nothing was exported, or another network was.

    Raises:
        ValueError: a file is missing, or is not the one that was exported; or see :func:`parse_manifest`.
    """
    entry = read_manifest(folder).get(kind)
    if entry is None:
        return None
    if entry["weights_sha256"] != hash_weights(network):
        logger.warning("%s: exported from other weights than those loaded, not used (%s).", folder, kind)
        return None
    if not same_scores(probe(network, in_channels_of(network)), entry["probe"], PROBE_TOLERANCE):
        logger.warning("%s: exported from a network of another architecture, not used (%s).", folder, kind)
        return None
    for name, expected in entry["files"].items():
        path = Path(folder) / name
        if not path.is_file() or hash_file(path) != expected:
            found = "not there" if not path.is_file() else "not the file that was exported (its SHA-256 differs)"
            raise ValueError(f"{path}: {found}. Export it again, or remove '{kind}' from {MANIFEST}.")
    return Path(folder) / next(iter(entry["files"]))


def in_channels_of(network: nn.Module) -> int:
    """Input channels of a 2D network: those of its first convolution.

    Raises:
        ValueError: it has no 2D convolution.
    """
    for parameter in network.parameters():
        if parameter.dim() == 4:
            return parameter.shape[1]
    raise ValueError(
        f"{type(network).__name__} has no 2D convolution; runtimes take networks for slices. "
        "Call one for volumes without a RuntimeInferer."
    )
