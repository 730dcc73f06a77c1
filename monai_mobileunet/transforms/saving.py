"""Masks into files, written as `mobileunet segment` writes them."""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import SaveImaged as MonaiSaveImaged

from monai_mobileunet.data.loading.reader import grid_of
from monai_mobileunet.data.names import NIFTI, without_suffix
from monai_mobileunet.data.writing import mask_type, write_mask

__all__ = ["SaveImaged"]

logger = logging.getLogger(__name__)


class SaveImaged(MonaiSaveImaged):
    """:class:`monai.transforms.SaveImaged` for class numbers on the grid of their image.

    A mask has its image's header and is written whole or not at all, by :func:`monai_mobileunet.data.write_mask`;
    MONAI's writers leave half a file where a run is killed, and give an image's geometry other codes. It lies where
    :func:`monai_mobileunet.data.find_images` has planned it, since two images can have one name but for their formats;
    where nothing was planned, as MONAI's would. What is no class number, as probabilities of several channels, MONAI's
    writer writes in its place, as NIfTI.

    Args:
        keys: items of class numbers ``(1, H, W, D)``.
        output_dir: folder of the masks.
        data_root_dir: folder of the images, whose tree of folders is kept.
        num_classes: with the background; more than 256 do not fit into 8 bits.
        place_key: item with the path that was planned; it may be missing.
        allow_missing_keys: do not raise if a key is missing.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_dir: str | Path = "./",
        data_root_dir: str | Path = "",
        num_classes: int = 256,
        place_key: Hashable = "mask",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(
            keys,
            output_dir=output_dir,
            output_postfix="",
            output_ext=".nii.gz",
            output_dtype=np.float32,
            resample=False,
            separate_folder=False,
            data_root_dir=str(data_root_dir),
            allow_missing_keys=allow_missing_keys,
        )
        self.num_classes = num_classes
        self.place_key = place_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Write the masks; see the class.

        Raises:
            ValueError: the mask cannot be written in the format of its name; see :func:`write_mask`.
            OSError: the file cannot be written.
        """
        for key in self.key_iterator(dict(data)):
            pred = data[key]
            if len(pred) > 1:
                self._save_scores(pred, data.get(self.place_key))
                continue
            values = np.ascontiguousarray(np.asarray(pred[0].cpu())).astype(mask_type(self.num_classes), copy=False)
            place = data.get(self.place_key) or self._named_as_the_image(pred)
            write_mask(values, Path(place), grid_of(pred))
            logger.info("%s: written", place)
        return dict(data)

    def _save_scores(self, pred: Any, planned: str | None) -> None:
        place = without_suffix(planned or self._named_as_the_image(pred))
        folder, name = Path(place).parent, Path(place).name
        folder.mkdir(parents=True, exist_ok=True)
        partly = folder / f".{name}.part"
        self.saver(pred, filename=str(partly))
        os.replace(f"{partly}{NIFTI[0]}", f"{place}{NIFTI[0]}")

    def _named_as_the_image(self, pred: Any) -> str:
        return str(self.saver.folder_layout.filename(**self.saver.fname_formatter(pred.meta, self.saver)))
