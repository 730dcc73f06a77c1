"""How unsure a network is of an image: what active learning asks."""

from __future__ import annotations

from os import PathLike
from typing import Any

import torch

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data.reading import ImageSource
from monai_mobileunet.segmentation.segmenter import Segmenter

__all__ = ["Uncertainty", "least_confidence"]

SAMPLES = 5
DROPOUT = 0.2


class Uncertainty:
    """Score images by how unsure a bundle's network is of them, to label those first that teach it most.

    The image is segmented several times with dropout on, as MONAI Label's epistemic scoring does (Gal and Ghahramani,
    https://arxiv.org/abs/1506.02142); :func:`least_confidence` is what becomes of the mean probabilities. Samples
    differ by chance: scores are reproducible after :func:`torch.manual_seed`.

    Args:
        bundle: its folder; its inference.json must have ``network_def#dropout``. A bundle is code: only one you trust.
        samples: how often each image is segmented.
        dropout: probability that a channel is dropped, in (0, 1). The network need not have been trained with it.
        **overrides: entries of ``inference.json`` by their id.

    Raises:
        FileNotFoundError: no bundle there, or it has no weights yet.
        ValueError: the bundle's postprocessing would not give probabilities, or the weights are another network's.
    """

    def __init__(
        self, bundle: str | PathLike, samples: int = SAMPLES, dropout: float = DROPOUT, **overrides: Any
    ) -> None:
        if samples < 1 or not 0 < dropout < 1:
            raise ValueError(f"samples is {samples} and dropout {dropout}; expected 1 or more, and in (0, 1).")
        opened = Bundle(bundle, **overrides)
        if "network_def#dropout" not in opened.parser:
            raise ValueError(f"{bundle}: network_def has no dropout in inference.json; without it there is no chance.")
        opened.parser["network_def#dropout"] = dropout
        if "argmax" in opened.parser and "argmax" not in overrides:
            opened.parser["argmax"] = False
        self.samples = samples
        self._segmenter = Segmenter(opened)
        self._segmenter.network.train()

    def __call__(self, image: ImageSource) -> float:
        """The score of an image, in [0, 1]: the higher the less sure; see :meth:`probabilities` for errors."""
        return least_confidence(self.probabilities(image))

    def probabilities(self, image: ImageSource) -> torch.Tensor:
        """Mean probability of each class over the samples, ``(C, H, W, D)`` on the bundle's own grid.

        Args:
            image: as for :class:`Segmenter`.

        Raises:
            DataError: the image cannot be read, or is not what the bundle is for.
            ValueError: the bundle gives labels, not scores, while dropout is on.
        """
        prepared = self._segmenter.prepare(image)
        mean = torch.zeros(0)
        for index in range(self.samples):
            scores = self._segmenter.predict(prepared).as_tensor()
            if not scores.is_floating_point():
                raise ValueError(
                    f"{self._segmenter.bundle.folder}: gives labels with dropout on, where scores are needed. "
                    "Put its inferer into monai_mobileunet.runtimes.RuntimeInferer, or set its argmax to false."
                )
            sample = scores.softmax(0) / self.samples
            mean = sample if index == 0 else mean.add_(sample)
        return mean


def least_confidence(probabilities: torch.Tensor) -> float:
    """How little a network is convinced of what it segments: 1 less the mean probability of the classes that win there.

    The mean entropy of all voxels, which MONAI Label takes, says beside this how large a structure is in the box that
    was cut around it, and picks worse for it (docs/ablations.md has both, measured).

    Args:
        probabilities: of each class, the background first, ``(C, H, W, D)``, adding up to 1.

    Returns:
        In [0, 1); 1 where nothing is segmented, for that is what there is to be learned.
    """
    highest, winner = probabilities.max(0)
    segmented = winner > 0
    return 1 - float(highest[segmented].mean()) if segmented.any() else 1.0
