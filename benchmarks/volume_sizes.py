"""Volumes of other sizes than a data set has, to measure how long they take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import torch
from monai.transforms import Resize

from monai_mobileunet.data import read_volume

__all__ = ["write_resampled"]

NOISE = 15.0
"""Standard deviation in HU of what is added: interpolated voxels alone would pack far better than a scanner's."""


def write_resampled(image: Path, path: Path, shape: Sequence[int]) -> None:
    """Write a CT as a scanner with more voxels would have, in the same place, as int16 with noise.

    No value is beyond those of the CT, so that air stays air.

    Args:
        image: the CT.
        path: file to write.
        shape: ``(H, W, D)`` in voxels.
    """
    volume = read_volume(image)
    values = np.asarray(
        Resize(tuple(shape), mode="trilinear")(torch.as_tensor(volume.values[None].astype(np.float32)))
    )[0]
    noise = np.random.default_rng(0).standard_normal(values.shape, np.float32) * NOISE
    noisy = np.clip(values + noise, volume.values.min(), volume.values.max())
    factors = np.array(volume.values.shape) / np.array(shape)
    affine = volume.affine @ np.diag([*factors, 1.0])
    affine[:3, 3] += volume.affine[:3, :3] @ ((factors - 1) / 2)  # the corner stays, the first voxel's centre moves
    nibabel.save(nibabel.Nifti1Image(noisy.round().astype(np.int16), affine), path)
