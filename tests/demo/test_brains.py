from __future__ import annotations

import builtins
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_mobileunet.data import check_cases, find_cases
from monai_mobileunet.demo.brains import CLASS_NAMES, make_cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    pytest.importorskip("nilearn", reason="the extra 'demo' is not installed")
    folder = tmp_path_factory.mktemp("cohort")
    make_cohort(folder, 2)
    return folder


def test_it_is_a_sound_data_set_with_all_tissues(cohort: Path):
    cases = find_cases(cohort)
    assert len(cases) == 2
    assert check_cases(cases, num_classes=len(CLASS_NAMES) + 1, progress=False) == []
    for case in cases:
        counts = np.bincount(np.asarray(nibabel.load(case["label"]).dataobj).ravel(), minlength=4)
        assert (counts > 5000).all(), f"every class is there: {counts}"


def test_its_volumes_differ_in_shape_of_the_brain_and_in_contrast(cohort: Path):
    images, labels = zip(
        *(
            (nibabel.load(c["image"]).get_fdata(), np.asarray(nibabel.load(c["label"]).dataobj))
            for c in find_cases(cohort)
        )
    )
    overlap = 2 * np.sum((labels[0] == 3) & (labels[1] == 3)) / np.sum([label == 3 for label in labels])
    assert 0.2 < overlap < 0.9, "white matter moves, but stays a brain's"
    ratios = [image[label == 3].mean() / image[label == 2].mean() for image, label in zip(images, labels)]
    assert abs(ratios[0] - ratios[1]) > 0.01
    assert images[0].max() != pytest.approx(images[1].max(), rel=0.05)


def test_it_says_that_it_is_a_template(cohort: Path):
    assert "Not a cohort of people" in json.loads((cohort / "dataset.json").read_text())["description"]


def test_without_nilearn_the_error_names_the_extra(tmp_path: Path, monkeypatch):
    real_import = builtins.__import__

    def no_nilearn(name, *args, **kwargs):
        if name.split(".")[0] == "nilearn":
            raise ModuleNotFoundError("No module named 'nilearn'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_nilearn)
    with pytest.raises(ModuleNotFoundError, match=r"monai_mobileunet\[demo\]"):
        make_cohort(tmp_path, 1)
