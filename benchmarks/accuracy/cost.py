"""What a volume costs: multiply-accumulates, and seconds from file to file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.networks.info import count_macs
from monai_mobileunet.segmentation import Segmenter

__all__ = ["seconds_per_case", "volume_macs"]


def volume_macs(bundle: Bundle, network: nn.Module, images: Sequence[Path]) -> list[int]:
    """Multiply-accumulates of the network for each image: all slices, windows and passes of the bundle's inferer.

    Only the preprocessing is computed.

    Args:
        bundle: its preprocessing and inferer.
        network: what takes the slices.
        images: files.
    """
    known: dict[tuple[int, ...], tuple[int, tuple[int, ...]]] = {}

    def macs_and_shape(shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        if shape not in known:
            macs = count_macs(network, (1, *shape))
            known[shape] = macs.total, tuple(macs.output.shape[1:])
        return known[shape]

    totals = []
    for image in images:
        calls: Counter[tuple[int, ...]] = Counter()

        def record(batch: torch.Tensor, calls: Counter[tuple[int, ...]] = calls) -> torch.Tensor:
            calls[tuple(batch.shape[1:])] += len(batch)
            return batch.new_zeros(len(batch), *macs_and_shape(tuple(batch.shape[1:]))[1])

        volume = bundle.preprocessing({"image": str(image)})["image"]
        bundle.slice_inferer(torch.as_tensor(volume)[None], record)
        totals.append(sum(count * macs_and_shape(shape)[0] for shape, count in calls.items()))
    return totals


def seconds_per_case(segmenter: Segmenter, images: Sequence[Path]) -> float:
    """Median time from the image's file to the mask's, after a case that is not counted.

    Args:
        segmenter: with its network loaded.
        images: files, at least one.
    """
    segmenter(images[0])
    times = []
    for image in images:
        started = time.perf_counter()
        segmenter(image)
        times.append(time.perf_counter() - started)
    return float(np.median(times))
