"""What classes are called: as the user says, as a bundle, a data set or a run says, or else by their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from monai_mobileunet.data.datasets.described import find_class_names, has_class_names
from monai_mobileunet.data.datasets.label_values import (
    MOST_VALUES,
    LabelSet,
    check_classes,
    check_labels,
    class_numbers,
    different_values,
)
from monai_mobileunet.data.datasets.labels import class_labels
from monai_mobileunet.data.datasets.listing import Case, home_of, read_json
from monai_mobileunet.data.errors import DataError, Finding, listed
from monai_mobileunet.data.label_files import LABELS
from monai_mobileunet.data.reading import read_label

__all__ = ["by_number", "held_classes", "named_classes", "said_of_numbers"]


def named_classes(
    dataset_dir: str | Path,
    asked_for: Sequence[str] = (),
    of_bundle: Sequence[str] = (),
    masks: Path | None = None,
) -> tuple[str, ...]:
    """Names of the classes from 1 on, of the first that names them; none where nothing does.

    Args:
        dataset_dir: the data set; its description names them behind the user and the bundle.
        asked_for: as the user names them.
        of_bundle: as the bundle names them.
        masks: folder of segmentations; the ``labels.json`` of a run in it, or in the data set, is asked last.

    Raises:
        DataError: as :func:`monai_mobileunet.data.datasets.described.find_class_names`, but for names that lack.
    """
    root = Path(dataset_dir)
    if asked_for or of_bundle:
        return tuple(asked_for or of_bundle)
    if has_class_names(root):
        return find_class_names(root)
    for folder in (masks, home_of(root)):
        if folder is not None and (folder / LABELS).is_file():
            content = read_json(folder / LABELS)
            names = class_labels(content.get("labels") if isinstance(content, dict) else None)
            if names and list(names) == list(range(1, len(names) + 1)):
                return tuple(names.values())
    return ()


def by_number(count: int) -> tuple[str, ...]:
    """Names of so many classes that nothing names."""
    return tuple(f"class {number}" for number in range(1, count + 1))


def said_of_numbers(dataset_dir: str | Path, count: int) -> str:
    """The sentence about classes that are called by their numbers, and what to type to name them."""
    numbers = listed([str(number) for number in range(1, count + 1)]) if count < 4 else f"1 to {count}"
    names = listed(by_number(count)) if count < 4 else f"class 1 to class {count}"
    remedy = "To name them, add --class once for each, in this order, as --class liver."
    return f"Nothing names the classes of {dataset_dir}: its labels hold {numbers}, called {names} here. {remedy}"


def held_classes(
    cases: Sequence[Case],
    dataset_dir: str | Path,
    ignore: int | None = None,
    advance: Callable[[], None] = lambda: None,
    num_workers: int = 2,
) -> int:
    """How many classes the labels hold; each is read. What cannot be read is left to those who measure it.

    Args:
        cases: the cases.
        dataset_dir: their data set, for what to type.
        ignore: value of voxels that nobody annotated.
        advance: called after each case.
        num_workers: threads that read.

    Raises:
        DataError: the values are no class numbers 1, 2, … without a gap, or there are none.
    """

    def look(case: Case) -> tuple[str, tuple[float, ...] | None, list[Finding]]:
        try:
            values = different_values(read_label(case["label"]))
        except Exception:  # any, since no case may stop the others; those who measure it say what is wrong
            values = None
        advance()
        if values is None:
            return str(case["label"]), None, []
        findings = list(check_classes(str(case["label"]), values, MOST_VALUES + 1, ignore))
        return str(case["label"]), class_numbers(values), findings

    with ThreadPoolExecutor(max(1, num_workers)) as pool:
        looked = list(pool.map(look, cases))
    held = {value for _, values, _ in looked for value in values or () if value != ignore}
    count = sum(value > 0 for value in held)
    findings = [finding for _, _, found in looked for finding in found if not finding.warning]
    found = [(label, values) for label, values, _ in looked]
    findings += check_labels(found, LabelSet(max(count, 1) + 1, folder=str(dataset_dir), ignore=ignore))
    if errors := [finding for finding in findings if not finding.warning]:
        raise DataError(errors)
    if not count:
        problem = "names no classes, and no label could be read to count them."
        raise DataError([Finding(str(dataset_dir), problem, "Name the classes one by one with --class liver.")])
    return count
