"""The bundles as a MONAI Label app."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from monailabel.config import settings
from monailabel.datastore.dicom import DICOMWebDatastore
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType
from monailabel.interfaces.tasks.scoring import ScoringMethod
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask
from monailabel.tasks.activelearning.first import First
from monailabel.tasks.activelearning.random import Random

import monai_mobileunet
from monai_mobileunet.labelling.scores import Scores
from monai_mobileunet.labelling.served.active_learning import Uncertain, UncertaintyScoring
from monai_mobileunet.labelling.served.tasks import BatchInference, BundleInference, BundleTraining

__all__ = ["MobileUNetApp"]

logger = logging.getLogger(__name__)


class MobileUNetApp(MONAILabelApp):
    """The bundles that ``--conf models`` names: infer, train, and which image to label next.

    Beside MONAI Label's own monaibundle app it asks nothing of a model zoo, gives no mask without its weights, looks at
    labels before it trains on them, infers batches on machines without a GPU, and picks uncertain images.
    """

    def __init__(self, app_dir: str, studies: str, conf: Mapping[str, str]) -> None:
        self.bundles = {name: Path(app_dir) / "model" / name for name in conf["models"].split(",")}
        self.scores = {name: Scores(Path(app_dir) / "scores" / f"{name}.json") for name in self.bundles}
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
            name: BundleInference(str(path), self.conf, type=InferType.SEGMENTATION, load_strict=True)
            for name, path in self.bundles.items()
        }

    def init_trainers(self) -> dict[str, TrainTask]:
        """A trainer for each bundle with a train.json."""
        trainers = {name: BundleTraining(str(path), self.conf, load_strict=True) for name, path in self.bundles.items()}
        return {name: trainer for name, trainer in trainers.items() if trainer.is_valid()}

    def init_strategies(self) -> dict[str, Strategy]:
        """What picks the next image; 3D Slicer offers the first."""
        uncertain = {
            self._strategy(name): Uncertain(self._strategy(name), path, self.scores[name])
            for name, path in self.bundles.items()
        }
        return {**uncertain, "first": First(), "random": Random()}

    def init_scoring_methods(self) -> dict[str, ScoringMethod]:
        """What the uncertain strategies choose by."""
        return {
            self._strategy(name): UncertaintyScoring(name, path, self.scores[name])
            for name, path in self.bundles.items()
        }

    def init_batch_infer(self) -> BatchInference:
        """Inference for all images."""
        return BatchInference()

    def on_save_label(self, image_id: str, label_id: str) -> None:
        """Let the images of a DICOM server that have labels be asked for anew, now that one more has.

        MONAI Label 0.8.5 keeps the first answer for ``MONAI_LABEL_DICOMWEB_CACHE_EXPIRY``, two hours, and counts and
        proposes images by it.
        """
        super().on_save_label(image_id, label_id)
        DICOMWebDatastore.get_labeled_images.cache.clear()

    def _strategy(self, name: str) -> str:
        return "uncertain" if len(self.bundles) == 1 else f"uncertain_{name}"

    def _local_request(self, url: str, params: Any, action: str) -> Any:
        """Ask the own server for something more, such as new scores after a training.

        MONAI Label's own asks through any proxy that is set, and where it is not heard a finished training fails.
        """
        session = requests.Session()
        session.trust_env = False
        try:
            answer = session.post(f"http://127.0.0.1:{settings.MONAI_LABEL_SERVER_PORT}{url}", json=params or {})
        except requests.RequestException as error:
            logger.warning("%s was not triggered: %s", action, error)
            return None
        return answer.json() if answer.ok else None  # not ok: it runs already
