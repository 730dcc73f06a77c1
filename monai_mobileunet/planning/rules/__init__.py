"""Rules: pure functions from what is known of a data set to one decision each, with the reason.

:data:`RULES` is the order in which they decide; each may use what those before it decided. A rule that gives ``None``
has nothing to say for this data set. Its name is that of its function, and stands in ``plan.json`` with the decision.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any

from monai_mobileunet.data.errors import refusal
from monai_mobileunet.planning.fingerprint import Fingerprint
from monai_mobileunet.planning.plan import Decision, Plan, Setting
from monai_mobileunet.planning.rules import (
    annotation,
    augmentation,
    budget,
    grid,
    intensity,
    network,
    regions,
    sides,
    split,
    texts,
    training,
)
from monai_mobileunet.planning.rules.inheritance import inherited, settings_that_follow
from monai_mobileunet.planning.rules.known import Batch, Costs, Known, Options, Source
from monai_mobileunet.planning.rules.network import batches_to_time
from monai_mobileunet.planning.rules.pictures import refuse_mixed_slices
from monai_mobileunet.planning.rules.warnings import warnings_of
from monai_mobileunet.wording import counted

__all__ = [
    "NOTHING_ASKED",
    "RULES",
    "Batch",
    "Costs",
    "Known",
    "Options",
    "Source",
    "as_plan",
    "decide",
    "batches_to_time",
    "warnings_of",
]

NOTHING_ASKED = Options()
"""All is left to the rules."""

Rule = Callable[[Known], Decision | None]

_ALL: dict[str, Rule] = {
    **texts.RULES,
    **annotation.RULES,
    **regions.RULES,
    **grid.RULES,
    **intensity.RULES,
    **sides.RULES,
    **network.RULES,
    **training.RULES,
    **augmentation.RULES,
    **split.RULES,
    **budget.RULES,
}

ORDER = (
    *("dataset_dir", "class_names", "regions", "subject_of", "folds", "stratify_by", "leave_out"),
    *("ignore", "annotated_slices_only", "image", "planes", "spacing", "finest_spacing", "coarsest_spacing"),
    *("context", "out_slices", "out_step", "roi_size", "window", "variant", "num_samples", "learning_rate"),
    *("epochs", "val_interval"),
    *("stored_offset", "windows", "image_channels", "channel_names", "file_channels", "image_transforms"),
    *("sides", "labelled", "mirror_axes", "tta_axes", "class_share"),
    *("random_transforms", "mask_transforms", "texts"),
)

RULES: dict[str, Rule] = {name: _ALL[name] for name in ORDER}
"""Name of a decision or setting → rule, in the order of deciding."""

LEAST = {"epochs": 1, "val_interval": 1, "num_samples": 1, "folds": 2}
"""Decisions that are counts, and how many there must be at least."""


def decide(
    fingerprint: Fingerprint, options: Options = NOTHING_ASKED, timed: Mapping[Batch, Costs] | None = None
) -> Known:
    """Let every rule decide, but for what the user set, and for what is inherited from another bundle.

    Args:
        fingerprint: of the data set.
        options: what the user asked for.
        timed: what a training costs on this machine, by its network and batch.

    Raises:
        DataError: the user set something that no rule decides, or regions that are none, or the data set is too small
            to be split.
    """
    _check(fingerprint, options.overrides)
    known = Known(fingerprint, options, timed or {})
    for name, rule in RULES.items():
        decision = rule(known)
        if decision is not None:
            decision = replace(decision, rule=getattr(rule, "__name__", ""))
        decision = inherited(known, name, decision)
        if name in options.overrides:
            if name == "regions":
                regions.refuse_odd_regions(f"--set {name}", options.overrides[name], known["class_names"])
            decision = _overridden(decision, options.overrides[name], name)
        if decision is not None:
            known = replace(known, decided={**known.decided, name: decision})
    return replace(known, decided={**known.decided, **settings_that_follow(known)})


def _kind(value: Any) -> str:
    """What a value is, in words; nothing of one that may stand for anything."""
    if value is None or (isinstance(value, str) and value.startswith(("$", "@"))):
        return ""
    kinds = {"a list": list | tuple, "a mapping": Mapping, "a text": str, "a number": int | float}
    return next((kind for kind, types in kinds.items() if isinstance(value, types)), "")


def _overridden(decision: Decision | None, value: Any, name: str) -> Decision:
    if decision is None:
        kind = Decision if name in {one.name for one in fields(Plan)} else Setting
        return kind(value, "Set by the user; by its rule there would be none.")
    found, expected = _kind(value), _kind(decision.value)
    if found and expected and found != expected:
        raise refusal(
            f"--set {name}", f"is {found}; expected {expected}.", f"Write it as {json.dumps(decision.value)}."
        )
    return replace(
        decision, value=value, reason=f"Set by the user; by its rule {decision.value}: {decision.reason}", rule=""
    )


def _check(fingerprint: Fingerprint, overrides: Mapping[str, Any]) -> None:
    for name in overrides:
        if name not in RULES:
            near = get_close_matches(name, RULES) or list(RULES)
            raise refusal(f"--set {name}", "no rule decides it.", f"There are {', '.join(near)}.")
    for name, value in overrides.items():
        if name in LEAST and (type(value) is not int or value < LEAST[name]):
            problem = f"expected a whole number of at least {LEAST[name]}."
            remedy = f"Set {name} to {LEAST[name]} or more, or leave it to its rule."
            raise refusal(f"--set {name}={value}", problem, remedy)
    subjects = {case.subject for case in fingerprint.cases}
    if len(subjects) < 2:
        problem = (
            f"{counted(len(fingerprint.cases), 'case')} of "
            f"{counted(len(subjects), 'subject')}; training needs one and validation another."
        )
        raise refusal(
            fingerprint.dataset_dir, problem, "Add cases of other subjects, or say whose they are by --subject."
        )
    channels = {case.channels: case.name for case in fingerprint.cases}
    if len(channels) > 1:
        held = ", ".join(f"{count} (as {name})" for count, name in sorted(channels.items()))
        problem = f"its images have {held} channels; expected as many in each."
        remedy = "Leave the others out by --leave-out, or add what they lack; pictures can all be saved in colour."
        raise refusal(fingerprint.dataset_dir, problem, remedy)
    refuse_mixed_slices(fingerprint)


def as_plan(known: Known) -> Plan:
    """All that was decided, as a plan."""
    names = [one.name for one in fields(Plan) if one.name != "settings"]
    settings = {
        name: one if isinstance(one, Setting) else Setting(one.value, one.reason, one.rule)
        for name, one in known.decided.items()
        if name not in names
    }
    return Plan(**{name: known.decided[name] for name in names}, settings=settings)
