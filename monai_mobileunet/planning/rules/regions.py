"""The rule for labels that are unions of classes, as nnU-Net has them, and what is refused of those that users set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from monai_mobileunet.data.datasets.regions import refuse_shared_names, unions
from monai_mobileunet.data.errors import listed, refusal
from monai_mobileunet.planning.plan import Setting
from monai_mobileunet.planning.rules.known import Known

__all__ = ["METRICS", "RULES", "refuse_odd_regions"]

METRICS = ("val_mean_dice", "val_dice_per_class", "val_dice_per_region")
"""Figures of a validation, which no region may be called: the best epoch is chosen by the first."""

RENAME = "Give the region another name."


def refuse_odd_regions(place: str, regions: Any, class_names: Sequence[str]) -> None:
    """Refuse regions that are none, and those whose figures would replace others in the validation.

    Args:
        place: where they stand.
        regions: what stands there.
        class_names: from class 1 on.

    Raises:
        DataError: they are no mapping of names to lists of different numbers of classes, or one has the name of a class
            that it is not, or of a figure of the validation.
    """
    if not isinstance(regions, Mapping):
        problem = f"is {json.dumps(regions)}; expected lists of class numbers by the names of regions."
        raise refusal(place, problem, 'Write it as {"whole": [1, 2]}, or as {} for no regions.')
    count = len(class_names)
    for name, numbers in regions.items():
        if not name.strip():
            raise refusal(place, f"has a region with the name {name!r}; expected a word.", "Give it a name.")
        if not _are_classes(numbers, count):
            problem = f"the region {name!r} is {json.dumps(numbers)}; expected a list of different numbers of classes, "
            raise refusal(place, f"{problem}1 to {count}.", "Write the numbers of its classes, as [1, 2].")
        if name in METRICS:
            figures = f"{', '.join(METRICS)} are figures of the validation."
            raise refusal(place, f"the region {name!r} has a name that is taken: {figures}", RENAME)
    refuse_shared_names(place, regions, class_names, RENAME)


def _are_classes(numbers: Any, count: int) -> bool:
    if not isinstance(numbers, list | tuple) or any(type(one) is not int for one in numbers):
        return False
    return 0 < len(numbers) == len(set(numbers) & set(range(1, count + 1)))


def regions_that_the_data_set_names(known: Known) -> Setting | None:
    """Numbers of the classes that each label of the data set is made of, where some labels are regions of several."""
    names, regions = known["class_names"], known.fingerprint.regions
    if not unions(regions) or max(number for numbers in regions.values() for number in numbers) > len(names):
        return None  # the user named fewer classes than the regions have
    by_set = "class_names" in known.options.overrides
    refuse_shared_names("--set class_names" if by_set else "--class", regions, names, "Give the class another name.")
    refuse_odd_regions(known.fingerprint.dataset_dir, regions, names)
    made = [
        f"{name} is made of {listed([repr(names[number - 1]) for number in numbers])}"
        for name, numbers in unions(regions).items()
    ]
    reason = (
        f"The labels of the data set are regions: {'; '.join(made)}. The network learns these classes, which share no "
        "voxel, and masks hold them. The Dice of the loss is that of the regions, as nnU-Net's is, and "
        "mobileunet evaluate measures regions beside classes."
    )
    return Setting({name: list(numbers) for name, numbers in regions.items()}, reason, only="train")


RULES = {"regions": regions_that_the_data_set_names}
