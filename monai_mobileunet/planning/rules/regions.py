"""The rule for labels that are unions of classes, as nnU-Net has them."""

from __future__ import annotations

from monai_mobileunet.data.datasets.regions import unions
from monai_mobileunet.data.errors import listed, refusal
from monai_mobileunet.planning.plan import Setting
from monai_mobileunet.planning.rules.known import Known

__all__ = ["RULES"]


def regions_that_the_data_set_names(known: Known) -> Setting | None:
    """Numbers of the classes that each label of the data set is made of, where some labels are regions of several."""
    names, regions = known.fingerprint.class_names, known.fingerprint.regions
    if not unions(regions) or max(number for numbers in regions.values() for number in numbers) > len(names):
        return None  # the user named fewer classes than the regions have
    for name in set(unions(regions)).intersection(names):
        problem = f"is {name!r}, the name of a region of the classes {listed(list(map(str, regions[name])))}."
        raise refusal(f"--class {name}", problem, "Give the class another name.")
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
