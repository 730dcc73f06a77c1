"""From scores to labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

__all__ = ["labels_of_outputs", "labels_of_scores"]


def labels_of_scores(scores: torch.Tensor) -> torch.Tensor:
    """Index of the highest score, the lowest of equal ones.

    What :func:`torch.argmax` gives, in a byte per pixel: on a CPU torch.argmax over the channels takes a hundred
    times as long as these comparisons, and ``scores.max(dim=1)`` several times. There it is done with NumPy: after
    a parallel operator torch's threads spin for a while, and take the cores from a runtime with threads of its own
    (a tenth of the whole time with OpenVINO on two cores).

    Args:
        scores: ``(N, classes, ...)``.

    Returns:
        ``(N, 1, ...)`` ``uint8``.

    Raises:
        ValueError: more than 256 classes.
    """
    classes = scores.shape[1]
    if classes > 256:
        raise ValueError(f"there are {classes} classes; labels of one byte have room for 256. Set argmax=False.")
    in_numpy = scores.device.type == "cpu" and scores.dtype != torch.bfloat16
    values: Any = scores.detach().numpy() if in_numpy else scores
    maximum, uint8 = (np.maximum, np.uint8) if in_numpy else (torch.maximum, torch.uint8)
    highest = values[:, :1]
    labels = (values[:, 1:2] > highest).view(uint8) if classes > 1 else (highest != highest).view(uint8)
    for label in range(2, classes):
        highest = maximum(highest, values[:, label - 1 : label])
        higher = (values[:, label : label + 1] > highest).view(uint8)
        higher *= label
        labels = maximum(labels, higher)
    return torch.from_numpy(labels) if in_numpy else labels


def labels_of_outputs(outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Labels for each of several outputs of scores; see :func:`labels_of_scores`.

    Raises:
        ValueError: an output with a single channel, of which every label would be 0, or with more than 256 classes.
    """
    if any(scores.shape[1] == 1 for scores in outputs):
        raise ValueError(
            "the network gives scores of one channel, and labels made of them (argmax=True) are all 0; expected a "
            "channel for each class, the background included. Set argmax=False and use a threshold."
        )
    return tuple(map(labels_of_scores, outputs))
