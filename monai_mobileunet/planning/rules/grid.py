"""Rules for planes, spacing and what a network sees of a volume at once."""

from __future__ import annotations

import math
from statistics import median

from monai_mobileunet.planning.fingerprint import CaseFingerprint
from monai_mobileunet.planning.plan import Decision, Setting
from monai_mobileunet.planning.rules.annotation import annotated_plane
from monai_mobileunet.planning.rules.known import Known, numbers, percentile
from monai_mobileunet.planning.rules.pictures import SINGLE, joined_pixels
from monai_mobileunet.slicing import PLANES
from monai_mobileunet.wording import counted

__all__ = ["RULES", "odd_headers"]

THICK = 1.3
"""From this ratio of the coarsest to the next spacing on, slices lie across the coarsest axis."""

STACKED = 3.0
"""From this ratio on, volumes are stacks of slices that were acquired one by one; nnU-Net's threshold, too."""

ALIKE = 1.75
"""Volumes whose finest and coarsest spacing differ by less stay on their own grids, as in head and neck (1.64)."""

UNLIKELY = 3.0
"""Ratio of a spacing to the median one below which it is nothing unusual."""

SIZES = (20.0, 3000.0)
"""mm that the longest side of a volume of a body has."""

ROOM = 1.5
"""Size of a training's window as a multiple of the largest class."""

SEGMENTED = 1.25
"""Size of a segmentation's window as a multiple of the training's, at least, where that shows a part of a slice."""

STRIDE = 32
"""Its length is a multiple of this, which all networks take without padding."""

NAMES = ("left-right", "back-front", "foot-head")
ACROSS = {axes[0]: plane for plane, axes in PLANES.items()}

REACH = 7.5
"""mm that the context reaches to each side, as in both measured recipes: 5 slices of 1 mm, 3 of 2.5 mm."""


def odd_headers(cases: tuple[CaseFingerprint, ...]) -> dict[str, str]:
    """Cases whose spacing is unlikely: far from the others', or giving a body of impossible size."""
    odd: dict[str, str] = {}
    for axis in range(3):
        if all(case.shape[axis] == 1 for case in cases):  # the thickness of a single slice changes nothing
            continue
        logs = [math.log(case.spacing[axis]) for case in cases]
        middle = median(logs)
        far = max(5 * 1.4826 * median(abs(value - middle) for value in logs), math.log(UNLIKELY))
        for case, value in zip(cases, logs, strict=True):
            if abs(value - middle) > far:
                usual = f"{numbers([math.exp(middle)])} mm in the median case"
                odd[case.name] = f"{numbers([case.spacing[axis]])} mm {NAMES[axis]}, {usual}"
    for case in cases:
        longest = max(size * step for size, step in zip(case.shape, case.spacing, strict=True))
        if not case.in_pixels and not SIZES[0] <= longest <= SIZES[1]:
            odd.setdefault(case.name, f"{numbers([longest])} mm long")
    return odd


def _spacings(known: Known) -> list[list[float]]:
    """Along each axis, of the cases whose headers are likely."""
    odd = odd_headers(known.cases)
    likely = [case for case in known.cases if case.name not in odd] or list(known.cases)
    return [[case.spacing[axis] for case in likely] for axis in range(3)]


def slices_across_the_coarsest_axis(known: Known) -> Decision:
    """Slices as they were acquired; axial ones where no axis is coarser than the others."""
    spacing = [median(along) for along in _spacings(known)]
    shape = [median(case.shape[axis] for case in known.cases) for axis in range(3)]
    if 1 in shape:
        return Decision([ACROSS[shape.index(1)]], SINGLE)
    *_, second, coarsest = sorted(range(3), key=lambda axis: spacing[axis])
    ratio = spacing[coarsest] / spacing[second]
    size = f"Median voxels are {numbers(spacing)} mm (right, front, head)"
    if known.options.planes:
        return Decision(list(known.options.planes), f"Asked for by the user. {size}.")
    if annotated := annotated_plane(known):
        return annotated
    if ratio >= THICK:
        reason = f"{size}: slices are {numbers([ratio])} times as thick as their pixels, and lie in this plane."
        return Decision([ACROSS[coarsest]], reason)
    return Decision(
        ["axial"],
        f"{size}: no axis is {THICK} times as coarse as the next. Axial slices then do as well as others (hippocampus: "
        "coronal +0.001 Dice, three planes averaged -0.016).",
    )


def median_spacing(known: Known) -> Decision:
    """nnU-Net's target: the median along each axis; finer across thick slices where these vary."""
    options = known.options
    if options.spacing is not None:
        whose = f"That of {options.like}" if options.like else "Asked for by the user"
        kept = ", ".join(f"{name} {_percents(along)}" for name, along in zip(NAMES, _spacings(known), strict=True))
        return Decision(list(options.spacing), f"{whose}. The data have, at 10, 50 and 90 %, {kept} mm.")
    if known.in_pixels:
        return joined_pixels(known)
    spacings = _spacings(known)
    spacing = [_rounded(median(along)) for along in spacings]
    shape = [median(case.shape[axis] for case in known.cases) for axis in range(3)]
    worst = max(range(3), key=lambda axis: spacing[axis])
    others = [axis for axis in range(3) if axis != worst]
    reason = f"Median of {counted(len(spacings[0]), 'case')}"
    stacked = spacing[worst] > STACKED * max(spacing[axis] for axis in others)
    if stacked and shape[worst] > 1 and shape[worst] * STACKED < min(shape[axis] for axis in others):
        finer = max(percentile(spacings[worst], 10), max(spacing[axis] for axis in others))
        if _rounded(finer) != spacing[worst]:
            reason += f"; across thick slices the 10th percentile, where the median is {numbers([spacing[worst]])} mm"
        spacing[worst] = _rounded(finer)
    ranges = [numbers([min(along), max(along)], "–") if min(along) < max(along) else "" for along in spacings]
    spread = ", ".join(f"{name} {text}" for name, text in zip(NAMES, ranges, strict=True) if text)
    reason += f"; the data have {spread} mm." if spread else ": all have these voxels."
    odd = odd_headers(known.cases)
    return Decision(spacing, reason + (f" Without {len(odd)} unlikely headers." if odd else ""))


def _percents(along: list[float]) -> str:
    return numbers([percentile(along, percent) for percent in (10, 50, 90)], " / ")


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def own_grids(known: Known, end: str) -> Setting | None:
    """The finest or the coarsest spacing of volumes that are not resampled; ``None`` where all are brought to one."""
    if known.in_pixels:  # each has voxels of 1 mm
        return None
    spacings, stack = _spacings(known), known.axes()[0]
    kept: list[float] = []
    why = []
    for axis, along in enumerate(spacings):
        target = known["spacing"][axis]
        low, high = min(*along, target), max(*along, target)
        thick = axis == stack and (known.thickness() >= STACKED or known.single_slices())
        alike = high / low <= ALIKE
        if (thick or alike) and known.options.spacing is None and "spacing" not in known.options.overrides:
            kept.append(math.floor(low * 1000) / 1000 if end == "finest" else math.ceil(high * 1000) / 1000)
            if low < high:
                why.append(NAMES[axis])
        else:
            kept.append(target)
    if not why:
        return None
    reason = f"Along {' and '.join(why)} volumes keep their own grid within the range of the data: resampling costs "
    reason += "half a voxel at borders, and the scaling in training covers the difference."
    if known.thickness() >= STACKED:
        reason = (
            f"Along {' and '.join(why)} volumes keep their own grid within the range of the data, for between thick "
        )
        reason += "slices nothing can be interpolated."
    return Setting(kept, reason)


def finest_kept(known: Known) -> Setting | None:
    """See :func:`own_grids`."""
    return own_grids(known, "finest")


def coarsest_kept(known: Known) -> Setting | None:
    """See :func:`own_grids`."""
    return own_grids(known, "coarsest")


def context_by_thickness(known: Known) -> Decision:
    """Neighbours as far as they tell something of a slice."""
    stack, *_ = known.axes()
    thickness = known["spacing"][stack]
    if known.single_slices() or known.pixels(stack) < 1.5:
        return Decision(0, "Images have a single slice.")
    if known.thickness() >= STACKED:
        reason = (
            f"Slices are {numbers([known.thickness()])} times as thick as their pixels: the next ones alone are near."
        )
        return Decision(1, reason)
    context = min(5, max(1, round(REACH / thickness)))
    return Decision(context, f"{context} slices of {numbers([thickness])} mm on each side, {REACH} mm or five at most.")


def slices_at_once(known: Known) -> Decision:
    """As many slices at once as share their context; one of thick slices."""
    if known.single_slices():
        return Decision(1, "Images have a single slice.")
    if known["context"] < 3 or known.thickness() >= STACKED:
        return Decision(1, "Slices this far apart share too little to be segmented at once.")
    if known.fingerprint.annotated_slices_only:
        return Decision(1, "Neighbours of an annotated slice are unknown: a network learns one slice from each.")
    at_once = known["context"] - 1 + known["context"] % 2
    reason = f"{at_once} at once learn as well as one (hippocampus: 0.001 between them) and share the cost of features."
    return Decision(at_once, reason)


def half_overlapping_groups(known: Known) -> Decision:
    """Every slice in one or two groups."""
    step = (known["out_slices"] + 1) // 2
    if step == 1:
        return Decision(1, "Slices are predicted one by one.")
    return Decision(
        step, "Each slice in one or two groups: hippocampus had with every third of five the Dice of every one."
    )


def window_around_objects(known: Known) -> Decision:
    """A window for training with room around the largest class, or the whole of a small slice."""
    rows, columns = known.slice_size()
    extent, name = known.largest()
    most = 256 if known.options.device == "cpu" else 384
    wanted = min(most, max(64.0, ROOM * extent))
    size = [_multiple(min(wanted, length)) for length in (rows, columns)]
    slices = f"Slices have {numbers([rows, columns])} pixels"
    if wanted >= max(rows, columns):
        return Decision(size, f"{slices}: the whole slice.")
    reason = f"{slices}; {ROOM} times the extent of {name} ({numbers([extent])} pixels), 64 to {most}: smaller "
    return Decision(
        size,
        reason + "windows show more places for the same cost (head and neck: 64×64 +0.022 over half as many of 96×96).",
    )


def windows_near_those_of_the_training(known: Known) -> Decision:
    """Windows a little larger than the training's, or whole slices where those would reach over them."""
    size = [STRIDE * math.ceil(SEGMENTED * length / STRIDE) for length in known["roi_size"]]
    if all(window >= length for window, length in zip(size, known.slice_size(), strict=True)):
        reason = f"Slices have {numbers(known.slice_size())} pixels and are segmented whole: windows {SEGMENTED} times "
        reason += "as long as the training's would reach over them."
        return Decision([max(256, length) for length in size], reason)
    return Decision(
        size,
        f"At least {SEGMENTED} times as long as the training's windows: five networks that learned in 128×128 pixels "
        "(ACDC) had 0.001 to 0.005 Dice more in windows of 160×160 than in whole slices, and MONAI's UNet 0.060; in "
        "head and neck both were within 0.002. Of slices of 256×256 such windows take about half as much time again.",
    )


def _multiple(length: float) -> int:
    step = 8 if length <= 64 else 16
    return max(16, math.ceil(length / step - 0.01) * step)


RULES = {
    "planes": slices_across_the_coarsest_axis,
    "spacing": median_spacing,
    "finest_spacing": finest_kept,
    "coarsest_spacing": coarsest_kept,
    "context": context_by_thickness,
    "out_slices": slices_at_once,
    "out_step": half_overlapping_groups,
    "roi_size": window_around_objects,
    "window": windows_near_those_of_the_training,
}
