"""Rules for labels that do not say everything: voxels, slices and classes that nobody annotated."""

from __future__ import annotations

from statistics import median

from monai_mobileunet.data.errors import refusal
from monai_mobileunet.planning.fingerprint import CaseFingerprint
from monai_mobileunet.planning.plan import Decision, Setting
from monai_mobileunet.planning.rules.known import Known, numbers
from monai_mobileunet.slicing import PLANES
from monai_mobileunet.wording import counted

__all__ = ["RULES", "annotated_plane", "is_partial", "mirrored_kinds"]

APART = 3.0
"""How many times longer runs of neighbouring labelled slices are across other axes than across that of annotation."""

BY_STACK = {axes[0]: plane for plane, axes in PLANES.items()}


def is_partial(known: Known) -> bool:
    """Whether anything in the labels was not annotated."""
    return any(name in known.decided for name in RULES)


def value_of_unannotated_voxels(known: Known) -> Setting | None:
    """The value that voxels have which nobody annotated."""
    ignore = known.fingerprint.ignore
    if ignore is None:
        return None
    held = [case for case in known.cases if case.ignored]
    share = f", {100 * median(case.ignored for case in held):.3g} % of the voxels in the median one" if held else ""
    reason = (
        f"Nobody annotated voxels of this value, which {len(held)} of "
        f"{counted(len(known.cases), 'case')} have{share}: they count "
        "neither as right nor as wrong, in training, in validation, and in the statistics of this plan."
    )
    return Setting(ignore, reason, only="train")


def slices_without_a_class_are_unknown(known: Known) -> Setting | None:
    """That a slice without any class was not annotated."""
    if not known.fingerprint.annotated_slices_only:
        return None
    if len(known.options.planes) > 1:
        problem = f"names {len(known.options.planes)} planes, and slices are annotated in one of them."
        raise refusal("--planes", problem, "Name that one with --annotated-slices-only, or leave --planes out.")
    reason = (
        "Asked for by the user: a slice without any class is unknown, not background. Annotated ones alone are drawn, "
        "with their neighbours in the image as context, and validated on. What a class is across the slices (its "
        "volume, its components) is unknown, and decides nothing."
    )
    return Setting(True, reason, only="train")


def annotated_plane(known: Known) -> Decision | None:
    """The plane in which slices were annotated one by one; ``None`` where the labels do not tell.

    Across it labelled slices stand alone or in short runs, across the other axes they are neighbours.
    """
    found = [case for case in known.cases if case.runs]
    if not known.fingerprint.annotated_slices_only or not found or known.options.planes:
        return None
    lengths = [median(_run_length(case, axis) for case in found) for axis in range(3)]
    shortest, second, _ = sorted(range(3), key=lambda axis: lengths[axis])
    if lengths[second] < APART * lengths[shortest]:
        return None
    reason = (
        f"Slices were annotated in this plane: across it {numbers([lengths[shortest]])} neighbouring ones have labels, "
        f"across the other axes at least {numbers([lengths[second]])}."
    )
    return Decision([BY_STACK[shortest]], reason)


def _run_length(case: CaseFingerprint, axis: int) -> float:
    return case.known_slices[axis] / case.runs[axis] if case.runs[axis] else float(case.shape[axis])


def kinds_of_cases(known: Known) -> Setting | None:
    """For each kind of case in which only some classes were annotated the numbers of these, and their mirror images."""
    names = list(known.fingerprint.class_names)
    partly = [case for case in known.cases if case.labelled]
    if not partly:
        return None
    kinds = {tuple(sorted(names.index(name) + 1 for name in case.labelled)) for case in partly}
    if "sides" in known.decided:
        kinds |= {_mirrored(kind, known["sides"]) for kind in kinds}
    counts = ", ".join(
        f"{name} in {sum(not case.labelled or name in case.labelled for case in known.cases)}" for name in names
    )
    reason = (
        f"The list of the data set says so of {len(partly)} of {counted(len(known.cases), 'case')} "
        f"(annotated: {counts}). Where a "
        "class was not annotated, a voxel without a label may be of it or be background: the loss is that of either "
        "(marginal loss), and a case is measured in its own classes alone."
    )
    return Setting([list(kind) for kind in sorted(kinds)], reason, only="train")


def _mirrored(kind: tuple[int, ...], pairs: list[list[int]]) -> tuple[int, ...]:
    other = {number: partner for pair in pairs for number, partner in (tuple(pair), tuple(reversed(pair)))}
    return tuple(sorted(other.get(number, number) for number in kind))


def mirrored_kinds(known: Known) -> list[list[int]]:
    """Numbers in a prepared label that change places when a patient is mirrored, beside those of classes."""
    if "labelled" not in known.decided or "sides" not in known.decided:
        return []
    kinds = [tuple(kind) for kind in known["labelled"]]
    first = len(known.fingerprint.class_names) + 2
    partners = [kinds.index(_mirrored(kind, known["sides"])) for kind in kinds]
    return [[first + one, first + other] for one, other in enumerate(partners) if one < other]


RULES = {
    "ignore": value_of_unannotated_voxels,
    "annotated_slices_only": slices_without_a_class_are_unknown,
    "labelled": kinds_of_cases,
}
