"""Which image to label next."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
import torch
from monailabel.datastore.dicom import DICOMWebDatastore
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.scoring import ScoringMethod
from monailabel.interfaces.tasks.strategy import Strategy

from monai_mobileunet.data import DataError
from monai_mobileunet.labelling.scores import Score, Scores, state_of
from monai_mobileunet.segmentation.uncertainty import Uncertainty

__all__ = ["Uncertain", "UncertaintyScoring"]

logger = logging.getLogger(__name__)

IMAGES_A_ROUND = 20
"""Images scored at once: a laptop is to segment for its annotator too. The next round comes with the next sample."""

SERVED_FOR = 24 * 60 * 60
"""Seconds for which an image that an annotator was shown is not proposed again while there are others."""


SERIES = "series"
"""State of an image of a DICOM server: a series that changes gets another UID, which is the image's name."""


class Uncertain(Strategy):
    """The image without a label that a model is least sure of.

    Scores of the present weights go before those of former ones, and these before images without a score.

    Args:
        name: of the strategy.
        bundle: folder of the model's bundle.
        scores: what :class:`UncertaintyScoring` found.
    """

    def __init__(self, name: str, bundle: Path, scores: Scores) -> None:
        super().__init__(f"The image that {bundle.name} is least sure of")
        self.name = name
        self.weights = bundle / "models" / "model.pt"
        self.scores = scores

    def __call__(self, request: Mapping[str, Any], datastore: Datastore) -> dict[str, Any] | None:
        """Pick one.

        Returns:
            Its ``id`` and ``score``; ``None`` where every image has a label.
        """
        images = datastore.get_unlabeled_images(request.get("label_tag"), request.get("labels"))
        known, now = self.scores.read(), state_of(self.weights) if self.weights.is_file() else ""

        def urgency(image: str) -> tuple[bool, float, bool, float]:
            served = datastore.get_image_info(image).get("strategy", {}).get(self.name, {}).get("ts", 0)
            recent = time.time() - served < SERVED_FOR
            score = known.get(image)
            value = score.value if score else -1.0
            return not recent, -served if recent else 0.0, bool(score and score.weights == now), value

        if not images:
            return None
        chosen = max(sorted(images), key=urgency)
        return {"id": chosen, "score": known[chosen].value if chosen in known else None}


class UncertaintyScoring(ScoringMethod):
    """Score the images without a label by :class:`Uncertainty`, each once for the weights and the file of the day.

    Args:
        name: of the model.
        bundle: its folder.
        scores: where they go.
    """

    def __init__(self, name: str, bundle: Path, scores: Scores) -> None:
        super().__init__(f"How unsure {name} is of an image")
        self.name = name
        self.bundle = bundle
        self.scores = scores

    def __call__(self, request: Mapping[str, Any], datastore: Datastore) -> dict[str, int]:
        """Score some of them, those first that never were.

        Args:
            request: may have ``max_samples``, how many at most.
            datastore: has the images.

        Raises:
            FileNotFoundError: the bundle has no weights.
            ValueError: it cannot be scored with.
            requests.ConnectionError: the server of the images is gone.
        """
        if hasattr(os, "nice"):
            os.nice(10)  # whoever waits for a mask comes first
        weights, known = state_of(self.bundle / "models" / "model.pt"), self.scores.read()
        states = {image: state for image in datastore.get_unlabeled_images() if (state := _state(image, datastore))}
        waiting = [
            image
            for image, state in states.items()
            if image not in known or (known[image].weights, known[image].image) != (weights, state)
        ]
        chosen = sorted(waiting, key=lambda image: image in known)[: request.get("max_samples") or IMAGES_A_ROUND]
        failed = 0
        if chosen:
            score = Uncertainty(self.bundle, device="cuda" if torch.cuda.is_available() else "cpu")
            for image in chosen:
                value, problem = self._score(score, image, datastore)
                self.scores.add(image, Score(value, weights, states[image], problem))
                failed += bool(problem)
        summary = {"waiting": len(waiting), "scored": len(chosen) - failed, "failed": failed}
        logger.info("%s: %s", self.name, summary)
        return summary

    def _score(self, score: Uncertainty, image: str, datastore: Datastore) -> tuple[float, str]:
        """The score of an image and why there is none: one that cannot be read does not keep the others from theirs."""
        try:
            path = Path(datastore.get_image_uri(image))
        except requests.ConnectionError:  # the server of the images is gone, for the others too
            raise
        except Exception as error:  # MONAI Label converts a series by several libraries, each with errors of its own
            logger.exception("not scored: %s", image)
            return 0.0, f"{image}: {type(error).__name__}: {error}"
        try:
            return score(path), ""
        except DataError as error:
            logger.error("not scored: %s", error)
            return 0.0, str(error)


def _state(image: str, datastore: Datastore) -> str:
    """What an image is now, by its name alone where it lies on a server; empty if it was taken away."""
    if isinstance(datastore, DICOMWebDatastore):
        return SERIES
    path = Path(datastore.get_image_uri(image))
    return state_of(path) if path.exists() else ""
