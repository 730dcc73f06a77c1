"""The rule for what a training changes at random in its images: what may be turned, and how far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from monai_mobileunet.planning.plan import Decision
from monai_mobileunet.planning.rules.annotation import is_partial, mirrored_kinds
from monai_mobileunet.planning.rules.budget import BATCH_CASES, planned_steps
from monai_mobileunet.planning.rules.grid import STACKED, THICK
from monai_mobileunet.planning.rules.known import Known, numbers
from monai_mobileunet.wording import counted

__all__ = ["RULES"]

SMALL_VOLUME = 500_000
"""Voxels up to which whole volumes are rotated in each epoch."""

FEW_SUBJECTS = 20
"""Below which images are turned and scaled a third further."""

LONG_TRAINING = 256_000
"""Windows drawn in a training from which images are changed as widely as nnU-Net does.

Measured on ACDC, 8000 steps of 32 windows, one fold and one seed, mirrored passes included: Dice 0.901 with the usual
range and 0.912 with the wide one of a network with a head at full resolution, 0.904 and 0.911 of mobileunet_base;
mobileunet_small, which is slimmer, lost by it (0.901 and 0.894). A script on a GPU changed the images
there, about as far as these transforms do. Shorter trainings were not compared.
"""

WIDE_FOR = ("mobileunet_base", "mobileunet_large")
"""Networks that have the capacity for a wide range; the larger one has the head at full resolution."""


ELONGATED = 1.1
"""Ratio of a slice's sides from which it lies along one of them; chosen, not measured."""

TWO_WAYS = 0.1
"""Share of the cases that lie along the other side, from which a data set's slices have no common orientation.

In ACDC, whose files tell nothing of how a slice lies in the body, 30 of 160 cases lie upright, and the hearts in them
are turned by 27 to 80 degrees (median 59) against the mean of all, the others by 39 at most. The one that is turned the
furthest had a Dice of 0.71 without quarter turns and of 0.80 with these and twice the epochs. The share was chosen, not
measured.
"""


@dataclass(frozen=True)
class Range:
    """How far images are changed.

    Attributes:
        rotation: radians within the slice.
        scale: share by which the size of each axis changes.
        translation: pixels.
        margin: by how much a sample is larger than its window before it is turned, as an expression.
        contrast: share by which intensities are scaled.
        brightness: added to intensities.
        noise: standard deviation, at most.
        wide: a zoom by 0.7 to 1.4, a gamma and a lower resolution come in addition.
    """

    rotation: float = 0.25
    scale: float = 0.15
    translation: int = 4
    margin: str = "16"
    contrast: float = 0.1
    brightness: float = 0.1
    noise: float = 0.1
    wide: bool = False


USUAL = Range()
WIDE = Range(0.6, 0.15, 8, "3 * size // 8", contrast=0.25, brightness=0.15, noise=0.2, wide=True)


def augmentation_within_what_is_fine(known: Known) -> Decision:
    """Rotation in three dimensions of small isotropic volumes, within the slice of all others."""
    steps, flips = _flips(known)
    why = [flips]
    whole, strength, far = _rotates_volumes(known), 1.0, USUAL
    windows = planned_steps(known) * BATCH_CASES * known["num_samples"]
    if not whole and known["variant"] in WIDE_FOR and windows >= LONG_TRAINING:
        far = WIDE
        why.append(
            f"a wide range with gamma and lower resolutions, for the training draws {windows:,} windows "
            f"(from {LONG_TRAINING:,} on: ACDC 0.911 Dice, not 0.904)"
        )
    elif known.subjects < FEW_SUBJECTS:
        strength = 1.3
        why.append(
            f"a third stronger, for there {'is' if known.subjects == 1 else 'are'} {counted(known.subjects, 'subject')}"
        )
    if whole:
        why.append("rotation, scaling and translation in three dimensions (-0.005 without), for voxels are isotropic")
    else:
        why.append(_why_within_slices(known))
    count = _numbers_in_labels(known)
    drawn = _affine_then_slices(count, strength) if whole else _slices_then_affine(count, far, strength)
    if not whole and (lying := _lying_both_ways(known)):
        drawn.insert(1, _quarter_turns())
        why.append(lying)
    for step in drawn if is_partial(known) else []:
        step |= {"num_classes": "@num_classes"} if "num_samples" in step else {}
    steps += [*drawn, *_intensity_changes(far)]
    func = f"$lambda x: x.unflatten(0, (-1, {count})).max(dim=1).indices[None].squeeze(1)"
    steps.append({"_target_": "Lambdad", "keys": "label", "func": func})
    steps.append({"_target_": "EnsureTyped", "keys": ["image", "label"], "track_meta": False})  # faster in a network
    words = "; ".join(why)
    return Decision(steps, f"{words[0].upper()}{words[1:]}; intensities for other scanners (0.000).")


def _flips(known: Known) -> tuple[list[dict[str, Any]], str]:
    if "sides" in known.decided:
        pairs = f"$@sides + {kinds}" if (kinds := mirrored_kinds(known)) else "@sides"
        step = {"_target_": "monai_mobileunet.transforms.RandMirrorSidesd", "pairs": pairs, "prob": 0.5}
        return [step], "mirrored patients with their sides exchanged"
    if known["mirror_axes"]:
        step = {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0}
        return [step], "left-right flips, since no class has a side"
    return [], "no flips, since a class has a side and no partner"


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


def _lying_both_ways(known: Known) -> str:
    """Why slices are turned by quarters, in words; empty where nothing calls for it, or turned ones do not fit."""
    (_, rows, columns), (height, width) = known.axes(), known["roi_size"]
    fits = height == width and len(known["planes"]) == 1 and known["spacing"][rows] == known["spacing"][columns]
    if not known["mirror_axes"] or "sides" in known.decided or not fits:
        return ""
    sizes = [[case.shape[axis] * case.spacing[axis] for axis in (rows, columns)] for case in known.cases]
    along = [sum(one >= ELONGATED * other for one, other in pairs) for pairs in (sizes, [size[::-1] for size in sizes])]
    if min(along) < TWO_WAYS * len(sizes):
        return ""
    return (
        f"quarter turns of some slices, for {along[0]} of {counted(len(sizes), 'case')} lie along one axis of their "
        f"slices and {along[1]} along the other"
    )


def _quarter_turns() -> dict[str, Any]:
    return {
        "_target_": "RandRotate90d",
        "keys": ["image", "label"],
        "prob": 0.3,
        "max_k": 3,
        "spatial_axes": [0, 1],
    }


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


def _affine(rotation: Any, scale: float, translation: int, dimensions: int) -> dict[str, Any]:
    return {
        "_target_": "RandAffined",
        "keys": ["image", "label"],
        "prob": 0.7,
        "rotate_range": rotation,
        "scale_range": [scale] * dimensions,
        "translate_range": [translation] * dimensions,
        **({"spatial_size": "@roi_size"} if dimensions == 2 else {}),
        "mode": ["bilinear", "bilinear"],
        "padding_mode": "border",
    }


def _affine_then_slices(count: str, strength: float) -> list[dict[str, Any]]:
    one_hot = {"_target_": "AsDiscreted", "keys": "label", "to_onehot": f"${count}" if " " in count else count}
    return [one_hot, _affine([round(0.2 * strength, 3)] * 3, round(0.12 * strength, 3), 3, 3), _samples("@roi_size")]


def _slices_then_affine(count: str, far: Range, strength: float) -> list[dict[str, Any]]:
    rotation, scale = round(far.rotation * strength, 3), round(far.scale * strength, 3)
    zoom = {"_target_": "RandZoomd", "keys": ["image", "label"], "prob": 0.5, "min_zoom": 0.7, "max_zoom": 1.4}
    zoom |= {"mode": ["bilinear", "bilinear"], "padding_mode": "edge"}
    turned = _affine(rotation, scale, far.translation, 2)
    # one-hot in the windows alone: of a whole CT with many classes it would take gigabytes
    func = f"$lambda x: torch.nn.functional.one_hot(x.long(), {count}).movedim(-1, 1).flatten(0, 1).float()"
    one_hot = {"_target_": "Lambdad", "keys": "label", "func": func}
    return [_samples(f"$[size + {far.margin} for size in @roi_size]"), one_hot, *([zoom] if far.wide else []), turned]


def _intensity_changes(far: Range) -> list[dict[str, Any]]:
    blur = {f"sigma_{axis}": [0.3, 0.8] for axis in "xy"}
    steps: list[dict[str, Any]] = [
        {"_target_": "RandScaleIntensityd", "keys": "image", "prob": 0.4, "factors": far.contrast},
        {"_target_": "RandShiftIntensityd", "keys": "image", "prob": 0.4, "offsets": far.brightness},
        {"_target_": "RandGaussianNoised", "keys": "image", "prob": 0.2, "std": far.noise},
        {"_target_": "RandGaussianSmoothd", "keys": "image", "prob": 0.15, **blur},
    ]
    if far.wide:
        gamma = {"gamma": [0.7, 1.5], "retain_stats": True}
        lower = {"zoom_range": [0.5, 1.0], "upsample_mode": "bilinear"}
        steps.append({"_target_": "RandAdjustContrastd", "keys": "image", "prob": 0.3, **gamma})
        steps.append({"_target_": "RandSimulateLowResolutiond", "keys": "image", "prob": 0.12, **lower})
    return steps


RULES = {"random_transforms": augmentation_within_what_is_fine}
