"""The key of all that decides about the voxels of a run: masks of another key are made anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import monai_mobileunet
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.weights import no_weights
from monai_mobileunet.cohort.journal import settings_key
from monai_mobileunet.data.files import hash_file
from monai_mobileunet.output_form import OutputForm

__all__ = ["run_settings"]

VOXEL_FREE = ("ckpt_path", "device", "slice_inferer#sw_batch_size")
"""What was asked for without a say in the voxels; the weights have a hash of their own."""


def run_settings(bundle: Bundle, changed: Mapping[str, Any], form: OutputForm) -> tuple[str, str]:
    """What a run depends on.

    Args:
        bundle: the bundle, with ``changed`` in it already.
        changed: entries of ``inference.json`` that are not as they stand there, by their ids.
        form: in which files the masks are written.

    Returns:
        SHA-256 of the weights, and the key.

    Raises:
        FileNotFoundError: the bundle has no weights.
    """
    if not bundle.weights.is_file():
        raise no_weights(bundle.weights)
    weights = hash_file(bundle.weights)
    configs = bundle.folder / "configs"
    key = settings_key(
        {
            "version": monai_mobileunet.__version__,
            "weights": weights,
            "configs": {name: hash_file(configs / name) for name in ("inference.json", "metadata.json")},
            "changed": {key: value for key, value in changed.items() if key not in VOXEL_FREE},
            **form.key,
        }
    )
    return weights, key
