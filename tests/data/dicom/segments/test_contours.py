"""Masks to contours and back in a plane: pixel by pixel, for every reader of polygons."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from scipy.ndimage import gaussian_filter, label

from monai_mobileunet.data.dicom.segments.contours import contours_of
from monai_mobileunet.data.dicom.segments.filling import filled

FIGURES = {
    "a single pixel": ("#", 1),
    "one at each border": ("#..#\n....\n#..#", 4),
    "all": ("###\n###", 1),
    "two that touch with a corner": ("#.\n.#", 2),
    "two that touch with the other corner": (".#\n#.", 2),
    "two components": ("##..\n##.#\n...#", 2),
    "a hole": ("###\n#.#\n###", 1),
    "a hole with an island": ("#####\n#...#\n#.#.#\n#...#\n#####", 2),
    "a hole in an island in a hole": (
        "#######\n#.....#\n#.###.#\n#.#.#.#\n#.###.#\n#.....#\n#######",
        2,
    ),
    "holes in a row": ("########\n#.#.##.#\n########\n##.#####\n########", 1),
    "holes above one another": ("####\n#.##\n####\n##.#\n#.##\n####", 1),
    "holes that touch with a corner": ("#####\n#.###\n##.##\n#####", 1),
    "a hole that touches the outside with a corner": (".####\n#.###\n#####", 1),
    "a hole right of a hole": ("#######\n##...##\n##...##\n##.#.##\n##...##\n#######", 2),
}


def drawn(picture: str) -> np.ndarray:
    return np.array([[sign == "#" for sign in row] for row in picture.split("\n")]).T


def signed_area(points: np.ndarray) -> float:
    x, y = points.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def fill(polygons, shape, exclusive: bool = False) -> np.ndarray:
    result = np.zeros(shape, bool)
    found = filled(polygons, shape, exclusive)
    result[found.box] = found.inside
    return result


def check(mask: np.ndarray) -> list[np.ndarray]:
    polygons = contours_of(mask)
    assert np.array_equal(fill(polygons, mask.shape), mask)
    assert np.array_equal(fill(polygons, mask.shape, exclusive=True), mask)
    assert np.array_equal(np.any([fill([one], mask.shape) for one in polygons], axis=0), mask)
    assert sum(map(signed_area, polygons)) == mask.sum()  # all the same way round and each hole the other
    return polygons


@pytest.mark.parametrize("name", FIGURES)
def test_pixels_come_back_whether_polygons_are_united_or_taken_exclusively(name: str):
    picture, count = FIGURES[name]
    for mask in (drawn(picture), drawn(picture).T, drawn(picture)[::-1], drawn(picture)[:, ::-1]):
        polygons = check(mask)
        assert len(polygons) == count
        for one in polygons:
            assert not (one[0] == one[-1]).all()
            assert (np.abs(np.diff(one, axis=0)).min(axis=1) == 0).all()


def test_any_mask_comes_back():
    random = np.random.RandomState(0)
    for share in (0.2, 0.5, 0.8, 0.95):
        for _ in range(40):
            mask = random.rand(*random.randint(1, 14, 2)) < share
            assert len(check(mask) if mask.any() else []) == label(mask)[1]
    smooth = gaussian_filter(random.rand(60, 80), 3)
    mask = smooth > np.median(smooth)
    polygons = check(mask)
    pixels = np.argwhere(mask >= 0)
    independent = np.any([Outline(one).contains_points(pixels) for one in polygons], axis=0)
    assert np.array_equal(independent, mask.ravel())


def test_nothing_has_no_contour():
    assert contours_of(np.zeros((3, 4), bool)) == []


SQUARE = np.array([[1, 1], [7, 1], [7, 7], [1, 7]]) + 0.25
INNER = np.array([[3, 3], [5, 3], [5, 5], [3, 5]]) + 0.25
MIDDLE = np.array([[3.6, 3.6], [4.4, 3.6], [4.4, 4.4], [3.6, 4.4]])
BESIDE = SQUARE + 4
KEYHOLE = np.concatenate([SQUARE, SQUARE[:1], INNER[:1], INNER[:0:-1], INNER[:1], SQUARE[:1]])


@pytest.mark.parametrize(
    ("polygons", "exclusive", "count", "overlapping"),
    [
        ([SQUARE], False, 36, 0),
        ([SQUARE[::-1]], False, 36, 0),
        ([SQUARE, INNER], False, 32, 0),
        ([INNER, SQUARE[::-1]], False, 32, 0),
        ([SQUARE, INNER], True, 32, 0),
        ([KEYHOLE], False, 32, 0),
        ([KEYHOLE, MIDDLE], False, 33, 0),
        ([SQUARE, MIDDLE, INNER], False, 33, 0),
        ([SQUARE, SQUARE.copy()], False, 36, 0),
        ([SQUARE, SQUARE.copy()], True, 0, 0),
        ([SQUARE, BESIDE], False, 72 - 4, 1),
        ([SQUARE, BESIDE], True, 72 - 8, 0),
        ([SQUARE - 100], False, 0, 0),
        ([SQUARE - 3], False, 25, 0),
        ([np.array([[2.1, 2.1], [2.4, 2.1], [2.4, 2.4]])], False, 0, 0),
        ([np.array([[2.0, 2.0], [4.0, 2.0], [4.0, 4.0], [2.0, 4.0]])], False, 9, 0),
        ([np.array([[2, 2], [6, 2], [6, 6], [2, 6]]), np.array([[3, 3], [5, 3], [5, 5], [3, 5]])], False, 24, 0),
        ([np.array([[2, 2], [4, 4], [2, 4]])], False, 6, 0),
    ],
    ids=str,
)
def test_what_several_polygons_of_a_structure_mean(polygons, exclusive: bool, count: int, overlapping: int):
    given = [np.asarray(one, float) for one in polygons]
    mask = fill(given, (12, 12), exclusive)
    assert mask.sum() == count
    assert filled(given, (12, 12), exclusive).overlapping == overlapping
