"""MONAI Label with our bundle over DICOMweb: a real Orthanc with made series, from the first mask to a training."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
import SimpleITK as sitk
from conftest import HIPPOCAMPUS, VolumeFor, stored
from test_label_server import Client, Proxy, free_port, label_environment, served, wait_for

from monai_mobileunet.labelling.scores import Scores
from tests.data.dicom.test_series import MR, series

pytestmark = pytest.mark.slow

ORTHANC, PLUGIN = shutil.which("Orthanc"), Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
GOOD, BROKEN = ("1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"), "1.2.3.4.9"


@dataclass
class Orthanc:
    """A DICOM server.

    Attributes:
        url: of its own interface; its DICOMweb service is below.
    """

    url: str

    @property
    def dicomweb(self) -> str:
        return f"{self.url}/dicom-web"

    def send(self, folder: Path) -> None:
        for path in sorted(folder.iterdir()):
            assert requests.post(f"{self.url}/instances", data=path.read_bytes(), timeout=60).ok

    def instances(self, modality: str) -> list[pydicom.Dataset]:
        query = {"Level": "Instance", "Query": {"Modality": modality}}
        found = requests.post(f"{self.url}/tools/find", json=query, timeout=60).json()
        files = [requests.get(f"{self.url}/instances/{name}/file", timeout=60).content for name in found]
        return [pydicom.dcmread(pydicom.filebase.DicomBytesIO(file)) for file in files]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    if ORTHANC is None or not PLUGIN.is_file():
        pytest.skip("This test needs Orthanc with its DICOMweb plugin: apt-get install orthanc orthanc-dicomweb")
    folder, port = tmp_path_factory.mktemp("orthanc"), free_port()
    settings = {"HttpPort": port, "DicomServerEnabled": False, "AuthenticationEnabled": False}
    settings |= {"RemoteAccessAllowed": False, "StorageDirectory": "db", "IndexDirectory": "db"}
    settings |= {"Plugins": [str(PLUGIN)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}}
    (folder / "orthanc.json").write_text(json.dumps(settings))
    log = folder / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen([ORTHANC, "orthanc.json"], cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: "Orthanc has started" in log.read_text(), process, log)
            yield Orthanc(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def studies(orthanc: Orthanc, volume_for: VolumeFor, tmp_path_factory: pytest.TempPathFactory) -> Orthanc:
    """Three series in as many orientations, and one whose files have no voxels."""
    for uid, axes in zip((*GOOD, BROKEN), ("LPS", "PIR", "LSA", "LPS"), strict=True):
        image, folder = stored(volume_for(HIPPOCAMPUS.name), axes), tmp_path_factory.mktemp("series")
        values = np.asarray(image.dataobj).round().clip(0, 4000).astype(np.int16)
        found = {"PatientID": uid, "PatientName": f"Patient^{uid}", "StudyInstanceUID": f"{uid}.5", "StudyID": "1"}
        found |= {"SeriesInstanceUID": uid, "FrameOfReferenceUID": f"{uid}.6", "SeriesNumber": 1}
        found |= {"StudyDate": "20240102", "StudyTime": "101112", "AccessionNumber": "", "PatientBirthDate": ""}
        found |= {"PatientSex": "", "ReferringPhysicianName": "", "SliceThickness": 1, "Manufacturer": "none"}
        each = [{"SOPInstanceUID": f"{uid}.7.{index + 1}"} for index in range(values.shape[2])]
        if uid == BROKEN:
            found |= {"PixelData": None}
        affine = np.diag([-1, -1, 1, 1]) @ image.affine
        series(folder, values, each, kind=MR, affine=affine, **found)
        orthanc.send(folder)
    return orthanc


@pytest.fixture(scope="module")
def client(studies: Orthanc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server that trains a copy and cannot reach any network."""
    folder, proxy = tmp_path_factory.mktemp("label"), Proxy()
    proxy.start()
    cache = {"MONAI_LABEL_DICOMWEB_CACHE_PATH": str(folder / "cache")}
    options = "--copy", "--no-scoring"
    with served(label_environment(), proxy, HIPPOCAMPUS, studies.dicomweb, folder, *options, **cache) as (found, _):
        yield found
    assert proxy.asked == []


def folder_of(client: Client) -> Path:
    return client.log.parents[2]


def score(client: Client, **params: int) -> dict[str, dict]:
    answer = client.session.post(f"{client.url}/scoring/uncertain", json=params)
    assert answer.ok, answer.text
    assert client.finish("scoring")["status"] == "DONE", client.log.read_text()[-3000:]
    return Scores(folder_of(client) / "app" / "scores" / f"{client.model}.json").read()


def test_scoring_fetches_what_it_chose_and_goes_on_where_a_series_cannot_be_read(client: Client):
    assert client.get("info/")["datastore"]["total"] == 4
    first = score(client, max_samples=2)
    fetched = {path.name for path in folder_of(client).glob("cache/*/*") if path.is_dir() and path.name != "labels"}
    assert len(first) == 2
    assert fetched == set(first)
    scores = score(client)
    assert {image for image, found in scores.items() if found.problem} == {BROKEN}
    assert all(0 < scores[image].value < 1 for image in GOOD)
    sample = client.session.post(f"{client.url}/activelearning/uncertain", json={}).json()
    assert sample["id"] == max(GOOD, key=lambda image: scores[image].value)


def test_a_mask_that_is_saved_is_a_seg_of_the_server_with_the_same_voxels(
    client: Client, studies: Orthanc, tmp_path: Path
):
    converter = shutil.which("segimage2itkimage", path=str(label_environment().python.parent))
    assert converter is not None, "dcmqi is in the server's environment"
    for count, image in enumerate(GOOD, 1):
        mask = client.infer(image, tmp_path)
        client.save_label(image, tmp_path / f"{image}.nii.gz")
        assert client.get("info/")["datastore"]["completed"] == count
        (seg,) = [one for one in studies.instances("SEG") if one.StudyInstanceUID == f"{image}.5"]
        assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == image
        assert [segment.SegmentLabel for segment in seg.SegmentSequence] == ["anterior", "posterior"]
        seg.save_as(tmp_path / "seg.dcm")
        command = [converter, "--inputDICOM", "seg.dcm", "--outputDirectory", ".", "--prefix", image, "-t", "nifti"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        expected = sitk.ReadImage(str(tmp_path / f"{image}.nii.gz"))
        for number in (1, 2):
            found = sitk.ReadImage(str(tmp_path / f"{image}-{number}.nii.gz"), sitk.sitkUInt8)
            found = sitk.Resample(found, expected, sitk.Transform(), sitk.sitkNearestNeighbor)
            voxels = sitk.GetArrayFromImage(found) != 0
            assert voxels.any()
            assert np.array_equal(voxels, sitk.GetArrayFromImage(expected) == number)
        assert np.asarray(mask.dataobj).any()


def test_the_model_is_trained_on_what_was_saved(client: Client):
    """The tests before this one saved what it trains on."""
    weights = folder_of(client) / "app" / "model" / client.model / "models" / "model.pt"
    before = weights.read_bytes()
    assert client.train() == 1
    assert weights.read_bytes() != before


def test_ohif_s_panel_asks_the_server_that_its_page_came_from(client: Client):
    answer = client.session.get(f"{client.url}/ohif/")
    assert answer.cookies["MONAILABEL_SERVER_URL"] == f"{client.url}/"
    assert "set-cookie" not in client.session.get(f"{client.url}/ohif/app-config.js").headers
