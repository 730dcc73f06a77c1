"""Rules for what a network is trained on."""

from __future__ import annotations

from statistics import fmean

from monai_mobileunet.data.datasets.subjects import find_pattern
from monai_mobileunet.planning.plan import Decision, Setting
from monai_mobileunet.planning.rules.known import Known
from monai_mobileunet.wording import counted

__all__ = ["RULES"]

LOST = 0.002
"""Share of a class's voxels outside of its largest component, on average: as much Dice costs it to keep that alone."""


def subject_by_names(known: Known) -> Decision:
    """What keeps the cases of a subject on one side of a split."""
    subjects = {case.name: case.subject for case in known.cases}
    if known.subjects == len(subjects) and not known.options.subject_pattern:
        return Decision(None, f"{counted(len(subjects), 'case')}, each of a subject of its own as far as names tell.")
    found = (
        f"{counted(len(subjects), 'case')} of {counted(known.subjects, 'subject')}, which stay on one side of a split"
    )
    example = next((f": {name} is of {of}" for name, of in subjects.items() if name != of), "")
    pattern = known.options.subject_pattern or find_pattern(subjects)
    if pattern:
        return Decision(
            {"_target_": "monai_mobileunet.data.subject_by_pattern", "pattern": pattern}, found + example + "."
        )
    table = {name: of for name, of in subjects.items() if name != of}
    return Decision(f"$lambda name: {table!r}.get(name, name)", f"{found}, by a table{example}.")


def cases_left_out(known: Known) -> Setting | None:
    """What the user left out."""
    left_out = known.fingerprint.left_out
    if not left_out:
        return None
    return Setting(list(left_out), "; ".join(f"{name}: {why}" for name, why in left_out.items()), only="train")


def share_by_class(known: Known) -> Setting | None:
    """How many slices are drawn by class rather than anywhere."""
    share, name = known.rarest()
    measured = f"The rarest class, {name}, is in {100 * share:.0f} % of a case's slices"
    whole = known.whole_slices()
    if whole and share >= 0.5:
        return Setting(0.0, f"{measured}, and a window is a whole slice: slices from anywhere.", only="train")
    reason = f"{measured}: two thirds of the slices are drawn by class (head and neck: 0.783 Dice, not 0.777)"
    where = "." if whole else ", each with a window that holds some of that class."
    return Setting(0.67, reason + where, only="train")


def largest_component_of_connected_classes(known: Known) -> Decision:
    """The largest component of classes whose labels have next to nothing beside it."""
    connected: dict[int, str] = {}
    rest = []
    for number, name in enumerate(known.fingerprint.class_names, 1):
        lost = [1 - one.largest_share for case, one in known.of_class(name) if case.whole]
        if lost and fmean(lost) <= LOST:
            connected[number] = name
        else:
            rest.append(f"of {name} it is {100 * fmean(lost):.1f} %" if lost else f"{name} is in no case")
    if known.cases and not any(case.whole for case in known.cases):
        return Decision([], "No case was annotated whole: whether a class is connected is unknown.")
    others = ", ".join(rest)
    if not connected:
        return Decision([], f"Too many voxels lie outside of the largest component: {others}.")
    step = {
        "_target_": "monai_mobileunet.transforms.KeepLargestComponentsd",
        "keys": "pred",
        "applied_labels": list(connected),
    }
    reason = (
        f"At most {100 * LOST:.1f} % of the voxels lie outside of the largest component, on average: "
        f"{', '.join(connected.values())}{f'; {others}' if others else ''}."
    )
    gains = "Dice of the myocardium 0.866, not 0.853 (ACDC); HD95 of the brainstem 8.5 mm, not 11.9 (head and neck)."
    return Decision([step], f"{reason} {gains}")


RULES = {
    "subject_of": subject_by_names,
    "leave_out": cases_left_out,
    "class_share": share_by_class,
    "mask_transforms": largest_component_of_connected_classes,
}
