"""Rules for the network, and for what it is trained on."""

from __future__ import annotations

import math
from typing import Any

from monai_mobileunet.data.datasets.subjects import find_pattern
from monai_mobileunet.planning.plan import Decision, Setting
from monai_mobileunet.planning.rules.grid import STACKED, THICK
from monai_mobileunet.planning.rules.known import Known, numbers

__all__ = ["BATCH_CASES", "FOLDS", "RULES"]

BATCH_CASES = 4
FOLDS = 5
"""As the templates have them."""

FINE_SLICE = 160
"""Pixels of a slice's longer side up to which the first stage keeps the full resolution."""

TINY_SLICE = 64
"""Likewise up to which twice the decoder's channels cost little."""

FINE_OBJECT = 8
"""Pixels of an object below which the first stage keeps the full resolution, where slices are not too large for it."""

WINDOWS = 32 * 128 * 128
"""Pixels of a batch, at most; twice that on a GPU."""

SMALL_VOLUME = 500_000
"""Voxels up to which whole volumes are rotated in each epoch."""

CONNECTED = 0.99


def network_by_slice_and_object(known: Known) -> Decision:
    """Full resolution where slices or objects are small; a slimmer network of large slices."""
    longest = max(known.slice_size())
    smallest, name = known.smallest()
    measured = f"Slices have up to {longest:.0f} pixels; the smallest object, {name}, spans {numbers([smallest])}"
    if longest <= TINY_SLICE:
        reason = "a stem of stride 2 lost 0.181 Dice (hippocampus), half the decoder's channels 0.006."
        return Decision("mobileunet_fine_large", f"{measured}: {reason}")
    if longest <= FINE_SLICE or (smallest < FINE_OBJECT and longest <= 2 * FINE_SLICE):
        return Decision("mobileunet_fine", f"{measured}: the first stage keeps every pixel.")
    if longest > 400 and smallest >= 4 * FINE_OBJECT and known.options.device == "cpu":
        return Decision("mobileunet_small", f"{measured}: a slim decoder at half the resolution is enough on a CPU.")
    return Decision("mobileunet_base", f"{measured}: a stem of stride 2, and a head at full resolution.")


def windows_by_memory(known: Known) -> Decision:
    """As many windows as a batch has room for."""
    area = known["roi_size"][0] * known["roi_size"][1]
    most = WINDOWS * (1 if known.options.device == "cpu" else 4)
    count = max(2, min(8, most // (BATCH_CASES * area)))
    reason = f"Batches of {BATCH_CASES * count} windows from {BATCH_CASES} volumes; half of that was 0.008 Dice worse."
    return Decision(
        count, reason if count == 8 else f"Batches of {BATCH_CASES * count} windows, {most:,} pixels at most."
    )


def learning_rate_of_both_recipes(known: Known) -> Decision:
    """The one that was measured."""
    return Decision(0.003, "0.001 was 0.013 worse on hippocampus, 0.002 was worse on head and neck.")


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
    rows, columns = known.slice_size()
    whole = known["roi_size"][0] >= rows - 8 and known["roi_size"][1] >= columns - 8
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
        steps.append({"_target_": "monai_mobileunet.transforms.RandMirrorSidesd", "pairs": "@sides", "prob": 0.5})
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
    steps.append({"_target_": "AsDiscreted", "keys": "label", "to_onehot": "@num_classes"})
    steps += _affine_then_slices(strength) if whole else _slices_then_affine(strength)
    steps += _intensity_changes()
    func = "$lambda x: x.unflatten(0, (-1, @num_classes)).max(dim=1).indices[None].squeeze(1)"
    steps.append({"_target_": "Lambdad", "keys": "label", "func": func})
    words = "; ".join(why)
    return Decision(steps, f"{words[0].upper()}{words[1:]}; intensities for other scanners (0.000).")


def _rotates_volumes(known: Known) -> bool:
    spacing = sorted(known["spacing"])
    voxels = math.prod(known.pixels(axis) for axis in range(3))
    return spacing[2] / spacing[0] < THICK and voxels <= SMALL_VOLUME and known["planes"] == ["axial"]


def _why_within_slices(known: Known) -> str:
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
        found = [one.largest_share >= CONNECTED for _, one in known.of_class(name)]
        if found and sum(found) >= 0.95 * len(found):
            connected.append(number)
        else:
            rest.append(f"{name} in {sum(found)} of {len(found)}" if found else f"{name} in no case")
    names = [known.fingerprint.class_names[number - 1] for number in connected]
    others = f"not connected enough: {', '.join(rest)}" if rest else ""
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
    "variant": network_by_slice_and_object,
    "num_samples": windows_by_memory,
    "learning_rate": learning_rate_of_both_recipes,
    "subject_of": subject_by_names,
    "leave_out": cases_left_out,
    "class_share": share_by_class,
    "random_transforms": augmentation_within_what_is_fine,
    "mask_transforms": largest_component_of_connected_classes,
}
