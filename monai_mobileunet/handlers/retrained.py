"""What a bundle's metadata say once other weights lie in it: nothing of the old ones that does not hold for the new."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monai_mobileunet.bundle.network_format import describe_format
from monai_mobileunet.bundle.reuse import START
from monai_mobileunet.data.dicom.segments.attributes import SEGMENT_ATTRIBUTES, attributes_of
from monai_mobileunet.data.dicom.segments.terms import segment_classes

__all__ = ["Retrained", "describe", "modality_of", "spoken"]

WEIGHTS = "models/model.pt"

MODALITIES = {"mri": "MR", "mr": "MR", "ct": "CT", "pet": "PT", "pt": "PT", "us": "US", "ultrasound": "US"}
"""What data sets call a modality, and what DICOM does."""


@dataclass(frozen=True)
class Retrained:
    """What is known of a training whose weights have taken the place of a bundle's.

    Attributes:
        sha256: of the file of the weights.
        class_names: of the classes from 1 on.
        image_channels: of the preprocessed image.
        context: neighbouring slices on each side that the network sees.
        out_slices: slices that the network predicts at once.
        date: of the day, as ISO 8601 writes it.
        epoch: after which the weights were saved.
        epochs: that were asked for.
        training_cases: how many were trained on.
        validation_cases: how many chose the weights; ``0``: the last ones were taken.
        seen_in_validation: how many of these were trained on as well.
        metrics: of the validation, by name; those of a class by the class's.
        training_data: measured; see :func:`monai_mobileunet.bundle.training_range.measure_range`.
        data_source: the data set, in words.
        data_license: of the data set, in words.
        package_version: of this package.
        started_from: SHA-256 of the weights that the training began with; empty where it began with random ones.
        label_names: what the data set calls the classes, where that is something else.
        unannotated: settings that tell what was not annotated in the labels; empty where everything was.
    """

    sha256: str
    class_names: tuple[str, ...]
    image_channels: int
    context: int
    out_slices: int
    date: str
    epoch: int
    epochs: int
    training_cases: int
    validation_cases: int
    seen_in_validation: int
    metrics: Mapping[str, float]
    training_data: Mapping[str, Any]
    data_source: str
    data_license: str
    package_version: str
    started_from: str = ""
    label_names: tuple[str, ...] = field(default=())
    unannotated: Mapping[str, Any] = field(default_factory=dict)


def describe(metadata: Mapping[str, Any], new: Retrained) -> dict[str, Any]:
    """The metadata of a bundle with new weights.

    What describes the old weights is replaced: their hash, their range, their scores, their data. Where
    the classes are others, so are the texts that speak of them.

    Args:
        metadata: as they were.
        new: what was trained.
    """
    described = dict(metadata)
    described["weights"] = {**metadata.get("weights", {}), WEIGHTS: {"sha256": new.sha256}}
    described["training_data"] = dict(new.training_data)
    described["eval_metrics"] = _scores(new)
    origin = metadata.get("weights", {}).get(START, {})
    before = origin if new.started_from and origin.get("sha256") == new.started_from else metadata
    described["data_source"] = _since(new.data_source, before.get("data_source", ""), new.started_from)
    described["data_license"] = _since(new.data_license, before.get("data_license", ""), new.started_from)
    described["training"] = _history(new)
    return described | _classes(metadata, new)


def spoken(names: Sequence[str]) -> str:
    """Names as a sentence has them: ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "nothing"


def modality_of(name: str) -> str | None:
    """What DICOM calls a modality that a data set names in its own way; ``None`` where that is not clear."""
    words = name.casefold().replace("-", " ").replace("_", " ").split()
    found = {MODALITIES[word] for word in words if word in MODALITIES}
    return found.pop() if len(found) == 1 else None


def _scores(new: Retrained) -> dict[str, Any]:
    if not new.validation_cases:
        return {"measured_on": "no case: this training had none to validate on"}
    finite = {name: round(value, 4) for name, value in new.metrics.items() if math.isfinite(value)}
    measured = f"{new.validation_cases} validation cases of this training, which chose the weights of epoch {new.epoch}"
    if new.unannotated:
        measured += ", where they were annotated"
    if new.seen_in_validation:
        measured += f"; {new.seen_in_validation} of them were trained on as well"
    return {"dice": {name: finite[name] for name in new.class_names if name in finite}, "measured_on": measured}


def _since(now: str, before: str, started_from: str) -> str:
    """What data went into weights that began with others."""
    if not started_from or now.endswith(f": {before}"):
        return now
    if before == now or before.startswith(f"{now}; "):
        return before
    return f"{now}; the weights that it started from: {before}" if before else now


def _history(new: Retrained) -> dict[str, Any]:
    history: dict[str, Any] = {
        "date": new.date,
        "cases": new.training_cases,
        "validation_cases": new.validation_cases,
        "epoch": new.epoch,
        "epochs": new.epochs,
        "monai_mobileunet": new.package_version,
    }
    if new.started_from:
        history["started_from"] = {"sha256": new.started_from}
    if new.label_names and new.label_names != new.class_names:
        history["label_names"] = list(new.label_names)
    if new.unannotated:
        history["unannotated"] = dict(new.unannotated)
    return history


def _classes(metadata: Mapping[str, Any], new: Retrained) -> dict[str, Any]:
    """The parts that name classes, of a bundle that had others, and the modality."""
    form = metadata["network_data_format"]
    image, pred = form["inputs"]["image"], form["outputs"]["pred"]
    known = [name.partition(", ")[2] for name in image.get("channel_def", {}).values()]
    described = describe_format(form, new.class_names, new.image_channels, new.context, new.out_slices, known)
    inputs, channels = described["inputs"]["image"], described["outputs"]["pred"]["channel_def"]
    if inputs["num_channels"] == image.get("num_channels"):  # whatever its author calls them
        described["inputs"]["image"] = inputs = image.copy()
    modality = new.training_data.get("modality") or image.get("modality", "")
    inputs |= {"modality": modality} if modality else {}
    changed: dict[str, Any] = {"network_data_format": described}
    if pred.get("channel_def") != channels:
        changed[SEGMENT_ATTRIBUTES] = attributes_of(segment_classes(new.class_names))
    elif image.get("modality", "") == modality:
        return changed
    names = spoken(new.class_names)
    slices = f", for the {new.out_slices} middle slices of the input" if new.out_slices > 1 else ""
    return changed | {
        "name": f"Segmentation of {names}",
        "task": f"Segmentation of {names}" + (f" in {modality}" if modality else ""),
        "description": f"A network for slices that segments {names}, trained by its user. Not a medical device.",
        "image_classes": f"one image{f', {modality}' if modality else ''}, as in the data set that it was trained on",
        "label_classes": "one channel, " + ", ".join(f"{number} {name}" for number, name in channels.items()),
        "pred_classes": f"{len(channels)} channels, scores of {spoken(list(channels.values()))}{slices}",
        "references": [],
    }
