"""Warnings of what no plan can solve."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from monai_mobileunet.data.errors import list_some
from monai_mobileunet.planning.rules.budget import expected_seconds
from monai_mobileunet.planning.rules.grid import odd_headers
from monai_mobileunet.planning.rules.intensity import looks_like_ct
from monai_mobileunet.planning.rules.known import Known, numbers
from monai_mobileunet.planning.rules.pictures import sizes_apart
from monai_mobileunet.planning.rules.sides import on_the_wrong_side
from monai_mobileunet.wording import counted

__all__ = ["warnings_of"]

FAT = -100
"""Hounsfield units that a CT of a body goes below, whatever was cut out of it."""

FEWEST_PIXELS = 4
FEWEST_EPOCHS = 20
MOST_SENTENCES = 3
"""Of classes in few cases, each in a sentence of its own."""


def warnings_of(known: Known) -> list[str]:
    """What the user should know before a training, in full sentences."""
    of_data = (*_headers(known), *_modality(known), *_objects(known), *sizes_apart(known))
    return [*of_data, *on_the_wrong_side(known), *_amounts(known)]


def _headers(known: Known) -> Iterator[str]:
    for name, why in odd_headers(known.cases).items():
        yield f"{name}: its header says {why}. If it is wrong, correct it or leave the case out (--leave-out {name})."


def _modality(known: Known) -> Iterator[str]:
    count, total, modality = sum(map(looks_like_ct, known.cases)), len(known.cases), known["image"]["modality"]
    if modality != "CT" and count > total / 2:
        yield (
            f"The modality is {modality}, but {count} of {counted(total, 'case')} have values "
            "like CT. If so: --modality CT."
        )
    like, others = ("CT", modality) if modality != "CT" else ("no CT", "CT")
    among = [case.name for case in known.cases if (case.lowest[0] > FAT if like == "no CT" else looks_like_ct(case))]
    if 0 < len(among) <= total / 2 and "stored_offset" not in known.decided:
        yield (
            f"{list_some(among)}: {len(among)} of {counted(total, 'case')} have values like {like} "
            f"among those of {others}. If "
            f"that is another modality, leave them out ({_left_out(among)})."
        )
    if modality == "CT" and "windows" not in known.decided:
        yield (
            "The modality is CT, but the values are no Hounsfield units, nor these with an offset: they are normalised "
            "as those of MRI are, and CT from elsewhere will look different. Better are files with Hounsfield units."
        )


def _objects(known: Known) -> Iterator[str]:
    smallest, name = known.smallest()
    if smallest < FEWEST_PIXELS:
        yield (
            f"The smallest object, {name}, spans {numbers([smallest])} pixels in a tenth of the cases: expect it to be "
            f"missed or badly outlined there. A finer grid (--spacing) helps only where the images are finer."
        )
    found = {name: [case.name for case, _ in known.of_class(name)] for name in known.fingerprint.class_names}
    few = {name: having for name, having in found.items() if 0 < len(having) < min(5, len(known.cases))}
    total = len(known.cases)
    if len(few) > MOST_SENTENCES:
        shown = list_some([f"{name} {len(having)}" for name, having in few.items()])
        yield (
            f"{counted(len(few), 'class is', 'classes are')} in fewer than 5 of "
            f"{counted(total, 'case')} ({shown}): too few to learn or to measure."
        )
    else:
        for name, having in few.items():
            where = f"{len(having)} of {counted(total, 'case')} ({list_some(having)})"
            yield f"The class {name} is in {where}: too few to learn it, and to measure it."
    empty = [case.name for case in known.cases if not case.classes]
    if empty:
        yield (
            f"{list_some(empty)}: {len(empty)} of {len(known.cases)} labels hold nothing but background. If a class is "
            f"to be seen there and nobody outlined it, leave them out ({_left_out(empty)})."
        )


def _left_out(names: Sequence[str]) -> str:
    """What to type to plan without some cases."""
    return list_some([f"--leave-out {name}" for name in names]).replace(", --", " --")


def _amounts(known: Known) -> Iterator[str]:
    if known.subjects < 10:
        yield (
            f"There {'is' if known.subjects == 1 else 'are'} "
            f"{counted(known.subjects, 'subject')}: the validation's figures will be uncertain."
        )
    if known.costs is not None and known["epochs"] < FEWEST_EPOCHS:
        needed = FEWEST_EPOCHS / known["epochs"] * (expected_seconds(known) or 0)
        yield (
            f"The budget has room for {counted(known['epochs'], 'epoch')}; below {FEWEST_EPOCHS} a "
            "network is far from what it "
            f"can learn. Give --budget {math.ceil(needed / 60)}m, or train on a GPU."
        )
