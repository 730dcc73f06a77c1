"""Cases for MONAI's engines, of which one that cannot be read ends no run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monai.data import Dataset, list_data_collate
from monai.utils import ensure_tuple

from monai_mobileunet.data.errors import log_unforeseen, refusal, why_failed

__all__ = ["PROBLEMS", "CaseDataset", "CaseProblem", "collate_cases", "refuse_nothing_left"]

PROBLEMS = "problems"
"""Key of a batch for the cases that could not be read."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaseProblem:
    """A case that gives no mask.

    Attributes:
        case: its first image.
        reason: what was found, what was expected, and the remedy.
        mask: the place that its mask would have had; empty where that is not known.
    """

    case: str
    reason: str
    mask: str = ""


class CaseDataset(Dataset):
    """:class:`monai.data.Dataset` whose items are cases, each read and preprocessed within a guard of its own.

    An exception in a loader's thread ends the loop over it without a word: ignite (0.5.2) then starts the loader anew
    and counts cases that it has had before. So whatever goes wrong with a case is an item, as the case would be, and
    :class:`monai_mobileunet.engines.CaseEvaluator` says it. For a loader with :func:`collate_cases`.

    Args:
        data: ``{"image": path or paths, …}`` each; see :func:`monai_mobileunet.data.find_images`.
        transform: from there to what the network takes.

    Returns:
        A case with ``"case"``, the path of its first image, beside what the transform gave; or a :class:`CaseProblem`.
    """

    def _transform(self, index: int) -> Any:
        case = self.data[index]
        name = str(ensure_tuple(case["image"])[0])
        try:
            prepared = super()._transform(index)
            refuse_nothing_left(prepared["image"], name)
        except Exception as error:  # any, since no case may stop the others; the evaluator counts and names it
            reason = why_failed(error, name)
            log_unforeseen(logger, error, name)
            return CaseProblem(name, reason, case.get("mask", ""))
        return {**prepared, "case": name}


def refuse_nothing_left(image: Any, name: str) -> None:
    """Refuse what preprocessing has cut away.

    Args:
        image: what it has left.
        name: of the image.

    Raises:
        DataError: it has no voxel.
    """
    if 0 in image.shape:
        problem = "has nothing that the bundle's preprocessing would not cut away."
        raise refusal(name, problem, "Look whether it is the kind of image, in the right units.")


def collate_cases(items: Sequence[Any]) -> dict[str, Any]:
    """A batch of cases, with those that cannot be in it under :data:`PROBLEMS`.

    Args:
        items: of a :class:`CaseDataset`.

    Returns:
        What :func:`monai.data.list_data_collate` makes of the cases; nothing where there is none.
    """
    problems = [item for item in items if isinstance(item, CaseProblem)]
    cases = [item for item in items if not isinstance(item, CaseProblem)]
    try:
        batch = list_data_collate(cases) if cases else {}
    except Exception as error:
        remedy = "Images that are not of one size cannot be in one batch: set --dataloader#batch_size 1."
        reason = f"{why_failed(error, cases[0]['case'])} {remedy}"
        problems += [CaseProblem(case["case"], reason, case.get("mask", "")) for case in cases]
        batch = {}
    return {**batch, PROBLEMS: problems} if problems else batch
