"""Folds in which each class is trained on and validated on, as far as its subjects go."""

from __future__ import annotations

import random
from collections.abc import Collection, Hashable, Mapping, Sequence
from fractions import Fraction

__all__ = ["stratified_folds"]


def stratified_folds(
    subjects: Sequence[Hashable], classes: Mapping[str, Collection[Hashable]], folds: int, seed: int = 0
) -> list[set[Hashable]]:
    """Deal subjects into folds that are alike in size, and in how many of their subjects have each class.

    The iterative stratification of Sechidis, Tsoumakas and Vlahavas ("On the stratification of multi-label data", ECML
    PKDD 2011): the class that the fewest of the remaining subjects have is dealt first, each of its subjects to the
    fold that lacks most of it, among these to the one with most room. A class of two subjects is so in two folds:
    whichever of them validates, the other one is trained on. That of a single subject goes to a fold behind the first,
    to the last one if it can: fold 0, which is trained by default, trains on it. Only where each subject alone has some
    class does one of them validate in fold 0, which has to validate something.

    Args:
        subjects: one entry for each case; of a subject with several cases the fold takes all.
        classes: subjects that have it, by class; classes that all have need not be there.
        folds: how many.
        seed: of the order in which subjects come.

    Returns:
        The subjects that validate, for each fold.
    """
    sizes: dict[Hashable, int] = {}
    for subject in subjects:
        sizes[subject] = sizes.get(subject, 0) + 1
    waiting = list(sizes)
    random.Random(seed).shuffle(waiting)
    room = [Fraction(len(subjects), folds)] * folds
    lacking = {name: [Fraction(len(set(having) & sizes.keys()), folds)] * folds for name, having in classes.items()}
    single = {name for name, having in classes.items() if len(set(having) & sizes.keys()) == 1}
    alone = {subject for name in single for subject in sizes if subject in classes[name]}
    behind = range(folds - 1, 0 if folds > 1 and len(alone) < len(sizes) else -1, -1)
    dealt: list[set[Hashable]] = [set() for _ in range(folds)]
    while waiting:
        left = {name: [one for one in waiting if one in having] for name, having in classes.items()}
        rarest = min((name for name in left if left[name]), key=lambda name: (len(left[name]), name), default=None)
        for subject in tuple(waiting) if rarest is None else left[rarest]:
            order = behind if rarest in single else range(folds)
            wanted = room if rarest is None else lacking[rarest]
            # a fold without a subject would validate nothing
            fold = max(order, key=lambda number: (wanted[number], not dealt[number], room[number]))
            dealt[fold].add(subject)
            waiting.remove(subject)
            room[fold] -= sizes[subject]
            for name in classes:
                if subject in classes[name]:
                    lacking[name][fold] -= 1
    return dealt
