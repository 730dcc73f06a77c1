"""Rules for what a network is trained on."""

from __future__ import annotations

import math
from typing import Any

from monai_mobileunet.data.datasets.subjects import find_pattern
from monai_mobileunet.planning.plan import Decision, Setting
from monai_mobileunet.planning.rules.annotation import is_partial, mirrored_kinds
from monai_mobileunet.planning.rules.grid import STACKED, THICK
from monai_mobileunet.planning.rules.known import Known, numbers

__all__ = ["RULES"]

SMALL_VOLUME = 500_000
"""Voxels up to which whole volumes are rotated in each epoch."""

CONNECTED = 0.99


def subject_by_names(known: Known) -> Decision:
    """What keeps the cases of a subject on one side of a split."""
    subjects = {case.name: case.subject for case in known.cases}
    if known.subjects == len(subjects) and not known.options.subject_pattern:
        return Decision(None, f"{len(subjects)} cases, each of a subject of its own as far as names tell.")
    found = f"{len(subjects)} cases of {known.subjects} subjects, which stay on one side of a split"
    example = next((f": {name} is of {of}" for name, of in subjects.items() if name != of), "")
    pattern = known.options.subject_pattern or find_pattern(subjects)
    if pattern:
        return Decision(
            {"_target_": "monai_mobileunet.data.subject_by_pattern", "pattern": pattern}, found + example + "."
        )
    table = {name: of for name, of in subjects.items() if name != of}
    return Decision(f"$lambda name: {table!r}.get(name, name)", f"{found}, by a table{example}.")


def cases_left_out(known: Known) -> Setting | None:
    """What the user left out."""
    left_out = known.fingerprint.left_out
    if not left_out:
        return None
    return Setting(list(left_out), "; ".join(f"{name}: {why}" for name, why in left_out.items()), only="train")


def share_by_class(known: Known) -> Setting | None:
    """How many slices are drawn by class rather than anywhere."""
    share, name = known.rarest()
    measured = f"The rarest class, {name}, is in {100 * share:.0f} % of a case's slices"
    whole = known.whole_slices()
    if whole and share >= 0.5:
        return Setting(0.0, f"{measured}, and a window is a whole slice: slices from anywhere.", only="train")
    reason = f"{measured}: two thirds of the slices are drawn by class (head and neck: 0.783 Dice, not 0.777)"
    where = "." if whole else ", each with a window that holds some of that class."
    return Setting(0.67, reason + where, only="train")


def augmentation_within_what_is_fine(known: Known) -> Decision:
    """Rotation in three dimensions of small isotropic volumes, within the slice of all others."""
    steps: list[dict[str, Any]] = []
    why = []
    if "sides" in known.decided:
        pairs = f"$@sides + {kinds}" if (kinds := mirrored_kinds(known)) else "@sides"
        steps.append({"_target_": "monai_mobileunet.transforms.RandMirrorSidesd", "pairs": pairs, "prob": 0.5})
        why.append("mirrored patients with their sides exchanged")
    elif known["mirror_axes"]:
        steps.append({"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0})
        why.append("left-right flips, since no class has a side")
    else:
        why.append("no flips, since a class has a side and no partner")
    strength = 1.3 if known.subjects < 20 else 1.0
    whole = _rotates_volumes(known)
    if strength > 1:
        why.append(f"a third stronger, for there are {known.subjects} subjects")
    if whole:
        why.append("rotation, scaling and translation in three dimensions (-0.005 without), for voxels are isotropic")
    else:
        why.append(_why_within_slices(known))
    count = _numbers_in_labels(known)
    steps.append(
        {
            "_target_": "AsDiscreted",
            "keys": "label",
            "to_onehot": f"${count}" if " " in count else count,
        }
    )
    drawn = _affine_then_slices(strength) if whole else _slices_then_affine(strength)
    for step in drawn if is_partial(known) else []:
        step |= {"num_classes": "@num_classes"} if "num_samples" in step else {}
    steps += [*drawn, *_intensity_changes()]
    func = f"$lambda x: x.unflatten(0, (-1, {count})).max(dim=1).indices[None].squeeze(1)"
    steps.append({"_target_": "Lambdad", "keys": "label", "func": func})
    steps.append({"_target_": "EnsureTyped", "keys": ["image", "label"], "track_meta": False})  # faster in a network
    words = "; ".join(why)
    return Decision(steps, f"{words[0].upper()}{words[1:]}; intensities for other scanners (0.000).")


def _numbers_in_labels(known: Known) -> str:
    """How many numbers a prepared label has, as an expression: one more where voxels are unknown, and for each kind of
    case in which only some classes were annotated."""
    kinds = " + len(@labelled)" if "labelled" in known.decided else ""
    return f"@num_classes + 1{kinds}" if is_partial(known) else "@num_classes"


def _rotates_volumes(known: Known) -> bool:
    if known.fingerprint.annotated_slices_only:
        return False
    spacing = sorted(known["spacing"])
    voxels = math.prod(known.pixels(axis) for axis in range(3))
    if known.single_slices():
        return False
    return spacing[2] / spacing[0] < THICK and voxels <= SMALL_VOLUME and known["planes"] == ["axial"]


def _why_within_slices(known: Known) -> str:
    if known.single_slices():
        return "rotation, scaling and translation within the slice, for there is one"
    if known.fingerprint.annotated_slices_only:
        return "rotation, scaling and translation within the slice alone, which leaves annotated slices whole"
    if known.thickness() >= STACKED:
        return (
            f"rotation and scaling within the slice alone, for slices are {numbers([known.thickness()])} times as thick"
        )
    return "rotation, scaling and translation within the slice, which costs the same for volumes of any size"


def _samples(roi_size: Any) -> dict[str, Any]:
    return {
        "_target_": "monai_mobileunet.transforms.RandSliceSamplesd",
        "keys": ["image", "label"],
        "roi_size": roi_size,
        "num_samples": "@num_samples",
        "spatial_dim": "@planes",
        "context": ["@context", "$@out_slices // 2"],
        "class_key": "label",
        "class_share": "@class_share",
        "class_in_window": True,
    }


def _affine(strength: float, dimensions: int) -> dict[str, Any]:
    rotate, scale, shift = ([0.2] * 3, 0.12, 3) if dimensions == 3 else (0.25, 0.15, 4)
    turned = (
        [round(angle * strength, 3) for angle in rotate] if isinstance(rotate, list) else round(rotate * strength, 3)
    )
    return {
        "_target_": "RandAffined",
        "keys": ["image", "label"],
        "prob": 0.7,
        "rotate_range": turned,
        "scale_range": [round(scale * strength, 3)] * dimensions,
        "translate_range": [shift] * dimensions,
        **({"spatial_size": "@roi_size"} if dimensions == 2 else {}),
        "mode": ["bilinear", "bilinear"],
        "padding_mode": "border",
    }


def _affine_then_slices(strength: float) -> list[dict[str, Any]]:
    return [_affine(strength, 3), _samples("@roi_size")]


def _slices_then_affine(strength: float) -> list[dict[str, Any]]:
    return [_samples("$[size + 16 for size in @roi_size]"), _affine(strength, 2)]


def _intensity_changes() -> list[dict[str, Any]]:
    blur = {f"sigma_{axis}": [0.3, 0.8] for axis in "xy"}
    return [
        {"_target_": "RandScaleIntensityd", "keys": "image", "prob": 0.4, "factors": 0.1},
        {"_target_": "RandShiftIntensityd", "keys": "image", "prob": 0.4, "offsets": 0.1},
        {"_target_": "RandGaussianNoised", "keys": "image", "prob": 0.2, "std": 0.1},
        {"_target_": "RandGaussianSmoothd", "keys": "image", "prob": 0.15, **blur},
    ]


def largest_component_of_connected_classes(known: Known) -> Decision:
    """The largest component of classes whose labels are connected."""
    connected, rest = [], []
    for number, name in enumerate(known.fingerprint.class_names, 1):
        found = [one.largest_share >= CONNECTED for case, one in known.of_class(name) if case.whole]
        if found and sum(found) >= 0.95 * len(found):
            connected.append(number)
        else:
            rest.append(f"{name} in {sum(found)} of {len(found)}" if found else f"{name} in no case")
    names = [known.fingerprint.class_names[number - 1] for number in connected]
    others = f"not connected enough: {', '.join(rest)}" if rest else ""
    if known.cases and not any(case.whole for case in known.cases):
        return Decision([], "No case was annotated whole: whether a class is connected is unknown.")
    if not connected:
        return Decision([], f"No class is connected in 95 % of the cases ({others}).")
    step = {
        "_target_": "monai_mobileunet.transforms.KeepLargestComponentsd",
        "keys": "pred",
        "applied_labels": connected,
    }
    reason = f"Connected in 95 % of the cases: {', '.join(names)}{f'; {others}' if others else ''}."
    return Decision([step], f"{reason} Head and neck: HD95 of the brainstem from 11.9 to 8.5 mm.")


RULES = {
    "subject_of": subject_by_names,
    "leave_out": cases_left_out,
    "class_share": share_by_class,
    "random_transforms": augmentation_within_what_is_fine,
    "mask_transforms": largest_component_of_connected_classes,
}
