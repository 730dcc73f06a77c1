"""Classes in the words of SNOMED CT, and as a bundle's metadata say them."""

from __future__ import annotations

import json

import pytest

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data import DataError
from monai_mobileunet.data.dicom.segments.attributes import SEGMENT_ATTRIBUTES, attributes_of, classes_from
from monai_mobileunet.data.dicom.segments.terms import PRIVATE, segment_classes
from monai_mobileunet.palette import colour_of
from tests.conftest import BUNDLES

TERMS = {
    "liver": ("10200004", "Anatomical", None),
    "left_kidney": ("64033007", "Anatomical", "Left"),
    "Kidney R": ("64033007", "Anatomical", "Right"),
    "kidneys": ("64033007", "Anatomical", None),
    "leftAdrenalGland": ("23451007", "Anatomical", "Left"),
    "right parotid": ("45289007", "Anatomical", "Right"),
    "left atrium": ("82471001", "Anatomical", None),
    "MYO": ("74281007", "Anatomical", None),
    "vertebrae": ("51282000", "Anatomical", None),
    "L1 vertebra": ("66794005", "Anatomical", None),
    "oesophagus": ("32849002", "Anatomical", None),
    "tumour": ("108369006", "Morphologically", None),
    "oedema": ("79654002", "Morphologically", None),
}


@pytest.mark.parametrize("name", TERMS)
def test_names_that_data_sets_use_have_their_own_terms(name: str):
    (one,) = segment_classes([name])
    assert (one.kind.value, one.category.meaning.split()[0], one.side and one.side.meaning) == TERMS[name]
    assert (one.kind.scheme, one.value, one.name, one.colour) == ("SCT", 1, name, colour_of(1))


def test_a_name_without_a_term_means_itself_and_nothing_near_it():
    names = ["anterior", "left lung lower part", "enhancing tumor", "left right kidney", "é" * 80]
    classes = segment_classes(names)
    assert [one.kind.scheme for one in classes] == [PRIVATE] * 5
    assert [one.kind.value for one in classes] == [f"CLASS-{number}" for number in range(1, 6)]
    assert [one.kind.meaning for one in classes] == [*names[:4], "é" * 64]
    assert classes[2].category.meaning.startswith("Morphologically")


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_shipped_bundles_have_terms_for_all_classes(folder):
    bundle = Bundle(folder)
    classes = classes_from(bundle.metadata, bundle.class_names, "metadata.json")
    assert len(classes) == len(bundle.class_names)
    assert {one.kind.scheme for one in classes} == {"SCT"}
    assert len({one.name for one in classes}) == len(classes)


def test_metadata_say_what_classes_are():
    classes = segment_classes(["left kidney", "thing"])
    metadata = json.loads(json.dumps({SEGMENT_ATTRIBUTES: attributes_of(classes)}))
    assert classes_from(metadata, ["left kidney", "thing"], "metadata.json") == classes
    assert classes_from({}, ["left kidney", "thing"], "metadata.json") == classes
    for item in metadata[SEGMENT_ATTRIBUTES]:
        del item["recommendedDisplayRGBValue"]  # which it need not have
    assert classes_from(metadata, ["left kidney", "thing"], "metadata.json") == classes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recommendedDisplayRGBValue": [0, 0, 256]}, "three numbers from 0 to 255"),
        ({"SegmentLabel": "x" * 65}, "SegmentLabel has 65 characters"),
        ({"SegmentedPropertyTypeCodeSequence": {"CodeValue": "1"}}, "has no 'CodingSchemeDesignator'"),
        ({"labelID": 2}, "describes the classes 2; expected 1 to 1"),
        ({"SegmentedPropertyCategoryCodeSequence": None}, "cannot be used"),
    ],
)
def test_what_metadata_say_wrongly_is_refused(change: dict, said: str):
    items = [{**attributes_of(segment_classes(["liver"]))[0], **change}]
    with pytest.raises(DataError, match=r"metadata\.json: segment_attributes") as error:
        classes_from({SEGMENT_ATTRIBUTES: items}, ["liver"], "metadata.json")
    assert said in str(error.value)
