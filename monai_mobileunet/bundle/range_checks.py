"""Transforms of a bundle that tell of images and masks unlike those of its training, by whatever door these come."""

from __future__ import annotations

import json
import logging
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform

from monai_mobileunet.bundle.network_format import class_names_of
from monai_mobileunet.bundle.training_range import WARNINGS, TrainingRange
from monai_mobileunet.data.errors import Finding
from monai_mobileunet.data.loading.reader import file_grid, grid_of
from monai_mobileunet.data.writing import mask_type

__all__ = ["CheckImaged", "CheckMaskd", "volumes_ml"]

logger = logging.getLogger(__name__)


class _Check(MapTransform):
    """What both checks share.

    Args:
        keys: items to look at; they stay as they are.
        bundle_root: folder of the bundle, whose ``configs/metadata.json`` tells what its training had. It is read for
            each case, for a training may change it meanwhile; without that file nothing is checked.
        allow_missing_keys: do not raise if a key is missing.
    """

    def __init__(self, keys: KeysCollection, bundle_root: str | Path, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.metadata_file = Path(bundle_root) / "configs" / "metadata.json"

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Log each finding as a warning; or, where an item ``"warnings"`` collects them, add it there."""
        out = dict(data)
        if not self.metadata_file.is_file():
            return out
        metadata = json.loads(self.metadata_file.read_text(encoding="utf-8"))
        found = [finding for key in self.key_iterator(out) for finding in self._look(out[key], metadata)]
        if WARNINGS in out:
            out[WARNINGS] = (*out[WARNINGS], *found)
        else:
            for finding in found:
                logger.warning("%s", finding)
        return out

    @abstractmethod
    def _look(self, item: Any, metadata: Mapping[str, Any]) -> Iterable[Finding]:
        """What is to be said of an item."""


class CheckImaged(_Check):
    """Warn where an image is far from those that the bundle was trained on; see :meth:`TrainingRange.check`.

    It is the last transform of a bundle's preprocessing: it looks at the network's input, and at what the image's
    metadata tell of its file. A caller that wants the warnings for itself gives the case an item ``"warnings"`` with a
    sequence of findings, and gets it back with further ones; otherwise they are logged.
    """

    def _look(self, item: Any, metadata: Mapping[str, Any]) -> Iterable[Finding]:
        if 0 in item.shape:  # a bundle that cuts all away; whoever needs the image will refuse it
            return []
        return TrainingRange.of(metadata).check(file_grid(item), item)


class CheckMaskd(_Check):
    """Warn where a class is missing, or far from its volume in the training; see :meth:`TrainingRange.check_mask`.

    It stands behind what brings the mask to the image's grid. Scores, which have a channel for each class, are passed
    over. Warnings go where :class:`CheckImaged` has them go.
    """

    def _look(self, item: Any, metadata: Mapping[str, Any]) -> Iterable[Finding]:
        trained = TrainingRange.of(metadata)
        if not trained.label_ml or len(item) > 1:
            return []
        names = class_names_of(metadata)
        mask = np.asarray(item[0].cpu()).astype(mask_type(len(names) + 1), copy=False)
        grid = grid_of(item)
        return trained.check_mask(grid, mask, volumes_ml(mask, names, grid.voxel_ml))


def volumes_ml(mask: np.ndarray, class_names: Sequence[str], voxel_ml: float) -> dict[str, float]:
    """Volume of each class, by its name.

    Args:
        mask: class numbers ``(H, W, D)``, of an unsigned type.
        class_names: of the classes from 1 on.
        voxel_ml: volume of a voxel.
    """
    counts = np.zeros(len(class_names) + 1, np.int64)
    for part in mask:  # bincount makes a copy of eight bytes per voxel, and most of them are background
        if part.any():
            counts += np.bincount(part[part != 0], minlength=len(counts))
    return {name: float(counts[number]) * voxel_ml for number, name in enumerate(class_names, 1)}
