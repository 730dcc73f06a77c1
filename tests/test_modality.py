from __future__ import annotations

import pytest

from monai_mobileunet.modality import check_modality


@pytest.mark.parametrize(
    ("given", "meant"), [("MRI", "MR"), ("pet", "PT"), ("Cr", None), (" mr ", None), ("XX", ""), ("ULTRASOUND", "US")]
)
def test_a_modality_is_one_of_dicom_s_codes(given: str, meant: str | None):
    if meant is None:
        assert check_modality(given) == given.strip().upper()
        return
    with pytest.raises(ValueError, match=f"is no modality of DICOM.*{meant and f'Did you mean {meant}?'}"):
        check_modality(given)
