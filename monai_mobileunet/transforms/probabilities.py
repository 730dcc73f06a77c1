"""Scores as probabilities, where a network was asked for scores."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import Activationsd

__all__ = ["Probabilitiesd"]


class Probabilitiesd(Activationsd):
    """Softmax of scores; class numbers pass through.

    One postprocessing then serves both: a prediction's labels, and the scores of which MONAI Label's epistemic scoring
    takes samples (see :class:`monai_mobileunet.runtimes.RuntimeInferer`) or which ``argmax`` false asks for.

    Args:
        keys: scores ``(classes, H, W, D)`` of a floating-point type, or class numbers ``(1, H, W, D)`` of another.
        allow_missing_keys: do not raise if a key is missing.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, softmax=True, allow_missing_keys=allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Apply the softmax; see the class."""
        out = dict(data)
        for key in self.key_iterator(out):
            if out[key].is_floating_point():
                out[key] = self.converter(out[key], softmax=True)
        return out
