from __future__ import annotations

from typing import Any

import pytest
import torch
from monai.data import Dataset
from monai.transforms import Compose, RandScaleIntensityd, Transform

from monai_mobileunet.data import CachedCases, DataError, Finding
from monai_mobileunet.data.loading.caching import prepared_case

CASES = [{"image": f"/data/{name}.nii.gz", "label": "l"} for name in ("one", "two", "three")]


class Fill(Transform):
    """Gives a case an image, but not those that are broken."""

    def __init__(self, broken: dict[str, Exception]) -> None:
        self.broken = broken

    def __call__(self, case: dict[str, Any]) -> dict[str, Any]:
        name = case["image"].split("/")[-1].split(".")[0]
        if name in self.broken:
            raise self.broken[name]
        return {**case, "image": torch.full((1, 2, 2, 2), float(len(name)))}


def cached(broken: dict[str, Exception], **kwargs: Any) -> CachedCases:
    return CachedCases(CASES, Compose([Fill(broken)]), progress=False, num_workers=2, **kwargs)


def test_what_can_be_prepared_is_kept():
    assert [float(item["image"].mean()) for item in cached({})] == [3, 3, 5]


def test_progress_is_for_terminals(capfd: pytest.CaptureFixture[str]):
    CachedCases(CASES, Compose([Fill({})]))
    assert capfd.readouterr() == ("", "")


def test_all_cases_at_fault_are_named_in_their_order():
    broken = {
        "three": DataError([Finding("/data/three.nii.gz", "is broken.", "Restore it.")]),
        "one": IndexError("amax()"),
    }
    with pytest.raises(DataError) as raised:
        cached(broken)
    first, second = raised.value.findings
    assert (first.path, second.path) == ("/data/one.nii.gz", "/data/three.nii.gz")
    assert "IndexError: amax()" in first.problem
    assert second.problem == "is broken."


def test_in_a_config_the_program_ends_with_the_message_alone():
    with pytest.raises(SystemExit, match=r"^error: /data/two\.nii\.gz: cannot be prepared"):
        cached({"two": IndexError("amax()")}, exit_on_error=True)


def test_transforms_that_fail_for_every_case_are_no_fault_of_the_data():
    with pytest.raises(RuntimeError, match="applying transform"):
        cached({name: KeyError("labell") for name in ("one", "two", "three")}, exit_on_error=True)


@pytest.mark.parametrize("kind", [CachedCases, Dataset])
def test_a_prepared_case_has_seen_no_random_transform(kind: type):
    transform = Compose([Fill({}), RandScaleIntensityd("image", factors=(5, 6), prob=1.0)])
    dataset = kind(CASES, transform)
    assert float(prepared_case(dataset, 2)["image"].mean()) == 5
    assert float(dataset[2]["image"].mean()) > 25
