"""Images for MONAI's transforms: the reader of a bundle's configs, and what it leaves for the writing of masks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import ImageReader, MetaTensor
from monai.utils import MetaKeys, SpaceKeys, ensure_tuple
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header

from monai_mobileunet.data.dicom import is_dicom
from monai_mobileunet.data.memory_order import c_ordered
from monai_mobileunet.data.names import image_suffix
from monai_mobileunet.data.reading import read_volume
from monai_mobileunet.data.volume import Volume

__all__ = ["VolumeReader", "as_tensor", "file_grid", "grid_of"]

PLANAR, HEADER, MODALITY = "planar", "nifti_header", "modality"
"""Keys of the metadata for what masks are written with, and for what an image is."""

logger = logging.getLogger(__name__)


class VolumeReader(ImageReader):
    """:func:`read_volume` for ``"reader"`` of MONAI's ``LoadImaged`` in a bundle's configs.

    With it a bundle reads what ``mobileunet segment`` reads, the same way: by any door an image gives the same mask.
    Warnings are logged.

    Where :meth:`read` raises, ``LoadImaged`` asks MONAI's own readers, and they may read in some other way what was
    refused here. So a refusal is raised where the values are taken, after which nothing else is tried.
    """

    def verify_suffix(self, filename: Any) -> bool:
        """Whether a path is one that this reader is for."""
        return all(image_suffix(path) or Path(path).is_dir() or is_dicom(Path(path)) for path in ensure_tuple(filename))

    def read(self, data: Any, **kwargs: Any) -> Volume | Exception:
        """Read a file, or one for each channel; what is wrong with it is returned, for :meth:`get_data` to raise."""
        try:
            volume = read_volume(ensure_tuple(data))
        except Exception as error:
            return error
        for warning in volume.warnings:
            logger.warning("%s", warning)
        return volume

    def get_data(self, img: Volume | Exception) -> tuple[np.ndarray, dict[str, Any]]:
        """Values ``(H, W, D)``, or ``(H, W, D, C)``, and the metadata that MONAI's transforms expect.

        Raises:
            DataError: as :func:`read_volume`.
        """
        if isinstance(img, Exception):
            raise img
        return _float32(img), _metadata(img)


def as_tensor(volume: Volume) -> MetaTensor:
    """A volume as MONAI's ``LoadImage`` with :class:`VolumeReader` returns it: same values, layout and metadata."""
    return MetaTensor.ensure_torch_and_prune_meta(_float32(volume), _metadata(volume))


def _float32(volume: Volume) -> np.ndarray:
    # one layout, for sums over values depend on their order in the last bit; a copy, for some transforms work in place
    return c_ordered(volume.values, np.float32)


def _metadata(volume: Volume) -> dict[str, Any]:
    header = getattr(volume.template, "binaryblock", b"")
    return {
        MetaKeys.AFFINE: volume.affine.copy(),
        MetaKeys.ORIGINAL_AFFINE: volume.affine.copy(),
        MetaKeys.SPACE: SpaceKeys.RAS,
        MetaKeys.SPATIAL_SHAPE: np.asarray(volume.shape),
        MetaKeys.ORIGINAL_CHANNEL_DIM: -1 if volume.channels > 1 else float("nan"),
        "filename_or_obj": volume.name,
        PLANAR: volume.planar,
        MODALITY: volume.modality,
        HEADER: np.frombuffer(header, np.uint8).copy(),
    }


def file_grid(image: MetaTensor) -> Volume:
    """The grid that an image had in its file, whatever was done to it since.

    Args:
        image: with metadata as :class:`VolumeReader` gives them.

    Returns:
        A volume of zeros, which take no memory.
    """
    meta = image.meta
    shape = tuple(int(size) for size in meta[MetaKeys.SPATIAL_SHAPE])
    affine = np.asarray(meta[MetaKeys.ORIGINAL_AFFINE], float)
    name = str(meta.get("filename_or_obj", "the given image"))
    return Volume(np.broadcast_to(np.uint8(0), shape), affine, name, modality=str(meta.get(MODALITY, "")))


def grid_of(pred: MetaTensor) -> Volume:
    """The grid of a segmentation, with its image's header, for :func:`monai_mobileunet.data.write_mask`.

    Args:
        pred: ``(C, H, W, D)``, with metadata of its image as :class:`VolumeReader` gives them; of another reader's
            the affine and the name are known.

    Returns:
        A volume of zeros, which take no memory.
    """
    meta = pred.meta
    header = np.asarray(meta.get(HEADER, ()), np.uint8).tobytes()
    kinds = {kind.sizeof_hdr: kind for kind in (Nifti1Header, Nifti2Header)}
    template = kinds[len(header)](header, check=False) if len(header) in kinds else None
    name = str(meta.get("filename_or_obj", "the given image"))
    zeros = np.broadcast_to(np.uint8(0), tuple(pred.shape[1:]))
    return Volume(zeros, np.asarray(pred.affine, float), name, bool(meta.get(PLANAR, False)), template)
