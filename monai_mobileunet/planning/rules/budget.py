"""Rules for the length of a training: what fits into the time that there is, by steps that were timed."""

from __future__ import annotations

import math

from monai_mobileunet.planning.plan import Decision
from monai_mobileunet.planning.rules.known import Costs, Known, minutes
from monai_mobileunet.planning.rules.training import BATCH_CASES, FOLDS

__all__ = ["RULES", "expected_seconds"]

VALIDATIONS = 5
VALIDATING = 0.2
"""Share of a budget that validations may take."""

KEPT_BACK = 0.1
"""Share of a budget for what is not measured: metrics written, other programs on the machine."""

UNTIMED_EPOCHS, MOST_EPOCHS = 100, 400


def _parts(known: Known) -> tuple[int, int]:
    """Cases that are trained on and validated on."""
    folds = known["folds"] if "folds" in known.decided else FOLDS
    validated = max(1, round(len(known.cases) / folds))
    return max(1, len(known.cases) - validated), validated


def _epoch_seconds(known: Known, costs: Costs) -> float:
    trained, _ = _parts(known)
    step = costs.step * math.ceil(trained / BATCH_CASES)
    drawn = trained * costs.augment
    return max(step, drawn / costs.workers) if costs.workers else step + drawn


def validations(known: Known, costs: Costs) -> int:
    """How many a budget has room for, one to :data:`VALIDATIONS`."""
    once = _parts(known)[1] * costs.validate
    return max(1, min(VALIDATIONS, int(VALIDATING * known.options.budget / max(once, 1e-9))))


def epochs_in_the_budget(known: Known) -> Decision:
    """As many epochs as steps that were timed allow."""
    costs, budget = known.costs, known.options.budget
    if costs is None:
        return Decision(UNTIMED_EPOCHS, "Both measured recipes have as many; nothing was timed on this machine.")
    count, (trained, validated) = validations(known, costs), _parts(known)
    once = costs.start + len(known.cases) * costs.read + count * validated * costs.validate
    epoch = _epoch_seconds(known, costs)
    room = int(((1 - KEPT_BACK) * budget - once) / epoch)
    epochs = max(1, min(MOST_EPOCHS, room))
    timed = (
        f"An epoch of {trained} cases takes {minutes(epoch)} here ({known.options.device}), all else {minutes(once)}"
    )
    asked = f"the budget is {minutes(budget)}, of which a tenth is kept back"
    capped = f"; more than {MOST_EPOCHS} are not needed" if room > MOST_EPOCHS else ""
    return Decision(epochs, f"{timed}; {asked}{capped}.")


def validations_in_the_budget(known: Known) -> Decision:
    """Validations from time to time; one comes after the last epoch anyway."""
    epochs = known["epochs"]
    count = VALIDATIONS if known.costs is None else validations(known, known.costs)
    interval = math.ceil(epochs / count)
    if known.costs is None:
        return Decision(interval, f"{count} validations in a training.")
    once = _parts(known)[1] * known.costs.validate
    share = f"a fifth of the budget has room for {count} of {minutes(once)} each, {VALIDATIONS} at most"
    return Decision(interval, f"Validations on {_parts(known)[1]} cases: {share}.")


def expected_seconds(known: Known) -> float | None:
    """How long the planned training takes; ``None`` where nothing was timed."""
    if known.costs is None:
        return None
    validated = math.ceil(known["epochs"] / known["val_interval"]) * _parts(known)[1] * known.costs.validate
    once = known.costs.start + len(known.cases) * known.costs.read
    return once + validated + known["epochs"] * _epoch_seconds(known, known.costs)


RULES = {"epochs": epochs_in_the_budget, "val_interval": validations_in_the_budget}
