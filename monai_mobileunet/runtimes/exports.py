"""Exported files beside a bundle's weights, and the manifest that says which weights they were made from."""

from __future__ import annotations

import hashlib
import json
import logging
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

__all__ = ["MANIFEST", "find_export", "hash_file", "hash_weights", "read_manifest"]

MANIFEST = "exports.json"

logger = logging.getLogger(__name__)


def hash_weights(network: nn.Module) -> str:
    """SHA-256 of a network's state dict: names, shapes and values, whatever file they came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def hash_file(path: str | PathLike) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: str | PathLike) -> dict[str, Any]:
    """The manifest of a folder of exported files: format → what is known of it; empty where there is none."""
    path = Path(folder) / MANIFEST
    return json.loads(path.read_text()) if path.is_file() else {}


def find_export(folder: str | PathLike, kind: str, network: nn.Module) -> Path | None:
    """The file of a format that was exported from exactly these weights, if there is one.

    Args:
        folder: with the files and their manifest.
        kind: the format.
        network: with its weights.

    Returns:
        Path of the format's first file, or ``None``: nothing was exported, or other weights were.

    Raises:
        ValueError: a file is missing, or is not the one that was exported.
    """
    entry = read_manifest(folder).get(kind)
    if entry is None:
        return None
    if entry["weights_sha256"] != hash_weights(network):
        logger.warning("%s: exported from other weights than those loaded, not used (%s).", folder, kind)
        return None
    for name, expected in entry["files"].items():
        path = Path(folder) / name
        if not path.is_file() or hash_file(path) != expected:
            found = "not there" if not path.is_file() else "not the file that was exported (its SHA-256 differs)"
            raise ValueError(f"{path}: {found}. Export it again, or remove '{kind}' from {MANIFEST}.")
    return Path(folder) / next(iter(entry["files"]))
