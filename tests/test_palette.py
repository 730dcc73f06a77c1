from __future__ import annotations

import numpy as np

from monai_mobileunet.palette import COLOURS, as_hex, colour_of, colours_of, distances


def nearest(count: int) -> tuple[float, float]:
    """The smallest distance among the first colours, as all people see them, and as those without red or green."""
    colours = np.array(colours_of(count))
    apart = [np.where(np.eye(count, dtype=bool), np.inf, seen) for seen in distances(colours, colours)]
    return apart[0].min(), apart[1].min()


def test_ten_colours_are_apart_for_those_who_lack_red_or_green_too():
    seen, deficient = nearest(10)
    assert seen > 45
    assert deficient > 20  # 2.3 is a just noticeable difference
    greys = np.repeat(np.arange(0, 256, 15)[:, None], 3, axis=1)
    assert distances(np.array(COLOURS), greys)[0].min() > 30, "on grey images"


def test_as_many_classes_as_whole_bodies_have_have_a_colour_each():
    assert len(set(colours_of(117))) == 117
    assert nearest(117)[0] > 8
    assert colours_of(117)[:40] == colours_of(40), "a class keeps its colour whatever others there are"
    assert colour_of(70_000) in colours_of(512), "there is one for any number"


def test_a_bundles_own_colours_hold():
    assert colours_of(3, {2: (1, 2, 3)}) == (COLOURS[0], (1, 2, 3), COLOURS[2])
    assert as_hex((255, 0, 10)) == "#ff000a"
