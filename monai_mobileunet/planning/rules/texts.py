"""Rules for what people read, and for names."""

from __future__ import annotations

from pathlib import Path

from monai_mobileunet.data.datasets.class_names import by_number
from monai_mobileunet.data.errors import listed
from monai_mobileunet.planning.plan import Decision
from monai_mobileunet.planning.rules.intensity import OTHER
from monai_mobileunet.planning.rules.known import Known
from monai_mobileunet.wording import counted

__all__ = ["FILL_IN", "RULES"]

FILL_IN = "FILL IN"
"""Begins what only the user knows."""


def texts_of_the_data_set(known: Known) -> Decision:
    """What the metadata tell; marked where only the user knows."""
    names, modality = list(known["class_names"]), known["image"]["modality"]
    seen = modality if modality != OTHER else "pictures"
    where = seen if known.in_pixels else f"the {listed(known['planes'])} slices of {modality}"
    data = Path(known.fingerprint.dataset_dir).resolve().name
    slices = f", for the {known['out_slices']} middle slices of the input" if known["out_slices"] > 1 else ""
    channels = known.cases[0].channels
    ignored = f", {known['ignore']} where nobody annotated" if "ignore" in known.decided else ""
    return Decision(
        {
            "version": "0.1.0",
            "changelog": {"0.1.0": "first version, planned from the data set"},
            "name": f"Segmentation of {listed(names)}",
            "task": f"Segmentation of {listed(names)} in {seen}",
            "description": f"A MobileUNet that segments {listed(names)} in {where}. Not a medical device.",
            "authors": f"{FILL_IN}: who made this bundle",
            "copyright": f"{FILL_IN}: Copyright (c) whose",
            "data_source": f"{FILL_IN}: where the data come from (planned for the folder {data})",
            "data_license": f"{FILL_IN}: the licence of the data, in docs/data_license.txt too",
            "image_classes": f"{'one channel' if channels == 1 else counted(channels, 'channel')}, {seen}",
            "label_classes": "one channel, "
            + ", ".join(f"{number} {name}" for number, name in enumerate(["background", *names]))
            + ignored,
            "pred_classes": f"{len(names) + 1} channels, scores of {listed(['background', *names])}{slices}",
            "references": [],
        },
        f"From the data set; what begins with {FILL_IN} only you know.",
    )


def folder_of_the_data(known: Known) -> Decision:
    """Where the data lie."""
    place = Path(known.fingerprint.dataset_dir).resolve()
    return Decision(
        str(place), f"{known.fingerprint.layout or 'The data'}; a training takes another place as --dataset_dir."
    )


def names_of_classes(known: Known) -> Decision:
    """As the labels number them."""
    total = len(known.cases)
    found = [f"{name} {len(known.of_class(name))}" for name in known.fingerprint.class_names]
    by_numbers = tuple(known.fingerprint.class_names) == by_number(len(found))
    how = " Nothing names them: --class does, once for each." if by_numbers else ""
    reason = f"By their numbers in the labels; cases of {total} that have them: {', '.join(found)}.{how}"
    return Decision(list(known.fingerprint.class_names), reason)


RULES = {"texts": texts_of_the_data_set, "dataset_dir": folder_of_the_data, "class_names": names_of_classes}
