"""Which values labels hold, and whether these are the classes that they are to hold."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monai_mobileunet.data.datasets.described import mapped_folder
from monai_mobileunet.data.datasets.labels import LABELLED
from monai_mobileunet.data.errors import Finding, list_some, warning
from monai_mobileunet.data.volume import Volume

__all__ = ["MOST_VALUES", "LabelSet", "check_classes", "check_labels", "class_numbers", "different_values"]

SHOWN = 8
MOST_VALUES = 255
"""More different values than this are no classes that someone numbered otherwise."""


@dataclass(frozen=True)
class LabelSet:
    """What the labels of a data set are to hold, all together.

    Attributes:
        num_classes: classes with the background; label values are whole numbers below it.
        class_names: from class 1 on; numbers stand for names that are not known.
        folder: of the data set, for what to type.
        whole: these are all labels; of a few that were picked out it says little that a class is missing.
        needed: labels without any class are of no use; otherwise that is only odd.
        validating: they are those that a training validates on.
        mappable: they belong to a data set that ``mobileunet check --map`` can rewrite.
        ignore: value of voxels that nobody annotated; ``None`` where there is none.
        held: values of all labels of the data set, where these are those of one of its lists.
    """

    num_classes: int
    class_names: Sequence[str] = ()
    folder: str = ""
    whole: bool = True
    needed: bool = True
    validating: bool = False
    mappable: bool = True
    ignore: int | None = None
    held: Sequence[float] = ()

    def name(self, number: int) -> str:
        """Of a class."""
        named = number - 1 < len(self.class_names)
        return f"class {number}" + (f" ({self.class_names[number - 1]})" if named else "")


def different_values(label: Volume) -> np.ndarray:
    """The values of a label, each once; in any other order than that of memory it takes three times as long."""
    return np.unique(label.values.ravel(order="K"))


def class_numbers(values: np.ndarray) -> tuple[float, ...] | None:
    """The different values of a label; ``None`` of one that has too many for class numbers."""
    return tuple(values.tolist()) if len(values) <= MOST_VALUES or values.dtype.kind in "iu" else None


def check_classes(
    name: str,
    values: np.ndarray,
    num_classes: int,
    ignore: int | None = None,
    labelled: Sequence[int] | None = None,
) -> Iterator[Finding]:
    """Whether a label holds nothing but class numbers, and something beside voxels that nobody annotated.

    Args:
        name: of the label.
        values: its :func:`different_values`.
        num_classes: classes with the background.
        ignore: value of voxels that nobody annotated.
        labelled: the classes that were annotated, where not all were.
    """
    annotated = values if ignore is None else values[values != ignore]
    unknown = annotated[~np.isin(annotated, np.arange(num_classes))]
    if not len(annotated):
        problem = f"holds nothing but {ignore}, the value of voxels to ignore; nothing can be learned from it."
        yield Finding(name, problem, "Annotate something in it, or remove the case from the data set.")
    elif labelled is not None and len(
        unnamed := annotated[(annotated > 0) & ~np.isin(annotated, [*labelled, *unknown])]
    ):
        problem = f"has voxels of class {list_some([_shown(value) for value in unnamed], SHOWN)}, and its list says "
        problem += f"that {', '.join(map(str, labelled))} alone were annotated."
        yield Finding(name, problem, f"Add them to {LABELLED!r} of the case, or set these voxels to 0.")
    if not len(unknown):
        return
    remedy = (
        "Correct the label, or the number of classes: --num-classes of mobileunet check, --class of mobileunet plan "
        "and evaluate, --num_classes of a training."
    )
    if not (np.isfinite(unknown) & (unknown == np.rint(unknown))).all():
        remedy = "It was resampled with interpolation or holds probabilities: export it again with nearest neighbours."
    shown = list_some([_shown(value) for value in unknown], SHOWN)
    yield Finding(name, f"has label values {shown}; expected 0 to {num_classes - 1}.", remedy)


def _shown(value: np.generic) -> str:
    """A value with all of its digits; a whole one without a point."""
    number = float(value)
    return f"{number:.0f}" if np.isfinite(number) and number == int(number) else str(value)


def check_labels(found: Iterable[tuple[str, tuple[float, ...] | None]], labels: LabelSet) -> Iterator[Finding]:
    """What is wrong with the labels of a data set together: classes that none of them has, values that are no classes.

    Args:
        found: file and different values of each label; ``None`` where they are not known.
        labels: what they are to hold.
    """
    known = [(path, values) for path, values in found if values is not None]
    if not known:
        return
    place = os.path.commonpath([os.path.abspath(Path(path).parent) for path, _ in known])
    if labels.folder and not os.path.isabs(labels.folder):  # in the words of whoever named the folder
        place = os.path.relpath(place)
    values = sorted({value for _, values in known for value in values if value != labels.ignore})
    classes = range(1, labels.num_classes)
    if any(value not in range(labels.num_classes) for value in values):
        if labels.mappable:
            yield from _mapping(place, sorted({*values, *labels.held}), labels)
        return
    missing = [number for number in classes if number not in values]
    if missing and len(missing) == len(classes):
        problem = f"no label has any class: {len(known)} of them hold nothing but background."
        more = "" if labels.whole else " Or take more cases with --limit."
        remedy = f"Look whether these are the labels, and whether they were exported with their values.{more}"
        yield Finding(place, problem, remedy, warning=not labels.needed)
    elif labels.whole and missing:
        names, them = (
            list_some([labels.name(number) for number in missing], SHOWN),
            "it" if len(missing) == 1 else "them",
        )
        cannot = "the validation says nothing of" if labels.validating else "the network cannot learn"
        problem = f"no label has {names}; {cannot} {them}."
        yield warning(place, problem, f"Add cases that have {them}, or leave {them} out of the classes.")


def _mapping(place: str, values: Sequence[float], labels: LabelSet) -> Iterator[Finding]:
    """What to type where classes are numbered in another way than 0, 1, 2, …"""
    others = [value for value in values if value != 0]
    whole = all(np.isfinite(value) and value == int(value) for value in others)
    if not whole or len(others) > MOST_VALUES:
        return
    if len(others) <= labels.num_classes - 1:
        pairs = [f"{value:.0f}={number}" for number, value in enumerate(others, 1)]
    else:  # some are classes as they are; what the others are, only a person knows
        pairs = [f"{value:.0f}=CLASS" for value in others if value not in range(labels.num_classes)]
    folder = labels.folder or "DATA"
    held = list_some([f"{value:.0f}" for value in values], 2 * SHOWN)
    remedy = (
        "If these are classes with other numbers, write a copy with the right ones and train on it: "
        f"mobileunet check {folder} --num-classes {labels.num_classes} --map {','.join(pairs)} "
        f"--write {mapped_folder(Path(folder))}"
    )
    odd = [value for value in others if value not in range(labels.num_classes)]
    if labels.ignore is None and len(odd) == 1 and len(others) > 1:
        add = f"add --ignore {odd[0]:.0f} to mobileunet check, plan or evaluate"
        remedy = f"If {odd[0]:.0f} marks voxels that nobody annotated, {add}. {remedy}"
    yield Finding(place, f"the labels hold {held}; expected 0 to {labels.num_classes - 1}.", remedy)
