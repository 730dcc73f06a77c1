"""What runs inside MONAI Label's server. It is imported there, by the app's main.py, and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.batch_infer import BatchInferTask
from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType
from monailabel.interfaces.tasks.scoring import ScoringMethod
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask
from monailabel.tasks.activelearning.epistemic import Epistemic
from monailabel.tasks.activelearning.first import First
from monailabel.tasks.activelearning.random import Random
from monailabel.tasks.infer.bundle import BundleInferTask
from monailabel.tasks.train.bundle import BundleTrainTask

import monai_mobileunet
from monai_mobileunet.segmentation.uncertainty import Uncertainty

__all__ = ["MobileUNetApp"]

logger = logging.getLogger(__name__)

IMAGES_A_ROUND = 20
"""Images scored at once: a laptop is to segment for its annotator too. The next round comes with the next sample."""


class MobileUNetApp(MONAILabelApp):
    """The bundles in the app's ``model`` folder: infer, train, and which image to label next.

    Beside MONAI Label's own monaibundle app it asks nothing of a model zoo, loads weights strictly, trains without
    pretrained weights where that is asked for, infers batches on machines without a GPU, and picks uncertain images.
    """

    def __init__(self, app_dir: str, studies: str, conf: Mapping[str, str]) -> None:
        models = sorted((Path(app_dir) / "model").iterdir())
        self.bundles = {path.name: path for path in models if (path / "configs").is_dir()}
        super().__init__(
            app_dir=app_dir,
            studies=studies,
            conf=dict(conf),
            name="monai_mobileunet",
            description="MobileUNet bundles. Not a medical device; not for diagnostic use.",
            version=monai_mobileunet.__version__,
        )

    def init_infers(self) -> dict[str, InferTask]:
        """A model for each bundle."""
        return {
            name: BundleInferTask(str(path), self.conf, type=InferType.SEGMENTATION, load_strict=True)
            for name, path in self.bundles.items()
        }

    def init_trainers(self) -> dict[str, TrainTask]:
        """A trainer for each bundle with a train.json."""
        trainers = {name: BundleTraining(str(path), self.conf) for name, path in self.bundles.items()}
        return {name: trainer for name, trainer in trainers.items() if trainer.is_valid()}

    def init_strategies(self) -> dict[str, Strategy]:
        """What picks the next image: by chance, in order, or the one that a bundle is least sure of."""
        uncertain = {
            _strategy(name, self.bundles): Epistemic(key=_key(name), desc=f"The image that {name} is least sure of")
            for name in self.bundles
        }
        return {"random": Random(), "first": First(), **uncertain}

    def init_scoring_methods(self) -> dict[str, ScoringMethod]:
        """What the uncertain strategies choose by."""
        return {_strategy(name, self.bundles): UncertaintyScoring(name, path) for name, path in self.bundles.items()}

    def init_batch_infer(self) -> BatchInferTask:
        """Inference for all images."""
        return BatchInference()


class BundleTraining(BundleTrainTask):
    """MONAI Label's training of a bundle, mended where a request would break it."""

    def __call__(self, request: dict[str, Any], datastore: Datastore) -> dict[str, Any]:
        """Train on the labels of the data store; 3D Slicer sends an empty ``run_id``, which would run every entry."""
        labelled = datastore.datalist()
        if not labelled:
            raise ValueError("No image has a label yet. Submit some labels, then train.")
        if not request.get("run_id"):
            request = {**request, "run_id": "run"}
        return super().__call__(request, datastore)

    def _load_checkpoint(self, model_pytorch: str, pretrained: bool, train_handlers: list[dict[str, Any]]) -> None:
        if pretrained:
            super()._load_checkpoint(model_pytorch, pretrained, train_handlers)


class BatchInference(BatchInferTask):
    """MONAI Label's batch inference, which takes GPUs for granted."""

    def __call__(self, request: dict[str, Any], datastore: Datastore, infer: Any) -> dict[str, Any]:
        """Infer all images that the request asks for."""
        several = request.get("multi_gpu", True) and torch.cuda.is_available()
        return super().__call__({**request, "multi_gpu": several}, datastore, infer)


class UncertaintyScoring(ScoringMethod):
    """Score the images without a label by :class:`Uncertainty`, each once for the weights of the day.

    Args:
        name: of the model.
        bundle: its folder.
    """

    def __init__(self, name: str, bundle: Path) -> None:
        super().__init__(f"How unsure {name} is of an image")
        self.name = name
        self.bundle = bundle

    def __call__(self, request: Mapping[str, Any], datastore: Datastore) -> dict[str, int]:
        """Score some of them.

        Args:
            request: may have ``max_samples``, how many at most.
            datastore: takes the scores.
        """
        key, weights = _key(self.name), f"{(self.bundle / 'models' / 'model.pt').stat().st_mtime_ns}"
        waiting = [
            image
            for image in datastore.get_unlabeled_images()
            if datastore.get_image_info(image).get(f"{key}_of") != weights
        ]
        chosen = waiting[: request.get("max_samples") or IMAGES_A_ROUND]
        score = Uncertainty(self.bundle, device="cpu" if not torch.cuda.is_available() else "cuda") if chosen else None
        failed = 0
        for image in chosen:
            try:
                value = score(datastore.get_image_uri(image)) if score else 0.0
            except Exception:  # one that cannot be read is not to keep the others from being scored
                logger.exception("%s cannot be scored", image)
                value, failed = 0.0, failed + 1
            datastore.update_image_info(image, {key: value, f"{key}_of": weights})
        summary = {"waiting": len(waiting), "scored": len(chosen) - failed, "failed": failed}
        logger.info("%s: %s", self.name, summary)
        return summary


def _strategy(name: str, bundles: Mapping[str, Path]) -> str:
    return "uncertain" if len(bundles) == 1 else f"uncertain_{name}"


def _key(name: str) -> str:
    return f"uncertainty_{name}"
