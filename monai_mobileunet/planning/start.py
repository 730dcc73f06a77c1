"""A bundle that starts from another's weights: these are opened and verified, and what fits of them is counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.json_files import read_json
from monai_mobileunet.bundle.reuse import START, Reused, reuse_weights
from monai_mobileunet.bundle.weights import nearest_weights
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.files import hash_file
from monai_mobileunet.planning.bundle_files import STARTING, bundle_files
from monai_mobileunet.planning.fingerprint import FINGERPRINT, Fingerprint
from monai_mobileunet.planning.plan import PLAN, Plan, Setting, decisions
from monai_mobileunet.planning.rules.known import Source

__all__ = ["Origin", "counted_again", "open_origin", "started_from"]


@dataclass(frozen=True)
class Origin:
    """A bundle that another starts from.

    Attributes:
        source: its decisions.
        weights: file of its weights.
        sha256: of that file.
        class_names: of its classes from 1 on.
        data_source: what its weights were trained on, in words.
        data_license: likewise the licence.
    """

    source: Source
    weights: Path
    sha256: str
    class_names: tuple[str, ...]
    data_source: str
    data_license: str


def open_origin(folder: Path) -> Origin:
    """Open a bundle to start from; its weights are those that its metadata describe, and fit its network.

    A bundle is code: its expressions are evaluated and what it names is imported.

    Raises:
        DataError: it has no plan or no weights, other weights than its metadata describe, or contradicts itself.
        FileNotFoundError: it is no bundle.
        ValueError: its weights do not fit its network.
    """
    bundle = Bundle(folder, device="cpu")
    train = folder / "configs" / "train.json"
    if not (folder / PLAN).is_file():
        problem = f"has no {PLAN}, so that what was decided for it is not known."
        raise refusal(folder, problem, "Name a bundle that mobileunet plan wrote, or one that comes with the package.")
    if not bundle.weights.is_file():
        remedy = f"Train it first: python -m monai.bundle run training --config_file {train}"
        raise refusal(bundle.weights, "no such file; expected weights to start from.", remedy)
    metadata, sha256 = bundle.metadata, hash_file(bundle.weights)
    known = metadata.get("weights", {}).get("models/model.pt", {}).get("sha256", sha256)
    if known != sha256:
        problem = f"is not the file that metadata.json describes (SHA-256 {sha256[:8]}…, expected {known[:8]}…)."
        raise refusal(bundle.weights, problem, "Put back the weights that were trained with this bundle.")
    bundle.load_network()
    source = Source(bundle.folder.name, decisions(Plan.read(folder)), _of_pictures(folder))
    texts = [str(metadata.get(name, "not known")) for name in ("data_source", "data_license")]
    return Origin(source, bundle.weights, sha256, bundle.class_names, *texts)


def _of_pictures(folder: Path) -> bool:
    """Whether a bundle was planned for pictures; those without a fingerprint were not."""
    path = folder / FINGERPRINT
    return path.is_file() and any(case.in_pixels for case in Fingerprint.from_json(read_json(path)).cases)


def started_from(plan: Plan, origin: Origin) -> Plan:
    """The plan of a bundle whose training starts from another's weights.

    Args:
        plan: what was decided, with the other's decisions where the data allow.
        origin: the other bundle.

    Raises:
        DataError: no layer of the other's network fits.
    """
    reused, name = _count(plan, origin.weights, origin.class_names), origin.source.name
    start = {"bundle": name, "sha256": origin.sha256, "class_names": list(origin.class_names)}
    theirs = {"data_source": origin.data_source, "data_license": origin.data_license}
    value = {**start, **theirs, "reused": {part: list(counts) for part, counts in reused.items()}}
    setting = Setting(
        value,
        _in_words(reused, name),
        train={"path": f"$@bundle_root + '/{START}'", **start},
        only="train",
        rule="inherited",
    )
    texts = {key: f"{plan.texts.value[key]}; the weights that it starts from: {text}" for key, text in theirs.items()}
    return replace(
        plan,
        texts=replace(plan.texts, value={**plan.texts.value, **texts}),
        settings={**plan.settings, STARTING: setting},
    )


def counted_again(plan: Plan, weights: Path) -> Plan:
    """The plan with the counts of what is reused in the network that it names now.

    Args:
        plan: as it was edited.
        weights: file in the bundle that its training starts from; without it nothing can be counted.

    Raises:
        DataError: no layer of these weights fits the network.
    """
    if STARTING not in plan.settings or not weights.is_file():
        return plan
    start = plan.settings[STARTING]
    reused = _count(plan, weights, start.value["class_names"])
    counts = {part: list(found) for part, found in reused.items()}
    if counts == start.value["reused"]:
        return plan
    again = replace(start, value={**start.value, "reused": counts}, reason=_in_words(reused, start.value["bundle"]))
    return replace(plan, settings={**plan.settings, STARTING: again})


def _in_words(reused: Reused, name: str) -> str:
    count, total = (sum(counts) for counts in zip(*reused.values(), strict=True))
    anew = [part for part, (found, size) in reused.items() if found < size]
    reason = f"{count:,} of {total:,} parameters are those of {name}"
    start = f"{', '.join(anew)} {'starts' if len(anew) == 1 else 'start'} anew, wholly or in part"
    return f"{reason}; {start}." if anew else f"{reason}."


def _count(plan: Plan, weights: Path, class_names: Sequence[str]) -> Reused:
    """What fits of the weights, in the network that the bundle's own config makes.

    Raises:
        DataError: no layer does.
    """
    config: dict[str, Any] = json.loads(bundle_files(plan)["configs/train.json"])
    network = ConfigParser({**config, "device": "cpu"}).get_parsed_content("network_def")
    reused = reuse_weights(network, nearest_weights(network, weights), plan.class_names.value, class_names)
    if not any(count for count, _ in reused.values()):
        problem = f"has no layer that fits {plan.variant.value}."
        raise refusal(weights, problem, "Name another variant, or plan without --from.")
    return reused
