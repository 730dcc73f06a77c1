"""Mirrored passes of any network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer
from monai.utils import ensure_tuple

__all__ = ["MirroredInferer", "checked_axes", "mirrored_passes"]


def checked_axes(mirror_axes: Sequence[int] | int) -> tuple[int, ...]:
    """Axes to mirror, as a tuple.

    Raises:
        ValueError: an axis that a volume has not, or one that is named twice.
    """
    axes = ensure_tuple(mirror_axes)
    if not set(axes) <= {0, 1, 2} or len(set(axes)) != len(axes):
        raise ValueError(f"mirror_axes is {mirror_axes!r}; name axes of the volume, 0, 1 or 2, each once.")
    return axes


def mirrored_passes(mirror_axes: Sequence[int]) -> list[tuple[int, ...]]:
    """The axes that each pass mirrors: every combination of them, none first."""
    return [subset for count in range(len(mirror_axes) + 1) for subset in combinations(mirror_axes, count)]


class MirroredInferer(Inferer):
    """Mean scores of a network over mirrored passes, each mirrored back.

    :class:`monai_mobileunet.inferers.ContextSliceInferer` does so for the slices of a volume; this is for networks
    that see volumes whole.

    Args:
        inferer: what makes each pass; :class:`monai.inferers.SimpleInferer` by default.
        mirror_axes: spatial axes, from 0; every combination of them is a pass.
        argmax: whether to return class numbers ``(B, 1, …)`` of the type ``uint8`` in place of scores.

    Raises:
        ValueError: as :func:`checked_axes`.
    """

    def __init__(
        self, inferer: Inferer | None = None, mirror_axes: Sequence[int] | int = (), argmax: bool = False
    ) -> None:
        super().__init__()
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.passes = mirrored_passes(checked_axes(mirror_axes))
        self.argmax = argmax

    def __call__(self, inputs: torch.Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> torch.Tensor:
        """Scores ``(B, classes, …)``, or class numbers."""
        total: torch.Tensor | float = 0.0
        for axes in self.passes:
            dims = [axis + 2 for axis in axes]
            total = total + self.inferer(inputs.flip(dims), network, *args, **kwargs).flip(dims)
        scores = torch.as_tensor(total) / len(self.passes)
        return scores.argmax(1, keepdim=True).to(torch.uint8) if self.argmax else scores
