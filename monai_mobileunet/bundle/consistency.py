"""Whether a bundle's files say the same of its classes and channels: one that contradicts itself is refused."""

from __future__ import annotations

import inspect
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from monai.bundle import ConfigParser, ConfigWorkflow

from monai_mobileunet.data.errors import DataError, Finding

__all__ = ["check_bundle", "check_running_bundle", "find_contradictions", "running_workflow"]

INFERENCE, TRAIN, METADATA = "inference.json", "train.json", "metadata.json"
CLASS_IDS = ("num_classes", "class_names", "network_def#out_channels")
OURS = "monai_mobileunet."

logger = logging.getLogger(__name__)
Facts = dict[str, Any]
"""Where something is said → what."""


def check_bundle(folder: Path, parser: ConfigParser) -> None:
    """Refuse a bundle whose files contradict each other; what a file does not say contradicts nothing.

    Args:
        folder: of the bundle.
        parser: with its ``inference.json``, and what was changed in it.

    Raises:
        DataError: there are contradictions; each finding names the files, what they say, and what to change.
    """
    findings = find_contradictions(folder, parser, INFERENCE, named_by_metadata=True)
    if findings:
        raise DataError(findings)


def check_running_bundle() -> None:
    """The same for the bundle whose config ``python -m monai.bundle run`` evaluates, for its ``"initialize"``.

    What was changed on the command line or by a further file may differ from the metadata, since that run writes no
    names of classes; but it must not contradict itself. Where no workflow evaluates the config nothing is checked.

    Raises:
        SystemExit: there are contradictions; MONAI shows it without a traceback.
    """
    workflow = running_workflow()
    if workflow is None:
        return
    folder = Path(workflow.config_root_path).resolve().parent
    findings = find_contradictions(folder, workflow.parser, TRAIN if "train" in workflow.parser else INFERENCE)
    if findings:
        raise SystemExit(f"error: {DataError(findings)}")


def running_workflow() -> ConfigWorkflow | None:
    """The workflow that evaluates a config now, which is on the call stack; MONAI tells the config nothing of it."""
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, ConfigWorkflow):
            return caller
        frame = frame.f_back
    return None


def find_contradictions(
    folder: Path, parser: ConfigParser, running: str, named_by_metadata: bool = False
) -> list[Finding]:
    """What a bundle's files say against each other.

    Args:
        folder: of the bundle.
        parser: of the config that runs, with what was changed in it.
        running: name of that config in ``configs``.
        named_by_metadata: whether the names of the classes are those of the metadata, changed or not.
    """
    configs = folder / "configs"
    stored = {name: _stored(configs / name, folder) for name in dict.fromkeys((running, INFERENCE, TRAIN))}
    said = {name: _values(stored[name], CLASS_IDS) for name in stored}
    now = _values(parser, CLASS_IDS)
    changed = {key for key in CLASS_IDS if now.get(key) != said[running].get(key)}
    metadata = _metadata(configs / METADATA)
    channels = _mapping(metadata, "outputs", "pred", "channel_def")

    files = [_class_counts(values, name, stored[name]) for name, values in said.items()]
    of_files = {place: count for facts in files for place, count in facts.items()}
    described = _described_counts(metadata, channels)
    of_run = _class_counts(now, f"{running} (as changed)" if changed else running, parser)
    findings = _numbering(configs / METADATA, channels)
    findings += _different(configs, {**described, **of_files}, "classes, the background counted")
    if changed and not findings:
        findings += _different(
            configs,
            {**(described if named_by_metadata else {}), **of_run},
            "classes, the background counted, after what was changed",
        )
    if not findings:
        findings += _names(configs, channels, said)
        findings += _labels(configs / running, parser, next(iter(of_run.values()), None))
        findings += _inputs(configs, metadata, stored)
    return findings


def _stored(path: Path, folder: Path) -> ConfigParser | None:
    """A config as it lies in the bundle; ``None`` where it is not, or is no config, which whoever runs it will say."""
    if not path.is_file():
        return None
    parser = ConfigParser()
    try:
        parser.read_config(str(path))
    except ValueError as error:  # JSON syntax
        logger.warning("%s: cannot be read, so it is not compared (%s).", path, error)
        return None
    parser.update({"bundle_root": str(folder)})
    return parser


def _values(parser: ConfigParser | None, ids: Sequence[str]) -> Facts:
    """The entries of a config that it has and that can be evaluated."""
    values: Facts = {}
    for key in ids if parser is not None else ():
        if parser is None or key not in parser:
            continue
        try:
            values[key] = parser.get_parsed_content(key)
        except Exception as error:  # a bundle's expressions are code: any. Whoever needs the entry will meet it
            logger.warning("%s cannot be evaluated, so it is not compared (%s).", key, type(error).__name__)
    return values


def _class_counts(values: Facts, file: str, parser: ConfigParser | None) -> Facts:
    """Place → number of classes with the background, by what a config says."""
    facts: Facts = {}
    if _is_count(values.get("num_classes")):
        facts[f"num_classes in {file}"] = values["num_classes"]
    if _is_names(values.get("class_names")):
        facts[f"class_names in {file} and the background"] = len(values["class_names"]) + 1
    out = values.get("network_def#out_channels")
    if _is_count(out) and out != 1:  # a single channel has a threshold, and may be named twice or once
        at_once = _values(parser, ("out_slices",)).get("out_slices", 1)
        known = next(iter(facts.values()), 0)
        stacked = parser is not None and "network_def#out_slices" not in parser and out == known * at_once
        facts[f"network_def#out_channels in {file}"] = known if stacked else out
    return facts


def _described_counts(metadata: Mapping, channels: Mapping) -> Facts:
    facts: Facts = {}
    if channels:
        facts[f"channel_def in {METADATA}"] = len(channels)
    number = _mapping(metadata, "outputs", "pred").get("num_channels")
    if _is_count(number):
        facts[f"num_channels of pred in {METADATA}"] = number
    return facts


def _different(configs: Path, facts: Facts, what: str) -> list[Finding]:
    if len(set(facts.values())) < 2:
        return []
    said = ", ".join(f"{count} by {place}" for place, count in facts.items())
    remedy = (
        f"Write the names of all classes into channel_def of {METADATA} and class_names of {TRAIN}, and their number "
        f"into num_classes of {INFERENCE} and {TRAIN} and num_channels of {METADATA}."
    )
    return [Finding(str(configs), f"disagree on the number of {what}: {said}.", remedy)]


def _numbering(path: Path, channels: Mapping) -> list[Finding]:
    """Channels are named from 0 on, each once: by their order a mask's numbers get their names."""
    if channels and set(channels) != {str(number) for number in range(len(channels))}:
        problem = f"channel_def of pred numbers its channels {', '.join(map(str, channels))}."
        return [Finding(str(path), problem, f"Number them 0 to {len(channels) - 1}, with none left out.")]
    twice = [name for name, count in Counter(map(str, channels.values())).items() if count > 1]
    if twice:
        return [Finding(str(path), f"channel_def of pred has {twice[0]!r} twice.", "Give each class its own name.")]
    return []


def _names(configs: Path, channels: Mapping, said: Mapping[str, Facts]) -> list[Finding]:
    named = {f"channel_def in {METADATA}": [str(channels[str(number)]) for number in range(1, len(channels))]}
    named = {place: names for place, names in named.items() if names}
    for name, values in said.items():
        if _is_names(values.get("class_names")):
            named[f"class_names in {name}"] = list(values["class_names"])
    if len({tuple(names) for names in named.values()}) < 2:
        return []
    differences = "; ".join(f"{place} has {', '.join(names)}" for place, names in named.items())
    remedy = "Write the names that the labels of the training have, from class 1 on, into each of these."
    return [Finding(str(configs), f"disagree on the names of the classes: {differences}.", remedy)]


def _labels(path: Path, parser: ConfigParser, classes: int | None) -> list[Finding]:
    """Class numbers in the postprocessing that no class has."""
    transforms = parser.get("postprocessing#transforms", None) if "postprocessing#transforms" in parser else None
    findings: list[Finding] = []
    if classes is None or not isinstance(transforms, list):
        return findings
    for index, transform in enumerate(transforms):
        target = str(transform.get("_target_", "")) if isinstance(transform, dict) else ""
        keys = ("lower", "upper") if target.endswith("SplitByPlaned") else ("applied_labels",)
        place = f"postprocessing#transforms#{index}#"
        values = _values(parser, [place + key for key in (*keys, "_disabled_")])
        if values.pop(place + "_disabled_", False):
            continue
        for key, value in values.items():
            labels = [one for one in (value if isinstance(value, Sequence) else [value]) if isinstance(one, int)]
            if labels and max(labels) >= classes:
                problem = f"{key} names class {max(labels)}; with {classes} classes the last is {classes - 1}."
                findings.append(Finding(str(path), problem, "Name classes that there are, or set num_classes."))
    return findings


def _inputs(configs: Path, metadata: Mapping, stored: Mapping[str, ConfigParser | None]) -> list[Finding]:
    """Channels that the network takes; of networks of other packages metadata may mean the image's alone."""
    facts: Facts = {}
    for name, parser in stored.items():
        target = str(parser.get("network_def#_target_", "")) if parser and "network_def#_target_" in parser else ""
        if target.startswith(OURS):
            count = _values(parser, ("network_def#in_channels",)).get("network_def#in_channels")
            facts |= {f"network_def#in_channels in {name}": count} if _is_count(count) else {}
    if facts:
        image = _mapping(metadata, "inputs", "image")
        facts |= {f"num_channels of image in {METADATA}": image["num_channels"]} if "num_channels" in image else {}
        named = _mapping(metadata, "inputs", "image", "channel_def")
        facts |= {f"channel_def of image in {METADATA}": len(named)} if named else {}
    if len(set(facts.values())) < 2:
        return []
    said = ", ".join(f"{count} by {place}" for place, count in facts.items())
    remedy = (
        "Write image_channels and context alike into the configs (in_channels is image_channels × (2 × context + 1)), "
        f"and what the channels are into {METADATA}."
    )
    return [Finding(str(configs), f"disagree on the number of channels that the network takes: {said}.", remedy)]


def _metadata(path: Path) -> Mapping:
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    form = content.get("network_data_format") if isinstance(content, Mapping) else None
    return form if isinstance(form, Mapping) else {}


def _mapping(content: Mapping, *path: str) -> Mapping:
    for key in path:
        content = content.get(key, {}) if isinstance(content, Mapping) else {}
    return content if isinstance(content, Mapping) else {}


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(name, str) for name in value)
