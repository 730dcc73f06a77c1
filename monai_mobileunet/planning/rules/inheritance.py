"""What a plan takes from another bundle's: a source of decisions between what the user set and the rules.

For each decision that can be inherited a function says what stands in the way with these data; names that are not in
:data:`OBSTACLES` (classes, folders, subjects, sides, augmentation, length of the training) are of the data set alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from monai_mobileunet.planning.plan import Decision, Setting
from monai_mobileunet.planning.rules.grid import ALIKE, STACKED, THICK
from monai_mobileunet.planning.rules.intensity import offset_where_nothing_is_negative, windows_of_the_foreground
from monai_mobileunet.planning.rules.known import Known, Source, numbers
from monai_mobileunet.wording import counted

__all__ = ["OBSTACLES", "inherited", "settings_that_follow"]

INTENSITIES = ("stored_offset", "windows", "image_channels", "channel_names", "file_channels", "image_transforms")
"""Decisions that hold together alone."""

REFERENCE = re.compile(r"@([A-Za-z_]\w*)")

Obstacle = Callable[[Known, Source, Decision | None], str]


def inherited(known: Known, name: str, by_rule: Decision | None) -> Decision | None:
    """A decision as the other bundle has it, or as the rule has it with what stood in the way.

    Args:
        known: what was decided before.
        name: of the decision.
        by_rule: what its rule decided; ``None`` where the rule has nothing to say.
    """
    source = known.options.source
    if source is None:
        return by_rule
    if name == "learning_rate" and by_rule is not None:
        return _rate(by_rule, source)
    if name not in OBSTACLES:
        return by_rule
    obstacle = OBSTACLES[name](known, source, by_rule)
    if obstacle:
        reason = f"Not inherited from {source.name}: {obstacle}."
        return None if by_rule is None else replace(by_rule, reason=f"{reason} {by_rule.reason}")
    theirs = source.decided.get(name)
    if theirs is None:
        return None
    value = _on_this_grid(known, theirs.value, by_rule) if name == "image_transforms" and by_rule else theirs.value
    return replace(theirs, value=value, reason=f"Inherited from {source.name}. {theirs.reason}", rule="inherited")


def settings_that_follow(known: Known) -> dict[str, Setting]:
    """Settings of the other bundle that its transforms refer to, and that no rule decides."""
    source, transforms = known.options.source, known.decided["image_transforms"]
    if source is None or transforms.rule != "inherited":
        return {}
    referred = set(REFERENCE.findall(json.dumps(transforms.value)))
    return {
        name: replace(one, reason=f"Inherited from {source.name}, whose transforms refer to it. {one.reason}")
        for name, one in source.decided.items()
        if name in referred - known.decided.keys() and isinstance(one, Setting)
    }


def _rate(by_rule: Decision, source: Source) -> Decision:
    """The rule's rate: a lower one for what starts from weights was measured, and was worse."""
    reason = (
        f"That of random weights, also from those of {source.name}: on 10 cardiac patients a third of it learned "
        "less in 300 steps (0.621 Dice, not 0.728)."
    )
    return replace(by_rule, reason=reason, rule="inherited")


def _on_this_grid(known: Known, transforms: list[dict[str, Any]], by_rule: Decision) -> list[dict[str, Any]]:
    """The other bundle's transforms, with the rule's resampling where the grid is not inherited."""
    source = known.options.source
    grid = ("spacing", "finest_spacing", "coarsest_spacing")
    if source is not None and all(_value(known.decided, name) == _value(source.decided, name) for name in grid):
        return transforms
    own = next(step for step in by_rule.value if _resamples(step))
    return [own if _resamples(step) else step for step in transforms]


def _resamples(step: Mapping[str, Any]) -> bool:
    return str(step.get("_target_", "")).rpartition(".")[2] == "Spacingd"


def _value(decided: Mapping[str, Decision], name: str) -> Any:
    return decided[name].value if name in decided else None


def _nothing(known: Known, source: Source, by_rule: Decision | None) -> str:
    return ""


def _modality(known: Known, source: Source, by_rule: Decision | None) -> str:
    ours, theirs = by_rule.value["modality"] if by_rule else "", source["image"]["modality"]
    return "" if ours == theirs else f"the data are {ours}, its own were {theirs}"


def _planes(known: Known, source: Source, by_rule: Decision | None) -> str:
    ours, theirs = by_rule.value if by_rule else [], source["planes"]
    if known.options.planes:
        return "planes were asked for"
    if ours != theirs and known.fingerprint.annotated_slices_only:
        return f"{' and '.join(ours)} slices were annotated, its own were {' and '.join(theirs)}"
    *_, second, coarsest = sorted(median(case.spacing[axis] for case in known.cases) for axis in range(3))
    flat = 1 in (median(case.shape[axis] for case in known.cases) for axis in range(3))
    if ours != theirs and (flat or coarsest / second >= THICK):
        return f"slices of the data are {' and '.join(ours)}, its own were {' and '.join(theirs)}"
    return ""


def _spacing(known: Known, source: Source, by_rule: Decision | None) -> str:
    theirs = source["spacing"]
    if known.options.spacing is not None:
        return "a spacing was asked for"
    if known["planes"] != source["planes"]:
        return "the planes are others"
    if unit := _unit(known, source):
        return unit
    if known.in_pixels and by_rule:
        ours = by_rule.value
        far = any(max(a / b, b / a) > ALIKE for a, b in zip(ours, theirs, strict=True))
        joined = f"{numbers(ours[:2])} pixels of these pictures are joined to one, {numbers(theirs[:2])} of its own"
        return joined if far else ""
    ours = [median(case.spacing[axis] for case in known.cases) for axis in range(3)]
    if any(max(a / b, b / a) > ALIKE for a, b in zip(ours, theirs, strict=True)):
        return f"median voxels are {numbers(ours)} mm, its own {numbers(theirs)} mm"
    return ""


def _unit(known: Known, source: Source) -> str:
    if known.in_pixels == source.in_pixels:
        return ""
    return "pictures tell no mm" if known.in_pixels else "its own were pictures, which tell no mm"


def _own_grids(known: Known, source: Source, by_rule: Decision | None) -> str:
    return _unit(known, source) or _same("spacing")(known, source, by_rule)


def _context(known: Known, source: Source, by_rule: Decision | None) -> str:
    if not source["context"]:
        return ""
    if known.pixels(known.axes()[0]) < 1.5:
        return "images have a single slice"
    if source["context"] > 1 and known.thickness() >= STACKED:
        return f"slices are {numbers([known.thickness()])} times as thick as their pixels"
    return ""


def _slices_at_once(known: Known, source: Source, by_rule: Decision | None) -> str:
    if known.fingerprint.annotated_slices_only and source["out_slices"] > 1:
        return f"it segments {source['out_slices']} slices at once, and single ones were annotated"
    return _same("context")(known, source, by_rule)


def _room(known: Known, source: Source, by_rule: Decision | None) -> str:
    theirs, (extent, name) = source["roi_size"], known.largest()
    if extent > min(theirs):
        return f"{name} spans {numbers([extent])} pixels, its windows {numbers(theirs)}"
    if any(size > 2 * length for size, length in zip(theirs, known.slice_size(), strict=True)):
        return f"slices have {numbers(known.slice_size())} pixels, its windows {numbers(theirs)}"
    return ""


def _window(known: Known, source: Source, by_rule: Decision | None) -> str:
    small = any(size < length for size, length in zip(source["window"], known["roi_size"], strict=True))
    if small:
        return f"windows of the training have {numbers(known['roi_size'])} pixels"
    return _same("roi_size")(known, source, by_rule)


def _intensities(known: Known, source: Source, by_rule: Decision | None) -> str:
    set_by_user = [name for name in INTENSITIES if name in known.options.overrides]
    if set_by_user:
        return f"{set_by_user[0]} was set by the user"
    ours, theirs = known["image"]["modality"], source["image"]["modality"]
    if ours != theirs:
        return f"the data are {ours}, its own were {theirs}"
    files = source["image_channels"] if isinstance(source["file_channels"], str) else source["file_channels"]
    if known.cases[0].channels != files:
        return f"the data have {counted(known.cases[0].channels, 'channel')}, its own had {files}"
    ours, theirs = _names(known.fingerprint.channel_names), _names(source["channel_names"])
    if len(ours) == len(theirs) and [name.casefold() for name in ours] != [name.casefold() for name in theirs]:
        return f"the data have the channels {', '.join(ours)}, its own had {', '.join(theirs)}"
    if offset_where_nothing_is_negative(known) is not None and "stored_offset" not in source.decided:
        return "the data have 1024 added to their Hounsfield units, its own had not"
    if windows_of_the_foreground(known) is None and "windows" in source.decided:
        return "the data have no Hounsfield units"
    return ""


def _channel_names(known: Known, source: Source, by_rule: Decision | None) -> str:
    if _names(known.fingerprint.channel_names) and not any(source["channel_names"]):
        return "it has no names of channels"
    return _intensities(known, source, by_rule)


def _names(of_channels: Sequence[str]) -> list[str]:
    """Of several channels, where each has one."""
    return list(of_channels) if len(of_channels) > 1 and all(of_channels) else []


def _same(name: str) -> Obstacle:
    """For what fits only with another decision as the other bundle has it."""

    def obstacle(known: Known, source: Source, by_rule: Decision | None) -> str:
        same = _value(known.decided, name) == _value(source.decided, name)
        return "" if same else f"{name} is another"

    return obstacle


OBSTACLES: dict[str, Obstacle] = {
    "image": _modality,
    "planes": _planes,
    "spacing": _spacing,
    "finest_spacing": _own_grids,
    "coarsest_spacing": _own_grids,
    "context": _context,
    "out_slices": _slices_at_once,
    "out_step": _same("out_slices"),
    "roi_size": _room,
    "window": _window,
    "variant": _nothing,
    **dict.fromkeys(INTENSITIES, _intensities),
    "channel_names": _channel_names,
}
"""Name of a decision → what stands in the way of inheriting it, in words; empty where nothing does."""
