"""MONAI Label's tasks for bundles, corrected where a request would break them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from monailabel.interfaces.datastore import Datastore, DefaultLabelTag
from monailabel.interfaces.tasks.batch_infer import BatchInferTask
from monailabel.tasks.infer.bundle import BundleInferTask
from monailabel.tasks.train.bundle import BundleTrainTask

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data import Finding
from monai_mobileunet.data.datasets.checks import check_case
from monai_mobileunet.wording import counted

__all__ = ["BatchInference", "BundleInference", "BundleTraining"]

logger = logging.getLogger(__name__)


class BundleInference(BundleInferTask):
    """Inference that gives no mask without its weights: MONAI Label's takes random ones then, and says nothing."""

    def _get_network(self, device: str, data: Any) -> torch.nn.Module:
        if not self.get_path():
            raise FileNotFoundError(f"{self.path[0]}: no weights. Put them back, or start mobileunet label again.")
        return super()._get_network(device, data)


class BundleTraining(BundleTrainTask):
    """Training on the submitted labels that are what the bundle's classes mean."""

    def __call__(self, request: dict[str, Any], datastore: Datastore) -> dict[str, Any]:
        """Train; 3D Slicer sends an empty ``run_id``, which would run every entry of the config.

        One process trains, also where there are several GPUs: MONAI Label takes a failure of several for a success.
        """
        return super().__call__({**request, "run_id": request.get("run_id") or "run", "multi_gpu": False}, datastore)

    def _fetch_datalist(self, request: dict[str, Any], datastore: Datastore) -> list[dict[str, str]]:
        """Pairs of image and label without those that training must not see, each of which is logged with the reason.

        Raises:
            ValueError: none is left.
        """
        bundle = Bundle(self.bundle_path)
        pairs = super()._fetch_datalist(request, datastore)
        infos = [datastore.get_label_info(image, DefaultLabelTag.FINAL) for image in datastore.get_labeled_images()]
        segments = {info.get("name"): info.get("label_info") for info in infos}
        good = []
        for pair in pairs:
            findings = [f for f in check_case(pair, len(bundle.class_names) + 1) if not f.warning]
            findings += check_names(pair["label"], segments.get(Path(pair["label"]).name) or [], bundle.class_names)
            for finding in findings:
                logger.error("not trained on: %s", finding)
            good += [] if findings else [pair]
        if not good:
            raise ValueError(
                f"No label to train on: {len(pairs)} submitted, {len(pairs)} refused. Each is named above."
                if pairs
                else "No image has a label yet. Submit some labels, then train."
            )
        return good

    def _load_checkpoint(self, model_pytorch: str, pretrained: bool, train_handlers: list[dict[str, Any]]) -> None:
        if not pretrained:
            return
        if not Path(model_pytorch).is_file():
            raise FileNotFoundError(f"{model_pytorch}: no weights to start from. Put them back, or train anew.")
        super()._load_checkpoint(model_pytorch, pretrained, train_handlers)


def check_names(label: str, segments: list[dict[str, Any]], class_names: tuple[str, ...]) -> list[Finding]:
    """Whether the numbers in a label stand for the bundle's classes.

    3D Slicer numbers segments as they stand in its list: one that was added, deleted or moved shifts the others.

    Args:
        label: file that the label is in.
        segments: what the viewer says of it, ``name`` and ``idx`` of each segment; may be empty.
        class_names: of the classes from 1 on.
    """
    known = {name.lower(): number for number, name in enumerate(class_names, 1)}
    numbers = {str(entry.get("name")): entry["idx"] for entry in segments if "idx" in entry}
    wrong = [
        f"{name} is {number}, expected {known.get(name.lower(), 'no such segment')}"
        for name, number in numbers.items()
        if known.get(name.lower()) != number
    ]
    if not wrong:
        return []
    expected = ", ".join(f"{name} {number}" for number, name in enumerate(class_names, 1))
    remedy = f"Bring the segments into the order {expected}, none more and none less, and submit again."
    return [Finding(label, f"numbers its segments otherwise than the bundle: {'; '.join(wrong)}.", remedy)]


class BatchInference(BatchInferTask):
    """MONAI Label's batch inference, which asks for GPUs, and ends at a bad image where there are few cores."""

    def __call__(self, request: dict[str, Any], datastore: Datastore, infer: Any) -> dict[str, Any]:
        """Infer all images that the request asks for.

        Raises:
            RuntimeError: some have no mask; it comes after the others have theirs, and names them.
        """
        failed: list[str] = []

        def careful(task: dict[str, Any], store: Datastore) -> dict[str, Any]:
            try:
                return infer(task, store)
            except Exception:  # whatever is wrong with one image, the others are to have their masks
                logger.exception("%s: no mask", task["image"])
                failed.append(task["image"])
                return {}

        several = request.get("multi_gpu", True) and torch.cuda.is_available()
        result = super().__call__({**request, "multi_gpu": several}, datastore, careful)
        if failed:
            raise RuntimeError(
                f"{len(failed)} of {counted(len(result), 'image')} have no mask: {', '.join(failed)}. Why stands above."
            )
        return result
