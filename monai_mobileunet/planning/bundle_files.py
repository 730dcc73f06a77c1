"""A bundle's configs and metadata, generated from its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from monai_mobileunet.bundle.json_files import layout, read_json, write_files
from monai_mobileunet.bundle.network_format import describe_format
from monai_mobileunet.bundle.reuse import START
from monai_mobileunet.data.datasets.regions import unions
from monai_mobileunet.data.dicom.segments.attributes import SEGMENT_ATTRIBUTES, attributes_of
from monai_mobileunet.data.dicom.segments.terms import segment_classes
from monai_mobileunet.planning.plan import PLAN, Plan
from monai_mobileunet.planning.rules.regions import refuse_odd_regions

__all__ = ["LEARNED", "bundle_files", "write_bundle_files"]

TEMPLATES = Path(__file__).parent / "templates"
PIECE = "&"
"""Begins the name of a piece where that belongs in a template."""

LEARNED = ("eval_metrics", "weights", "training_data", "training")
"""What a training writes into the metadata, and no plan decides."""

NETWORK = ("image_channels", "planes", "mirror_axes", "context", "out_slices", "out_step", "spacing")
"""Decisions that are settings at the top of ``train.json`` and ``inference.json``."""

REPLACED = ("folds",)
"""Settings that stand in the template of ``train.json`` already, for most data sets."""

OF_THE_CASES = ("leave_out", "stratify_by", "ignore", "labelled")
"""Settings that the lists of cases ask for where a plan has them."""

PARTIAL = {
    "ignore": {"ignore": "@ignore"},
    "annotated_slices_only": {"spatial_dim": "$@planes if @annotated_slices_only else None"},
    "labelled": {"labelled": "@labelled"},
}
"""Settings that tell what was not annotated, with the arguments of the transform that marks it."""

REGIONS = "regions"
"""Setting of a data set whose labels are unions of classes; they have pieces of their own."""

OF_PREDICTION = ("mirror_axes",)
"""Those of them that may differ from a training's, so that a training does not record them."""

STARTING = "starting_weights"
"""Setting of a bundle whose training starts from another's weights; it says what was planned, not what was trained."""

LOADING = {
    "_target_": "monai_mobileunet.handlers.load_starting_weights",
    "network": "@network",
    "class_names": "@class_names",
    "start": f"@{STARTING}",
}
"""What a training of such a bundle begins with."""


def bundle_files(plan: Plan, metadata: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The files of a bundle that follow from its plan.

    Args:
        plan: what was decided.
        metadata: former content of ``metadata.json``, of which what a training has learned is kept.

    Returns:
        Path within the bundle → text.

    Raises:
        DataError: the plan has regions that are none.
    """
    if REGIONS in plan.settings:
        refuse_odd_regions(f"{REGIONS} in {PLAN}", plan.settings[REGIONS].value, plan.class_names.value)
    pieces = _pieces(plan)
    contents = {name: _composed(_template(name), pieces) for name in ("train", "inference", "evaluate")}
    contents["train"] |= {name: one.value for name, one in plan.settings.items() if name in REPLACED}
    for job, own in (("train", "multi_gpu_train"), ("evaluate", None)):
        of_job = {word: pieces[f"{job}_{word}"] for word in ("setup", "checks", "run", "own_imports", "own_steps")}
        of_job["seeded"] = pieces["seeded_by_rank"]  # or every process would draw the same augmentation
        of_job["own"] = _template(own) if own else {}
        contents[f"multi_gpu_{job}"] = _composed(_template("multi_gpu"), {**pieces, **of_job})
    learned = {key: value for key, value in (metadata or {}).items() if key in LEARNED}
    if STARTING in plan.settings:
        learned["weights"] = {**learned.get("weights", {}), START: _origin(plan.settings[STARTING].value)}
    contents["metadata"] = {**_metadata(plan, pieces), **learned}
    return {f"configs/{name}.json": layout(content) for name, content in contents.items()}


def write_bundle_files(folder: Path, plan: Plan | None = None) -> list[Path]:
    """Generate a bundle's files from its ``plan.json``, which gets the layout of the others.

    Args:
        folder: of the bundle.
        plan: takes the place of that in the folder, where it is given.

    Returns:
        The files that were not as they should be and were written.

    Raises:
        FileNotFoundError: there is no plan.
        DataError: the plan is none.
        OSError: a file cannot be written; then none is.
    """
    metadata = folder / "configs" / "metadata.json"
    plan = plan or Plan.read(folder)
    texts = bundle_files(plan, read_json(metadata) if metadata.is_file() else None)
    contents = {folder / name: text for name, text in {PLAN: layout(plan.to_json()), **texts}.items()}
    changed = {
        path: text for path, text in contents.items() if not path.is_file() or path.read_bytes() != text.encode()
    }
    (folder / "configs").mkdir(exist_ok=True)
    write_files(changed)
    return list(changed)


def _pieces(plan: Plan) -> dict[str, Any]:
    """What templates name: the shared pieces, the decisions, and what follows from these."""
    decided = {one.name: getattr(plan, one.name) for one in fields(plan) if one.name != "settings"}
    shared = {name: decided[name].value for name in NETWORK}
    of_train = {name: one.value if one.train is None else one.train for name, one in plan.settings.items()}
    of_inference = {name: one.value for name, one in plan.settings.items() if one.only != "train"}
    counted = {"num_classes": len(plan.class_names.value) + 1}
    train = {**counted, "class_names": plan.class_names.value, **shared, **of_train}
    common = _template("shared")
    common["cached_cases"]["data"] |= {name: f"@{name}" for name in OF_THE_CASES if name in of_train}
    if STARTING in of_train:
        common["train_checks"].append(LOADING)
    partial = [name for name in PARTIAL if name in of_train]
    return {
        **common,
        **(_partial(partial) if partial else {}),
        **(_of_regions(partial) if unions(of_train.get(REGIONS, {})) else {}),
        **{f"plan.{name}": decision.value for name, decision in decided.items()},
        "images_dir": f"{plan.dataset_dir.value}/imagesTs",
        "train_settings": train,
        "inference_settings": {**counted, "tta_axes": plan.tta_axes.value, **shared, **of_inference},
        "recorded": {name: f"@{name}" for name in train if name not in (*OF_PREDICTION, STARTING)},
    }


def _partial(settings: Sequence[str]) -> dict[str, Any]:
    """Pieces for labels that do not say everything, in place of those for whole ones."""
    pieces = _template("partial")
    for name in settings:
        pieces["marked_labels"][0] |= PARTIAL[name]
    if "labelled" in settings:
        for piece in (pieces["loss"], pieces["scored"]):
            piece["labelled"] = "@labelled"
    return pieces


def _of_regions(partial: Sequence[str]) -> dict[str, Any]:
    """Pieces for labels that are regions: the loss with their Dice, and their Dice in the validation."""
    loss, pieces = _partial(partial)["loss"], _template(REGIONS)
    if "labelled" in partial:
        pieces["masked_regions"][0]["labelled"] = "@labelled"
    return {**pieces, "loss": {**loss, REGIONS: f"$list(@{REGIONS}.values())"}}


def _metadata(plan: Plan, pieces: Mapping[str, Any]) -> dict[str, Any]:
    metadata = _composed(_template("metadata"), pieces)
    metadata["network_data_format"] = describe_format(
        metadata["network_data_format"],
        plan.class_names.value,
        plan.image_channels.value,
        plan.context.value,
        plan.out_slices.value,
        plan.channel_names.value,
    )
    metadata.setdefault(SEGMENT_ATTRIBUTES, attributes_of(segment_classes(plan.class_names.value)))
    return metadata


def _origin(start: Mapping[str, Any]) -> dict[str, Any]:
    """What the metadata tell of the weights that a training starts from."""
    return {name: start[name] for name in ("sha256", "bundle", "data_source", "data_license")}


@cache
def _stored(name: str) -> dict[str, Any]:
    return read_json(TEMPLATES / f"{name}.json")


def _template(name: str) -> dict[str, Any]:
    return deepcopy(_stored(name))


def _composed(part: Any, pieces: Mapping[str, Any]) -> Any:
    """A template with the pieces that it names: as a value, as entries of an object, or as items of a list."""
    if isinstance(part, str) and part.startswith(PIECE):
        return _composed(pieces[part.removeprefix(PIECE)], pieces)
    if isinstance(part, dict):
        composed: dict[str, Any] = {}
        for key, value in part.items():
            if key.startswith(PIECE):  # the value of such a key gives the piece's own pieces
                composed |= _composed(pieces[key.removeprefix(PIECE)], {**pieces, **value})
            else:
                composed[key] = _composed(value, pieces)
        return composed
    if isinstance(part, list):
        items: list[Any] = []
        for item in part:
            value = _composed(item, pieces)
            items += value if isinstance(item, str) and item.startswith(PIECE) and isinstance(value, list) else [value]
        return items
    return deepcopy(part)
