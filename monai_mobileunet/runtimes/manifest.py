"""Exported files beside a bundle's weights, and the manifest that says which weights they were made from."""

from __future__ import annotations

import hashlib
import json
import logging
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_mobileunet.data.files import hash_file
from monai_mobileunet.outputs import flatten_outputs

__all__ = ["MANIFEST", "find_export", "hash_weights", "in_channels_of", "probe", "read_manifest"]

MANIFEST = "exports.json"
PROBE_SIZE, PROBED = 64, 64
PROBE_TOLERANCE = 1e-3  # of the largest score

logger = logging.getLogger(__name__)


def hash_weights(network: nn.Module) -> str:
    """SHA-256 of a network's state dict: names, shapes and values, whatever file they came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def probe(network: nn.Module, in_channels: int) -> list[float]:
    """Some scores of a fixed image, which tell networks of the same weights and another architecture apart.

    Args:
        network: in eval mode.
        in_channels: of its input.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    image = torch.linspace(0, 60, in_channels * PROBE_SIZE**2).sin().view(1, in_channels, PROBE_SIZE, PROBE_SIZE)
    outputs, _ = flatten_outputs(network(image.to(device)))
    scores = torch.cat([output.float().cpu().flatten() for output in outputs])
    return scores[:: max(1, len(scores) // PROBED)][:PROBED].tolist()


def read_manifest(folder: str | PathLike) -> dict[str, Any]:
    """The manifest of a folder of exported files: format → what is known of it; empty where there is none."""
    path = Path(folder) / MANIFEST
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def find_export(folder: str | PathLike, kind: str, network: nn.Module) -> Path | None:
    """The file of a format that was exported from exactly this network, if there is one.

    Args:
        folder: with the files and their manifest.
        kind: the format.
        network: with its weights.

    Returns:
        Path of the format's first file, or ``None``: nothing was exported, or another network was.

    Raises:
        ValueError: a file is missing, or is not the one that was exported.
    """
    entry = read_manifest(folder).get(kind)
    if entry is None:
        return None
    if entry["weights_sha256"] != hash_weights(network):
        logger.warning("%s: exported from other weights than those loaded, not used (%s).", folder, kind)
        return None
    expected_scores = torch.tensor(entry["probe"])
    scores = torch.tensor(probe(network, in_channels_of(network)))
    if scores.shape != expected_scores.shape or (scores - expected_scores).abs().max() > (
        PROBE_TOLERANCE * expected_scores.abs().max()
    ):
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
