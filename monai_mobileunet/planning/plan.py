"""What was decided for a bundle, and why: the one description that all of its configs are generated from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from monai_mobileunet.bundle.json_files import read_json
from monai_mobileunet.data.errors import DataError, Finding

__all__ = ["PLAN", "Decision", "Plan", "Setting", "decisions"]

PLAN = "plan.json"
"""Name of the file, in the folder of a bundle."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Decision(Generic[Value]):
    """One thing that was decided.

    Attributes:
        value: what stands in the bundle's configs.
        reason: why, with what was measured; or that it was chosen and not measured.
        rule: name of the planner's rule that decided; empty where a person did.
    """

    value: Value
    reason: str
    rule: str = ""


@dataclass(frozen=True)
class Setting(Decision[Any]):
    """A decision that is an entry of its own at the top of the configs, for the bundle's transforms to refer to.

    Attributes:
        train: expression in ``train.json`` in place of the value, where that depends on what a training changes.
        only: ``"train"`` where ``inference.json`` has no use for it.
    """

    train: Any = None
    only: str = ""


@dataclass(frozen=True)
class Plan:
    """All decisions about a bundle; ``plan.json`` has them by the same names.

    Attributes:
        texts: entries of ``metadata.json`` for people: version and changelog, name, task, description, authors,
            copyright, data and licence.
        dataset_dir: folder of the data set, images to segment in its ``imagesTs``.
        class_names: of the classes from 1 on.
        image: what an image is: ``format``, ``modality`` and ``value_range`` of the network's input.
        image_channels: of the preprocessed image.
        channel_names: of these channels; an empty one for a single channel.
        file_channels: channels that a case's files have, or ``"@image_channels"``.
        subject_of: expression or component: a function from a case's name to its subject; ``None`` if each case has its
            own.
        planes: across which the volume is sliced.
        mirror_axes: axes of the mirrored passes of a prediction.
        tta_axes: axes along which no class has a side, for ``mobileunet segment --tta``.
        context: neighbouring slices on each side.
        out_slices: slices that are predicted at once.
        out_step: slices from one such group to the next in a prediction.
        spacing: mm that volumes are brought to.
        variant: of the network.
        roi_size: window of a training.
        window: largest window of a prediction.
        num_samples: windows out of each volume of a batch.
        epochs: of a training.
        learning_rate: highest.
        val_interval: epochs from one validation to the next.
        image_transforms: of the read image in RAS orientation, for training, validation and prediction.
        random_transforms: of image and label, for training.
        mask_transforms: of the segmentation on the grid of the network.
        settings: further entries that these transforms refer to.
    """

    texts: Decision[Mapping[str, Any]]
    dataset_dir: Decision[str]
    class_names: Decision[list[str]]
    image: Decision[Mapping[str, Any]]
    image_channels: Decision[int]
    channel_names: Decision[list[str]]
    file_channels: Decision[int | str]
    subject_of: Decision[str | Mapping[str, Any] | None]
    planes: Decision[list[str]]
    mirror_axes: Decision[list[int]]
    tta_axes: Decision[list[int]]
    context: Decision[int]
    out_slices: Decision[int]
    out_step: Decision[int]
    spacing: Decision[list[float]]
    variant: Decision[str]
    roi_size: Decision[list[int]]
    window: Decision[list[int]]
    num_samples: Decision[int]
    epochs: Decision[int]
    learning_rate: Decision[float]
    val_interval: Decision[int]
    image_transforms: Decision[list[dict]]
    random_transforms: Decision[list[dict]]
    mask_transforms: Decision[list[dict]]
    settings: Mapping[str, Setting] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The plan of a bundle.

        Raises:
            FileNotFoundError: it has none.
            DataError: a decision lacks or is unknown, or has no value and reason.
        """
        path = folder / PLAN
        content = read_json(path)
        settings = content.pop("settings", {})
        names = {one.name for one in fields(cls)} - {"settings"}
        findings = [
            Finding(str(path), f"{word} {', '.join(sorted(found))}.", "Write the decisions of Plan, no others.")
            for word, found in (("lacks", names - content.keys()), ("has the unknown", content.keys() - names))
            if found
        ]
        for kind, entries in ((Decision, content), (Setting, settings)):
            findings += [
                Finding(str(path), f"{name} is {entry}.", f"Write {_form(kind)}.")
                for name, entry in entries.items()
                if not _is_one(entry, kind)
            ]
        if findings:
            raise DataError(findings)
        decisions: dict[str, Any] = {name: Decision(**entry) for name, entry in content.items()}
        return cls(**decisions, settings={name: Setting(**entry) for name, entry in settings.items()})

    def to_json(self) -> dict[str, Any]:
        """Content of ``plan.json``, in the order of the attributes; what is not given is left out."""
        decided = {one.name: _to_json(getattr(self, one.name)) for one in fields(self) if one.name != "settings"}
        return {**decided, "settings": {name: _to_json(one) for name, one in self.settings.items()}}

    def changed(self, values: Mapping[str, Any], reason: str) -> Plan:
        """The plan with other values, each with the reason for it.

        Args:
            values: by the name of a decision, of a setting, or of a text; what the plan does not have, or has with this
                value, is passed over.
            reason: in words.
        """
        texts = {name: value for name, value in values.items() if name in self.texts.value}
        known = {**values, "texts": {**self.texts.value, **texts}}
        settings = {name: _changed(one, known, name, reason) for name, one in self.settings.items()}
        decisions = {
            one.name: _changed(getattr(self, one.name), known, one.name, reason)
            for one in fields(self)
            if one.name != "settings"
        }
        return replace(self, **decisions, settings=settings)


def decisions(plan: Plan) -> dict[str, Decision]:
    """All decisions and settings of a plan by name, in its order."""
    decided = {one.name: getattr(plan, one.name) for one in fields(plan) if one.name != "settings"}
    return {**decided, **plan.settings}


def _changed(one: Any, values: Mapping[str, Any], name: str, reason: str) -> Any:
    if name not in values or values[name] == one.value:
        return one
    return replace(one, value=values[name], reason=reason, rule="")


def _to_json(decision: Decision) -> dict[str, Any]:
    given = {one.name: (getattr(decision, one.name), one.default) for one in fields(decision)}
    return {name: value for name, (value, default) in given.items() if default is MISSING or value != default}


def _is_one(entry: Any, kind: type[Decision]) -> bool:
    names = {one.name for one in fields(kind)}
    return isinstance(entry, dict) and {"value", "reason"} <= entry.keys() <= names and bool(entry["reason"])


def _form(kind: type[Decision]) -> str:
    needed = '{"value": …, "reason": "…"}'
    return f"{needed}; it may have {', '.join(one.name for one in fields(kind) if one.default is not MISSING)} too"
