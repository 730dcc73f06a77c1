"""Rules for the network and its batches: by what is to be seen, and by what a training has time for."""

from __future__ import annotations

from monai_mobileunet.planning.plan import Decision
from monai_mobileunet.planning.rules.budget import BATCH_CASES, steps_in_the_budget
from monai_mobileunet.planning.rules.known import Known, minutes, numbers

__all__ = ["RULES", "networks_to_time"]

FINE_SLICE = 160
"""Pixels of a slice's longer side up to which the first stage keeps the full resolution."""

TINY_SLICE = 64
"""Likewise up to which twice the decoder's channels cost little."""

FINE_OBJECT = 8
"""Pixels of an object below which the first stage keeps the full resolution, where slices are not too large for it."""

WINDOWS = 32 * 128 * 128
"""Pixels of a batch, at most; twice that on a GPU."""

SLIMMER = {"mobileunet_fine_large": "mobileunet_fine", "mobileunet_base": "mobileunet_small"}
"""What may take a network's place where there is little time."""

ENOUGH_STEPS = 1500
"""Steps of the optimiser below which a slimmer network learns more in the same time."""


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
    return Decision("mobileunet_base", f"{measured}: a stem of stride 2, and a head at full resolution.")


def networks_to_time(known: Known) -> list[str]:
    """Variants of which the time that there is decides: that by size, and what may take its place."""
    if "variant" in known.decided and ("variant" in known.options.overrides or known.options.source is not None):
        return [known["variant"]]
    names = [_by_slice_and_object(known).value]
    while names[-1] in SLIMMER:
        names.append(SLIMMER[names[-1]])
    return names


def network_by_size_and_budget(known: Known) -> Decision:
    """The network for the size of slices and objects, or a slimmer one where it has no time to learn."""
    by_size = _by_slice_and_object(known)
    steps = {
        name: steps_in_the_budget(known, known.timed[name]) for name in networks_to_time(known) if name in known.timed
    }
    if len(steps) < 2:
        return by_size
    chosen = next((name for name, count in steps.items() if count >= ENOUGH_STEPS), list(steps)[-1])
    counted = ", ".join(f"{count} of {name}" for name, count in steps.items())
    time = f" {minutes(known.options.budget)} ({known.options.device}) have room for {counted} steps"
    if chosen == by_size.value:
        return Decision(chosen, f"{by_size.reason}{time}.")
    return Decision(chosen, f"{by_size.reason}{time}: below {ENOUGH_STEPS} a slimmer network learns more.")


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


RULES = {
    "variant": network_by_size_and_budget,
    "num_samples": windows_by_memory,
    "learning_rate": learning_rate_of_both_recipes,
}
