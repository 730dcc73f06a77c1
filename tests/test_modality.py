from __future__ import annotations

import pytest

from monai_mobileunet.modality import check_modality, modality_of_names


@pytest.mark.parametrize(
    ("given", "meant"), [("MRI", "MR"), ("pet", "PT"), ("Cr", None), (" mr ", None), ("XX", ""), ("ULTRASOUND", "US")]
)
def test_a_modality_is_one_of_dicom_s_codes(given: str, meant: str | None):
    if meant is None:
        assert check_modality(given) == given.strip().upper()
        return
    with pytest.raises(ValueError, match=f"is no modality of DICOM.*{meant and f'Did you mean {meant}?'}"):
        check_modality(given)


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("MRI",), "MR"),
        (("FLAIR", "T1w", "t1gd", "T2w"), "MR"),
        (("T2-weighted image", "ADC"), "MR"),
        (("CT",), "CT"),
        (("ct_native",), "CT"),
        (("PET", "pt"), "PT"),
        (("US",), "US"),
        (("X-ray of the hand",), "DX"),
        (("CT", "PET"), ""),
        (("noNorm", "show us"), ""),
        ((), ""),
    ],
)
def test_names_of_channels_tell_the_modality(names: tuple[str, ...], code: str):
    assert modality_of_names(names) == code
