from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from conftest import HIPPOCAMPUS, RunBundle, head_and_tail

from monai_mobileunet import Segmenter
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data.reading import read_label
from monai_mobileunet.evaluation import measure_case
from monai_mobileunet.segmentation.uncertainty import Uncertainty, least_confidence

CASES = 40


def probabilities(foreground: float, where: slice = slice(0, 4)) -> torch.Tensor:
    """Two classes: the second has this probability in some slices."""
    second = torch.full((8, 8, 8), 0.01)
    second[where] = foreground
    return torch.stack([1 - second, second])


def test_doubt_is_what_winning_classes_lack():
    assert least_confidence(probabilities(0.9)) == pytest.approx(0.1)
    assert least_confidence(probabilities(0.6)) == pytest.approx(0.4)


def test_doubt_does_not_depend_on_the_size_of_the_structure_or_of_the_box():
    small = probabilities(0.8, slice(0, 1))
    assert least_confidence(small) == pytest.approx(least_confidence(probabilities(0.8, slice(0, 7))))
    assert least_confidence(torch.nn.functional.pad(small, (0, 9, 0, 0, 0, 0), mode="replicate")) == pytest.approx(
        least_confidence(small)
    )


def test_nothing_found_is_the_greatest_doubt():
    assert least_confidence(probabilities(0.2)) == 1.0


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.nii.gz"
    nibabel.save(nibabel.Nifti1Image(head_and_tail(1)[0].astype(np.float32), np.diag([1, -1, 1, 1])), path)
    return path


def test_scores_come_from_dropout_and_can_be_repeated(trained: Path, image: Path):
    score = Uncertainty(trained, samples=2, device="cpu")
    torch.manual_seed(1)
    first = score(image)
    again = score(image)
    torch.manual_seed(1)
    assert 0 < first < 1
    assert again != first, "dropout is on"
    assert score(image) == first


def test_without_dropout_the_same_bundle_segments_as_ever(trained: Path, image: Path):
    before = Segmenter(trained, device="cpu")(image).mask
    Uncertainty(trained, samples=1, device="cpu")(image)
    assert np.array_equal(Segmenter(trained, device="cpu")(image).mask, before)


def test_a_bundle_that_gives_labels_with_dropout_on_is_refused_with_the_remedy(trained: Path, image: Path):
    with pytest.raises(ValueError, match="argmax"):
        Uncertainty(trained, device="cpu", argmax=True, inferer="@slice_inferer")(image)


@pytest.mark.parametrize(("samples", "dropout"), [(0, 0.2), (3, 0.0), (3, 1.0)])
def test_impossible_settings_are_refused(trained: Path, samples: int, dropout: float):
    with pytest.raises(ValueError, match="expected 1 or more, and in"):
        Uncertainty(trained, samples, dropout)


def dice(segmenter: Segmenter, case: dict[str, str]) -> float:
    mask, label = segmenter(case["image"]).mask, read_label(case["label"])
    measured = measure_case(mask.astype(np.uint16), label.values.astype(np.uint16), 3, label.spacing)
    return float(np.mean([result.dice for result in measured]))


def picked(scores: list[float], dices: np.ndarray) -> float:
    """Mean Dice of the quarter with the highest scores."""
    return float(dices[np.argsort(-np.array(scores))[: CASES // 4]].mean())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_cases_that_it_picks_first_are_segmented_worse(
    tmp_path: Path, hippocampus_data: Path, run_bundle: RunBundle, seed: int
):
    """As active learning begins: a network that has seen twelve cases looks at forty others."""
    bundle = Path(shutil.copytree(HIPPOCAMPUS, tmp_path / "bundle", ignore=shutil.ignore_patterns("eval", "*.pt")))
    short = {"train#trainer#max_epochs": 15, "val_interval": 15, "limit": 12, "seed": seed, "device": "cpu"}
    run_bundle(bundle / "configs" / "train.json", run_id="training", dataset_dir=hippocampus_data, **short)
    cases = Bundle(bundle, device="cpu").cases(hippocampus_data, "validation")[:CASES]
    segmenter, score = Segmenter(bundle, device="cpu"), Uncertainty(bundle, device="cpu")
    torch.manual_seed(seed)
    dices = np.array([dice(segmenter, case) for case in cases])
    probabilities = [score.probabilities(case["image"]) for case in cases]
    by_confidence = picked([least_confidence(each) for each in probabilities], dices)
    by_entropy = picked([float(torch.special.entr(each).sum(0).mean()) for each in probabilities], dices)
    print(f"seed {seed}: all {dices.mean():.3f}, by confidence {by_confidence:.3f}, by mean entropy {by_entropy:.3f}")
    assert by_confidence < dices.mean() - 0.01
