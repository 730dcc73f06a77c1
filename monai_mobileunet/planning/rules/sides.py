"""Rules for left and right: classes that a mirrored patient exchanges, and whether to mirror at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from statistics import median

from monai_mobileunet.data.datasets.regions import WITHOUT
from monai_mobileunet.planning.plan import Decision, Setting
from monai_mobileunet.planning.rules.known import Known, numbers
from monai_mobileunet.wording import counted

__all__ = ["RULES", "named_side", "on_the_wrong_side", "side_pairs"]

WORDS = {"left": "left", "l": "left", "lt": "left", "lh": "left", "right": "right", "r": "right", "rt": "right"}
WORDS["rh"] = "right"

UNLIKE = re.compile(r"(?<!lateral )(?<!cerebral )\b(ventric|atri|auric|coronar|heart|myocard)", re.IGNORECASE)
"""Organs named after a side that no mirrored patient exchanges: the chambers of the heart differ by more than side."""

CONSTANT = 0.95
"""Share of the cases in which a class lies on its side."""

MIDLINE = 0.03
"""Share of the image's width within which nothing has a side."""


def named_side(name: str) -> tuple[str, str] | None:
    """The side that a name tells, and the rest of the name: ``("left", "kidney")`` of ``kidney_L``; or ``None``.

    A side in what a class is without tells nothing of the class: ``lungs without left lung`` has none.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.partition(WITHOUT)[0])
    words = [word for word in re.split(r"[^A-Za-z0-9]+", spaced) if word]
    found = [number for number, word in enumerate(words) if word.casefold() in WORDS]
    if len(found) != 1 or len(words) < 2 or UNLIKE.search(" ".join(words)):
        return None
    side = WORDS[words[found[0]].casefold()]
    return side, " ".join(words[: found[0]] + words[found[0] + 1 :]).casefold()


def side_pairs(known: Known) -> list[tuple[int, int]]:
    """Numbers of the classes that a mirrored patient exchanges, by their names, or else by where they lie."""
    names = list(known.fingerprint.class_names)
    sides = {name: named_side(name) for name in names}
    pairs = [
        (one, other)
        for one, other in combinations(names, 2)
        if sides[one] and sides[other] and sides[one][0] != sides[other][0] and sides[one][1] == sides[other][1]  # type: ignore[index]
    ]
    named = {name for pair in pairs for name in pair}
    rest = [name for name in names if name not in named and not sides[name] and not UNLIKE.search(name)]
    mirrored = [pair for pair in combinations(rest, 2) if _mirror_images(known, *pair)]
    taken: set[str] = set()
    for pair in mirrored:
        if not taken & set(pair):
            pairs.append(pair)
            taken |= set(pair)
    return [(names.index(one) + 1, names.index(other) + 1) for one, other in pairs]


def _mirror_images(known: Known, one: str, other: str) -> bool:
    """Whether two classes lie on opposite sides, as far from the middle and as large as each other."""
    found = [(case.classes[one], case.classes[other]) for case in known.cases if {one, other} <= case.classes.keys()]
    if len(found) < 5 or len(found) < 0.5 * len(known.cases):
        return False
    apart = [
        (a.side - 0.5) * (b.side - 0.5) < 0 and (a.side < b.side) == (found[0][0].side < found[0][1].side)
        for a, b in found
    ]
    places = [median(pair[number].side for pair in found) for number in (0, 1)]
    ratios = [median(a.volume_ml / b.volume_ml for a, b in found)]
    ratios += [median(a.extent_mm[axis] / b.extent_mm[axis] for a, b in found) for axis in range(3)]
    near = abs(places[0] + places[1] - 1) < 0.06 and abs(places[0] - places[1]) > 4 * MIDLINE
    return sum(apart) >= CONSTANT * len(found) and near and all(0.77 < ratio < 1.3 for ratio in ratios)


def _alone(known: Known) -> list[str]:
    """Classes whose name has a side, but that have no partner."""
    names = known.fingerprint.class_names
    paired = {number for pair in side_pairs(known) for number in pair}
    return [name for number, name in enumerate(names, 1) if named_side(name) and number not in paired]


def on_the_wrong_side(known: Known) -> Iterator[str]:
    """Cases in which what is called left lies to the right of what is called right."""
    names = known.fingerprint.class_names
    for one, other in side_pairs(known):
        pair = {(named_side(name) or ("", ""))[0]: name for name in (names[one - 1], names[other - 1])}
        if set(pair) != {"left", "right"}:
            continue
        left, right = pair["left"], pair["right"]
        both = [case for case in known.cases if {left, right} <= case.classes.keys()]
        swapped = [case.name for case in both if case.classes[left].side > case.classes[right].side]
        if swapped:
            yield (
                f"{left} lies to the right of {right} in {len(swapped)} of {counted(len(both), 'case')} "
                f"({', '.join(swapped[:5])}{', …' if swapped[5:] else ''}): the labels are exchanged there, or the "
                "header has left and right the wrong way round."
            )


def pairs_by_name_and_place(known: Known) -> Setting | None:
    """Classes to exchange when a patient is mirrored."""
    pairs = side_pairs(known)
    if not pairs:
        return None
    names = known.fingerprint.class_names
    mirrored = []
    for one, other in pairs:
        places = [
            median(c.side for _, c in known.of_class(names[n - 1]))
            for n in (one, other)
            if known.of_class(names[n - 1])
        ]
        how = "by name" if named_side(names[one - 1]) else "by place"
        mirrored.append(
            f"{names[one - 1]} and {names[other - 1]} ({how}; centres at {numbers(places, ' and ')} of the width)"
        )
    return Setting(
        [list(pair) for pair in pairs],
        f"{'; '.join(mirrored)} are mirror images: they change places when a patient is mirrored.",
        train=f"${[list(pair) for pair in pairs]} if list(@class_names) == {list(names)} else []",
        only="train",
    )


def mirrored_where_nothing_has_a_side(known: Known) -> Decision:
    """Axes of mirrored passes in prediction."""
    if "sides" in known.decided and known["sides"]:
        return Decision([], "Left and right are classes: a mirrored pass would mix them.")
    if alone := _alone(known):
        return Decision([], f"{', '.join(alone)} {'has' if len(alone) == 1 else 'have'} a side and no partner.")
    return Decision([0], "No class has a side: a second, mirrored pass gives 0.003 (hippocampus) at twice the cost.")


def axes_for_augmented_passes(known: Known) -> Decision:
    """Axes that ``mobileunet segment --tta`` may mirror."""
    axes = known["mirror_axes"]
    words = "Along left-right no class has a side." if axes else "There is no axis along which no class has a side."
    return Decision(list(axes), words)


RULES = {
    "sides": pairs_by_name_and_place,
    "mirror_axes": mirrored_where_nothing_has_a_side,
    "tta_axes": axes_for_augmented_passes,
}
