"""Rules for the length of a training: what fits into the time that there is, by steps that were timed."""

from __future__ import annotations

import math

from monai_mobileunet.planning.plan import Decision
from monai_mobileunet.planning.rules.known import Costs, Known, minutes
from monai_mobileunet.wording import counted

__all__ = ["BATCH_CASES", "FOLDS", "RULES", "epochs_within", "expected_seconds", "planned_steps", "steps_in_the_budget"]

BATCH_CASES = 4
FOLDS = 5
"""As the templates have them."""

VALIDATIONS = 5
VALIDATING = 0.2
"""Share of a budget that validations may take."""

KEPT_BACK = 0.1
"""Share of a budget for what is not measured: metrics written, other programs on the machine."""

UNTIMED_EPOCHS = 100

MOST_STEPS = 250_000
"""Steps of the optimiser in a training, at most: those of nnU-Net, which has 1000 epochs of 250."""


def _parts(known: Known) -> tuple[int, int]:
    """Cases that are trained on and validated on."""
    folds = known["folds"] if "folds" in known.decided else FOLDS
    validated = max(1, round(len(known.cases) / folds))
    return max(1, len(known.cases) - validated), validated


def _epoch_seconds(costs: Costs, trained: int) -> float:
    step = costs.step * math.ceil(trained / BATCH_CASES)
    drawn = trained * costs.augment
    return max(step, drawn / costs.workers) if costs.workers else step + drawn


def _once(costs: Costs, trained: int, validated: int, times: int) -> float:
    """Seconds for all but the epochs."""
    return costs.start + (trained + validated) * costs.read + times * validated * costs.validate


def epochs_within(budget: float, costs: Costs, trained: int, validated: int, times: int = 1) -> int:
    """How many epochs fit into a time beside all else; none where not one does.

    Args:
        budget: seconds for the whole training.
        costs: of a training on this machine.
        trained: cases that are trained on.
        validated: cases of a validation.
        times: validations in the training.
    """
    room = (1 - KEPT_BACK) * budget - _once(costs, trained, validated, times)
    return max(0, int(room / _epoch_seconds(costs, trained)))


def _room(known: Known, costs: Costs) -> int:
    return epochs_within(known.options.budget, costs, *_parts(known), validations(known, costs))


def steps_in_the_budget(known: Known, costs: Costs) -> int:
    """How many steps of the optimiser fit into the budget."""
    return _steps(known, _room(known, costs))


def planned_steps(known: Known) -> int:
    """How many steps of the optimiser the training has."""
    return _steps(known, known["epochs"])


def _steps(known: Known, epochs: int) -> int:
    return epochs * math.ceil(_parts(known)[0] / BATCH_CASES)


def validations(known: Known, costs: Costs) -> int:
    """How many a budget has room for, one to :data:`VALIDATIONS`."""
    once = _parts(known)[1] * costs.validate
    return max(1, min(VALIDATIONS, int(VALIDATING * known.options.budget / max(once, 1e-9))))


def epochs_in_the_budget(known: Known) -> Decision:
    """As many epochs as steps that were timed allow."""
    costs, budget = known.costs, known.options.budget
    if costs is None:
        return Decision(UNTIMED_EPOCHS, "Both measured recipes have as many; nothing was timed on this machine.")
    room, epoch = _room(known, costs), _epoch_seconds(costs, _parts(known)[0])
    once = _once(costs, *_parts(known), validations(known, costs))
    most = MOST_STEPS // _steps(known, 1)
    epochs = max(1, min(most, room))
    timed = (
        f"An epoch of {counted(_parts(known)[0], 'case')} takes {minutes(epoch)} here "
        f"({known.options.device}), all else "
    )
    timed += minutes(once)
    asked = f"the budget is {minutes(budget)}, of which a tenth is kept back"
    capped = f"; nnU-Net's trainings have no more than {MOST_STEPS:,} steps either" if room > most else ""
    return Decision(epochs, f"{timed}; {asked}{capped}.")


def validations_in_the_budget(known: Known) -> Decision:
    """Validations from time to time; one comes after the last epoch anyway."""
    epochs = known["epochs"]
    count = VALIDATIONS if known.costs is None else validations(known, known.costs)
    interval = math.ceil(epochs / count)
    if known.costs is None:
        return Decision(interval, f"{counted(count, 'validation')} in a training.")
    once = _parts(known)[1] * known.costs.validate
    share = f"a fifth of the budget has room for {count} of {minutes(once)} each, {VALIDATIONS} at most"
    return Decision(interval, f"Validations on {counted(_parts(known)[1], 'case')}: {share}.")


def expected_seconds(known: Known) -> float | None:
    """How long the planned training takes; ``None`` where nothing was timed."""
    if known.costs is None:
        return None
    times = math.ceil(known["epochs"] / known["val_interval"])
    once = _once(known.costs, *_parts(known), times)
    return once + known["epochs"] * _epoch_seconds(known.costs, _parts(known)[0])


RULES = {"epochs": epochs_in_the_budget, "val_interval": validations_in_the_budget}
