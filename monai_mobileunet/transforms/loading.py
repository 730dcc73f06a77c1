"""Images read by this package's reader, and by no other."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monai.config import KeysCollection
from monai.transforms import LoadImaged as MonaiLoadImaged

from monai_mobileunet.data.loading.reader import VolumeReader

__all__ = ["LoadImaged"]

CODECS = "monai.data.nvimgcodec_pydicom_plugin"


class LoadImaged(MonaiLoadImaged):
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
