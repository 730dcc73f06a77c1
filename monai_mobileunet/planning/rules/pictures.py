"""What is particular to pictures, which tell no mm, and to images with a single slice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from monai_mobileunet.data.errors import refusal
from monai_mobileunet.planning.fingerprint import Fingerprint
from monai_mobileunet.planning.plan import Decision
from monai_mobileunet.planning.rules.known import Known, numbers, percentile
from monai_mobileunet.slicing import PLANES

__all__ = ["SINGLE", "joined_pixels", "refuse_mixed_slices", "sizes_apart"]

SINGLE = "Images have a single slice, in this plane."

LARGE = 512
"""Pixels of a picture's longer side up to which none are joined."""

FINE = 16
"""Pixels that the smallest object keeps where the pixels of large pictures are joined."""

WORTH_JOINING = 1.3

APART = 3.0
"""Ratio of the largest to the smallest picture from which on they may not show things in one scale."""


def joined_pixels(known: Known) -> Decision:
    """Spacing for pictures: their pixels, several of them joined where pictures are large and objects are, too.

    A window of a training shows more of a picture then, at the same cost. The thresholds were chosen and not measured.
    """
    longest = median(max(case.shape) for case in known.cases)
    objects = [
        (percentile([one.size_mm[2] for _, one in found], 10), name)
        for name in known.fingerprint.class_names
        if (found := known.of_class(name))
    ]
    smallest, name = min(objects, default=(longest, "no class"))
    assumed = f"Pictures tell no mm, and a pixel is taken for 1 mm. Their longer side has {longest:.0f} pixels"
    factor = min(longest / LARGE, smallest / FINE)
    if factor < WORTH_JOINING:
        why = f", the smallest object, {name}, {numbers([smallest])}" if longest > LARGE else ""
        return Decision([1.0, 1.0, 1.0], f"{assumed}{why}: they stay as they are.")
    side = math.floor(factor * 10) / 10  # rounded up, objects would keep less
    reason = (
        f"{assumed}, of which {longest / side:.0f} are left ({LARGE} are enough); the smallest object, {name}, keeps "
    )
    return Decision([side, side, 1.0], f"{reason}{numbers([smallest / side])}, {FINE} at least. Chosen, not measured.")


def sizes_apart(known: Known) -> Iterator[str]:
    """A warning of pictures that may show things in different scales, which nothing in them can tell."""
    sizes = {max(case.shape): case.name for case in known.cases if case.in_pixels}
    if sizes and max(sizes) >= APART * min(sizes):
        least, most = min(sizes), max(sizes)
        yield (
            f"Pictures have from {least} ({sizes[least]}) to {most} pixels ({sizes[most]}) along the longer side, and "
            "each is seen pixel by pixel: where they show the same thing, bring them to one scale first."
        )


def refuse_mixed_slices(fingerprint: Fingerprint) -> None:
    """Refuse images with a single slice whose slices lie in different planes: a network sees them in one.

    Raises:
        DataError: so it is.
    """
    across = {axes[0]: plane for plane, axes in PLANES.items()}
    examples = {across[case.shape.index(1)]: case.name for case in fingerprint.cases if case.shape.count(1) == 1}
    if len(examples) > 1:
        held = ", ".join(f"{plane} as {name}" for plane, name in sorted(examples.items()))
        problem = f"its images have a single slice, in different planes: {held}."
        raise refusal(
            fingerprint.dataset_dir, problem, "Make a data set for each plane, or leave out one (--leave-out)."
        )
