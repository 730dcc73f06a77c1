"""Rules for the network and its batches: by what is to be seen, and by what a training has time for."""

from __future__ import annotations

from monai_mobileunet.planning.plan import Decision
from monai_mobileunet.planning.rules.budget import BATCH_CASES, steps_in_the_budget
from monai_mobileunet.planning.rules.known import Batch, Known, minutes, numbers

__all__ = ["RULES", "batches_to_time"]

FINE_SLICE = 160
"""Pixels of a slice's longer side up to which the first stage keeps the full resolution."""

TINY_SLICE = 64
"""Likewise up to which twice the decoder's channels cost little."""

FINE_OBJECT = 8
"""Pixels of an object below which the first stage keeps the full resolution, where slices are not too large for it."""

WINDOWS = 32 * 128 * 128
"""Pixels of a batch, at most, on a CPU."""

GPU_WINDOWS = 4 * WINDOWS
"""Likewise on a GPU."""

SLIMMER = {"mobileunet_fine_large": "mobileunet_fine", "mobileunet_base": "mobileunet_small"}
"""What may take a network's place where there is little time."""

MOST_WINDOWS, FEWEST_WINDOWS = 8, 2
"""Of a volume in a batch: the more there are, the steadier is a step, and the fewer steps there is time for."""

ENOUGH_STEPS = 2000
"""Steps of the optimiser below which more of them are worth more than large batches and large networks.

Measured on one core. ACDC in 12 minutes: Dice 0.58 after 220 steps with 32 windows of a network with a head at full
resolution, 0.78 after 930 of mobileunet_small with 32, 0.80 after 2530 of it with 8. Hippocampus in 8 minutes, with
8 windows: 0.846 after 1010 steps of mobileunet_fine_large, 0.866 after 2520 of mobileunet_fine.
"""


def _by_slice_and_object(known: Known) -> Decision:
    """Full resolution where slices or objects are small; a slimmer network of large slices."""
    longest = max(known.slice_size())
    smallest, name = known.smallest()
    measured = f"Slices have up to {longest:.0f} pixels; the smallest object, {name}, spans {numbers([smallest])}"
    if longest <= TINY_SLICE:
        reason = "a stem of stride 2 lost 0.181 Dice (hippocampus), half the decoder's channels 0.006."
        return Decision("mobileunet_fine_large", f"{measured}: {reason}")
    if longest <= FINE_SLICE or (smallest < FINE_OBJECT and longest <= 2 * FINE_SLICE):
        return Decision("mobileunet_fine", f"{measured}: the first stage keeps every pixel.")
    reason = "a stem of stride 2; a head at full resolution added 0.001 Dice for 3.6 times the time (ACDC)."
    return Decision("mobileunet_base", f"{measured}: {reason}")


def _windows_by_memory(known: Known) -> int:
    if _seen_at_once(known):
        return FEWEST_WINDOWS
    area = known["roi_size"][0] * known["roi_size"][1]
    return max(FEWEST_WINDOWS, min(MOST_WINDOWS, _most_pixels(known) // (BATCH_CASES * area)))


def _most_pixels(known: Known) -> int:
    return WINDOWS if known.options.device == "cpu" else GPU_WINDOWS


def _seen_at_once(known: Known) -> bool:
    """Whether one window shows all of an image, so that more of them would show it again."""
    return known.single_slices() and known.whole_slices()


def batches_to_time(known: Known) -> list[Batch]:
    """Networks and batches that the time decides among: what suits the data, and what takes more steps in its place.

    Returns:
        Pairs of a variant and the windows out of each volume, in the order of preference.
    """
    asked = known.options.overrides
    variants, most = [_by_slice_and_object(known).value], _windows_by_memory(known)
    while variants[-1] in SLIMMER:
        variants.append(SLIMMER[variants[-1]])
    if known.options.source is not None:  # its weights fit its network alone
        variants = [known.options.source["variant"]]
    variants = [asked["variant"]] if "variant" in asked else variants
    counts = [asked["num_samples"]] if "num_samples" in asked else sorted({most, FEWEST_WINDOWS}, reverse=True)
    return [(variant, count) for variant in variants for count in counts]


def _in_time(known: Known) -> tuple[Batch, str]:
    """The first that has time for enough steps, or else the one with the most; and how many each has."""
    batches = batches_to_time(known)
    steps = {one: steps_in_the_budget(known, known.timed[one]) for one in batches if one in known.timed}
    if not steps or len(batches) < 2:
        return batches[0], ""
    most = max(steps, key=lambda one: steps[one])
    chosen = next((one for one, count in steps.items() if count >= ENOUGH_STEPS), most)
    counted = ", ".join(f"{count} steps of {_words(*one)}" for one, count in steps.items())
    time = f" {minutes(known.options.budget)} on this {known.options.device} have room for {counted}"
    time += f": the first with {ENOUGH_STEPS} is taken, or else the one with the most." if len(steps) > 1 else "."
    large = ", ".join(_words(*one) for one in batches if one not in steps)
    return chosen, time + (f" Its memory has no room for {large}." if large else "")


def _words(variant: str, count: int) -> str:
    return f"{variant} with {BATCH_CASES * count} windows"


def network_by_size_and_time(known: Known) -> Decision:
    """The network for the size of slices and objects, or a slimmer one where that has no time to learn."""
    by_size, ((variant, _), why) = _by_slice_and_object(known), _in_time(known)
    return Decision(variant, by_size.reason + why)


def windows_by_memory_and_time(known: Known) -> Decision:
    """As many windows as a batch has room for, or fewer where there is time for few steps."""
    (_, count), why = _in_time(known)
    batch = f"Batches of {BATCH_CASES * count} windows from {BATCH_CASES} volumes"
    if count < _windows_by_memory(known):
        return Decision(count, f"{batch}, fewer than {BATCH_CASES * _windows_by_memory(known)}.{why}")
    if _seen_at_once(known):
        return Decision(count, f"{batch}: each is all of an image's only slice, and more would show it again.")
    where = "a CPU" if known.options.device == "cpu" else "a GPU"
    limits = f"{FEWEST_WINDOWS} to {MOST_WINDOWS} from each, {_most_pixels(known):,} pixels in all at most on {where}"
    return Decision(count, f"{batch}: {limits}.")


def learning_rate_of_both_recipes(known: Known) -> Decision:
    """The one that was measured."""
    return Decision(0.003, "0.001 was 0.013 worse on hippocampus, 0.002 was worse on head and neck.")


RULES = {
    "variant": network_by_size_and_time,
    "num_samples": windows_by_memory_and_time,
    "learning_rate": learning_rate_of_both_recipes,
}
