"""MONAI's loading, resampling and cropping, without what stands in this package's way."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from monai import transforms
from monai.config import KeysCollection
from monai.data import MetaTensor

from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.loading.reader import VolumeReader
from monai_mobileunet.harmless import without_harmless_warnings

__all__ = ["CropForegroundd", "LoadImaged", "Spacingd"]

CODECS = "monai.data.nvimgcodec_pydicom_plugin"


class LoadImaged(transforms.LoadImaged):
    """:class:`monai.transforms.LoadImaged` with one reader.

    MONAI's (1.6.1) makes all the readers that it knows, whatever reader was asked for, and with pydicom installed two
    warnings of a GPU's codecs with them, in front of every other output.

    Args:
        keys: items that are files.
        reader: what reads them; by default :class:`monai_mobileunet.data.VolumeReader`.
        **kwargs: as for MONAI's.
    """

    def __init__(self, keys: KeysCollection, reader: Any = None, **kwargs: Any) -> None:
        one: Any = VolumeReader() if reader is None else reader
        with _without_remarks():
            super().__init__(keys, one, **kwargs)
        self._loader.readers = self._loader.readers[-1:]


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Without what MONAI says of readers that nobody asked for."""
    logger = logging.getLogger(CODECS)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with without_harmless_warnings():
            yield
    finally:
        logger.setLevel(level)


class Spacingd(transforms.Spacingd):
    """:class:`monai.transforms.Spacingd` that changes its own keys only.

    MONAI's (1.6.1) takes every item whose name begins with a key's and an underscore for that key's metadata, and
    fails where it is none: for ``image`` at MONAI Label's ``image_path``, with ``'str' object has no attribute
    'update'``.
    """

    def __call__(self, data: Mapping[Hashable, Any], lazy: bool | None = None) -> dict[Hashable, Any]:
        """Resample; see MONAI's."""
        own = {key: value for key, value in data.items() if key in self.keys}
        return {**data, **super().__call__(own, lazy)}


class CropForegroundd(transforms.CropForegroundd):
    """:class:`monai.transforms.CropForegroundd` that refuses what it would cut away altogether.

    MONAI's (1.6.1) leaves a volume without voxels where nothing is selected, at which some later transform or the
    network fails with an error that names neither the file nor the reason.

    Raises:
        DataError: nothing of the image is selected, as in CT of nothing but air; or nothing of another item, such as
            the label, is left, though it had something.
    """

    def __call__(self, data: Mapping[Hashable, Any], lazy: bool | None = None) -> dict[Hashable, Any]:
        """Crop; see MONAI's."""
        image = data[self.source_key]
        if not bool(self.cropper.select_fn(image).any()):
            low, high = float(image.min()), float(image.max())
            problem = (
                "has nothing that the bundle's preprocessing would not cut away: "
                f"when it is cropped its values reach from {low:.6g} to {high:.6g}, and none is foreground."
            )
            remedy = "Look whether it is the kind of image that the bundle is for, in the right units."
            raise DataError([Finding(_name(image), problem, remedy)])
        cropped = super().__call__(data, lazy)
        for key in self.key_iterator(cropped):
            if key != self.source_key:
                refuse_lost(data[key], cropped[key], image)
        return cropped


def refuse_lost(label: torch.Tensor, left: torch.Tensor, image: Any) -> None:
    """Refuse a label of which nothing is left on the grid of its image, though it had something.

    Args:
        label: the label as it was.
        left: what is left of it.
        image: the image, for its name.

    Raises:
        DataError: all is lost.
    """
    if bool(torch.any(label != 0)) and not bool(torch.any(left != 0)):
        problem = f"has all its classes where the image {_name(image)} has no foreground."
        remedy = "Look whether the two belong together, and whether they lie in the same place."
        raise DataError([Finding(_name(label), problem, remedy)])


def _name(image: Any) -> str:
    name = image.meta.get("filename_or_obj") if isinstance(image, MetaTensor) else None
    return str(name) if name else "the image"
