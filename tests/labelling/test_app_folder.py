from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from monai_mobileunet.labelling import prepare_app
from monai_mobileunet.labelling.studies import check_studies


def test_a_bundle_is_linked_and_the_app_can_be_found(tmp_path: Path, trained: Path):
    (place,) = prepare_app(tmp_path / "app", [trained])
    assert place.is_symlink()
    assert place.resolve() == trained
    assert "MobileUNetApp" in (tmp_path / "app" / "main.py").read_text()
    assert prepare_app(tmp_path / "app", [trained]) == [place], "the same again does no harm"


def test_links_of_an_earlier_start_are_taken_out(tmp_path: Path, trained: Path):
    other = Path(shutil.copytree(trained, tmp_path / "other_segmentation"))
    prepare_app(tmp_path / "app", [trained, other])
    prepare_app(tmp_path / "app", [other])
    assert [path.name for path in (tmp_path / "app" / "model").iterdir()] == [other.name]
    assert (trained / "models" / "model.pt").is_file()


def test_a_copy_keeps_what_it_was_taught(tmp_path: Path, trained: Path):
    (place,) = prepare_app(tmp_path / "app", [trained], copy=True)
    assert not place.is_symlink()
    (place / "models" / "model.pt").write_bytes(b"taught")
    prepare_app(tmp_path / "app", [trained], copy=True)
    assert (place / "models" / "model.pt").read_bytes() == b"taught"
    assert (trained / "models" / "model.pt").read_bytes() != b"taught"
    with pytest.raises(FileExistsError, match="--copy"):
        prepare_app(tmp_path / "app", [trained])


def test_a_copy_of_another_bundle_is_not_served_in_its_place(tmp_path: Path, trained: Path):
    other = Path(shutil.copytree(trained, tmp_path / "other" / trained.name))
    prepare_app(tmp_path / "app", [trained], copy=True)
    with pytest.raises(FileExistsError, match=r"is a copy of .*, not of .*--app"):
        prepare_app(tmp_path / "app", [other], copy=True)


def test_an_app_in_its_own_bundle_is_refused(trained: Path):
    with pytest.raises(ValueError, match="lies in the bundle"):
        prepare_app(trained / "label_app", [trained], copy=True)
    assert not (trained / "label_app").exists()


def test_a_bundle_without_weights_is_refused(tmp_path: Path, bundle_copy: Path):
    with pytest.raises(FileNotFoundError, match=r"models/model\.pt"):
        prepare_app(tmp_path / "app", [bundle_copy])


def test_names_that_monai_label_would_take_wrongly_are_refused(tmp_path: Path, trained: Path):
    boxes = Path(shutil.copytree(trained, tmp_path / "lung_detection"))
    with pytest.raises(ValueError, match="detection"):
        prepare_app(tmp_path / "app", [boxes])
    twin = Path(shutil.copytree(trained, tmp_path / "twin" / trained.name))
    with pytest.raises(ValueError, match="two bundles"):
        prepare_app(tmp_path / "app", [trained, twin])


def test_another_app_is_not_overwritten(tmp_path: Path, trained: Path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("mine = True\n")
    with pytest.raises(FileExistsError, match="--app"):
        prepare_app(tmp_path / "app", [trained])
    assert (tmp_path / "app" / "main.py").read_text() == "mine = True\n"


def test_studies_are_a_folder_with_images_at_its_top(tmp_path: Path, toy_dataset: Path):
    assert check_studies(str(toy_dataset / "imagesTr")) == str(toy_dataset / "imagesTr")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        check_studies(str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="does not look into its folders, such as imagesTr"):
        check_studies(str(toy_dataset))
    (tmp_path / "twins").mkdir()
    for name in ("case.nii.gz", "case.nrrd"):
        (tmp_path / "twins" / name).touch()
    with pytest.raises(ValueError, match="are one image to MONAI Label: case"):
        check_studies(str(tmp_path / "twins"))
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").touch()
    with pytest.raises(FileNotFoundError, match=r"holds 1 picture such as a\.png.* Save them as \.nii\.gz: python -c"):
        check_studies(str(tmp_path / "pictures"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no image"):
        check_studies(str(tmp_path / "empty"))
