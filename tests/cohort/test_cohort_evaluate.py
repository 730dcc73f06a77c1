from __future__ import annotations

from pathlib import Path

import torch

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.evaluate import segment_dataset


def test_cases_that_fail_are_reported_and_the_others_segmented(bundle_copy: Path, own_dataset: Path, tmp_path: Path):
    opened = Bundle(bundle_copy, device="cpu")
    torch.save(opened.parser.get_parsed_content("network").state_dict(), bundle_copy / "models" / "model.pt")
    images, ended = own_dataset / "imagesTr", list[CaseRecord]()
    (images / "toy_002.nii.gz").write_bytes(b"")
    cases = [{"image": str(path)} for path in sorted(images.iterdir())[:3]]
    records, journal = segment_dataset(opened, cases, tmp_path / "masks", show=ended.append)
    journal.__exit__()
    assert sorted(record.name for record in ended) == ["toy_001", "toy_002", "toy_003"]
    assert [record.done for record in records] == [True, False, True]
    assert "toy_002.nii.gz: is empty (0 bytes)" in records[1].problem
    assert sorted(path.name for path in (tmp_path / "masks").glob("*.nii.gz")) == ["toy_001.nii.gz", "toy_003.nii.gz"]
