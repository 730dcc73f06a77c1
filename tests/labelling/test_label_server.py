"""A real MONAI Label server with our bundles, asked as 3D Slicer asks it; and the app that MONAI Label has itself."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import psutil
import pytest
import requests
import SimpleITK as sitk
from conftest import HIPPOCAMPUS, ONE_THREAD, PROJECT, VolumeFor, stored, turned

from monai_mobileunet import Segmenter
from monai_mobileunet.data import read_volume
from monai_mobileunet.labelling import ServerEnvironment
from monai_mobileunet.labelling.scores import Scores

pytestmark = pytest.mark.slow

MODEL = HIPPOCAMPUS.name
NECK = PROJECT / "bundles" / "head_neck_oar_ct_segmentation"
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
ENVIRONMENT = {
    **ONE_THREAD,
    **OFFLINE,  # whoever asks the network for something fails
    "no_proxy": "127.0.0.1",
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "cpu_torchvision"), str(PROJECT)]),
}


@dataclass
class Client:
    """What a viewer does.

    Attributes:
        url: of the server.
        log: file with what it says.
        model: which model is asked.
    """

    url: str
    log: Path
    model: str = MODEL
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False
        self.session.headers["Connection"] = "close"  # after an error the server closes it

    def get(self, path: str) -> Any:
        answer = self.session.get(f"{self.url}/{path}")
        assert answer.ok, answer.text
        return answer.json()

    def infer(self, image: str, folder: Path, model: str | None = None, **files: Any) -> nibabel.Nifti1Image:
        where = f"{self.url}/infer/{model or self.model}?output=image" + (f"&image={image}" if image else "")
        answer = self.session.post(where, data={"params": '{"result_extension": ".nii.gz"}'}, files=files or None)
        assert answer.ok, answer.text + self.log.read_text()[-3000:]
        path = folder / f"{image or 'uploaded'}.nii.gz"
        path.write_bytes(answer.content)
        image = nibabel.load(path)
        return nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine)  # the next answer overwrites the file

    def save_label(self, image: str, label: Path, segments: Sequence[str] = ("anterior", "posterior")) -> None:
        info = [{"name": name, "idx": number} for number, name in enumerate(segments, 1)]
        with label.open("rb") as file:
            answer = self.session.put(
                f"{self.url}/datastore/label?image={image}",
                data={"params": json.dumps({"label_info": info})},
                files={"label": file},
            )
        assert answer.ok, answer.text

    def finish(self, task: str) -> dict[str, Any]:
        """Wait for a training, scoring or batch inference."""
        for _ in range(600):
            status = self.get(f"{task}/")
            if status["status"] not in ("SUBMITTED", "RUNNING"):
                return status
            time.sleep(1)
        raise AssertionError(f"{task} does not end")

    def train(self, **changes: Any) -> int:
        """Send the whole form of the trainer back, as 3D Slicer does; how many epochs were trained."""
        config = self.get("info/")["trainers"][self.model]["config"]
        form = {key: value[0] if isinstance(value, list) else value for key, value in config.items()}
        assert form["run_id"] == ""
        before = self.epochs()
        answer = self.session.post(f"{self.url}/train/{self.model}", json={**form, "max_epochs": 1, **changes})
        assert answer.ok, answer.text
        status = self.finish("train")
        assert status["status"] == "DONE", "\n".join(status["details"])
        return self.epochs() - before

    def epochs(self) -> int:
        return len(re.findall(r"epoch \d+/\d+: loss", self.log.read_text(errors="replace")))


class Proxy(threading.Thread):
    """Where every request to a network would go; it counts them and answers none."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.asked: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            with connection:
                self.asked.append(connection.recv(200))


@pytest.fixture(scope="module")
def proxy() -> Proxy:
    made = Proxy()
    made.start()
    return made


def behind(proxy: Proxy) -> dict[str, str]:
    return dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), proxy.url)


@cache
def label_environment() -> ServerEnvironment:
    """MONAI Label's own environment, made once."""
    made = ServerEnvironment(PROJECT / ".venv-label")
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
            made.check()
    except FileNotFoundError:
        command = [sys.executable, "-m", "monai_mobileunet", "label", "--install", "--environment", str(made.folder)]
        subprocess.run(command, check=True, timeout=1200, env={**os.environ, "PYTHONPATH": ENVIRONMENT["PYTHONPATH"]})
    return made


@pytest.fixture(scope="session")
def environment() -> ServerEnvironment:
    return label_environment()


@pytest.fixture(scope="module")
def brains(tmp_path_factory: pytest.TempPathFactory, volume_for: VolumeFor) -> Path:
    """MRI in the orientations that make trouble."""
    folder = tmp_path_factory.mktemp("brains")
    brain = volume_for(MODEL)
    nibabel.save(stored(brain, "RAS"), folder / "ras.nii.gz")
    nibabel.save(stored(brain, "LPS"), folder / "lps.nii.gz")
    nibabel.save(stored(brain, "PIR"), folder / "permuted.nii.gz")
    nibabel.save(turned(stored(brain, "SLA")), folder / "oblique.nii.gz")
    nibabel.save(stored(brain, "PSR").slicer[:, :, 10:22], folder / "thin.nii.gz")
    for suffix in ("nrrd", "mha"):
        sitk.WriteImage(sitk.ReadImage(str(folder / "lps.nii.gz")), str(folder / f"as_{suffix}.{suffix}"))
    return folder


@pytest.fixture(scope="module")
def necks(tmp_path_factory: pytest.TempPathFactory, volume_for: VolumeFor) -> Path:
    """The same of CT."""
    folder = tmp_path_factory.mktemp("necks")
    neck = volume_for(NECK.name)
    nibabel.save(stored(neck, "LPS"), folder / "lps.nii.gz")
    nibabel.save(turned(stored(neck, "PIR")), folder / "oblique_permuted.nii.gz")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(done: Callable[[], bool], process: subprocess.Popen, log: Path, seconds: int = 300) -> None:
    for _ in range(seconds):
        if done():
            return
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        time.sleep(1)
    raise AssertionError(log.read_text(errors="replace")[-3000:])


@contextmanager
def served(
    environment: ServerEnvironment,
    proxy: Proxy,
    bundle: Path,
    images: Path | str,
    folder: Path,
    *options: str,
    **variables: str,
) -> Iterator[tuple[Client, subprocess.Popen]]:
    """``mobileunet label`` with a bundle, where requests to a network go through a proxy.

    The images are a folder, of which a copy is served, or the address of a DICOMweb service.
    """
    port, studies = free_port(), images if isinstance(images, str) else "studies"
    if isinstance(images, Path):
        shutil.copytree(images, folder / "studies")
    command = [sys.executable, "-m", "monai_mobileunet", "label", "--studies", studies, "--app", "app", *options]
    command += ["--port", str(port), "--environment", str(environment.folder), "-m", str(bundle)]
    said = folder / "said.txt"
    with said.open("w") as output:
        settings = {**ENVIRONMENT, **behind(proxy), **variables}
        process = subprocess.Popen(command, cwd=folder, env=settings, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: "Ctrl-C ends it" in said.read_text(), process, said)
            yield Client(f"http://127.0.0.1:{port}", folder / "app" / "logs" / "server.log", bundle.name), process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


@pytest.fixture(scope="module")
def server(
    environment: ServerEnvironment, proxy: Proxy, brains: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Client, subprocess.Popen]]:
    """A server whose trainings change a copy of the bundle."""
    with served(environment, proxy, HIPPOCAMPUS, brains, tmp_path_factory.mktemp("server"), "--copy") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: tuple[Client, subprocess.Popen]) -> Client:
    return server[0]


def models(client: Client) -> Path:
    return client.log.parents[1] / "model" / client.model / "models"


def test_it_says_what_it_serves_and_where(client: Client):
    said = (client.log.parents[2] / "said.txt").read_text()
    assert client.url in said
    assert "3D Slicer" in said
    assert "OHIF" in said
    assert "not for diagnostic use" in said
    info = client.get("info/")
    assert {name: model["labels"] for name, model in info["models"].items()} == {MODEL: {"anterior": 1, "posterior": 2}}
    assert list(info["strategies"]) == ["uncertain", "first", "random"], "Slicer takes the first"
    assert "Not a medical device" in info["description"]


def test_only_this_machine_and_its_own_pages_are_answered(client: Client):
    port = int(client.url.rsplit(":", 1)[1])
    listening = {c.laddr.ip for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port}
    assert listening == {"127.0.0.1"}
    for headers in (
        {"Origin": "http://elsewhere.example"},
        {"Host": f"elsewhere.example:{port}"},  # a name that was bound to this address later
        {"Host": f"elsewhere.example:{port}", "Origin": f"http://elsewhere.example:{port}"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},  # an image in a page
    ):
        assert client.session.get(f"{client.url}/info/", headers=headers).status_code == 403, headers
    assert client.session.get(f"{client.url}/info/", headers={"Origin": client.url}).ok
    assert client.session.get(f"{client.url}/info/", headers={"Host": f"localhost:{port}"}).ok


def compare_with_segment(client: Client, bundle: Path, images: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "monai_mobileunet", "segment", "-i", str(images), "-o", str(folder / "masks")]
    subprocess.run([*command, "-m", str(bundle)], env=ENVIRONMENT, check=True, capture_output=True)
    for path in sorted(images.iterdir()):
        name = path.name.split(".")[0]
        expected = read_volume(folder / "masks" / path.name)
        mask = client.infer(name, folder)
        assert np.array_equal(np.asarray(mask.dataobj), expected.values), name
        assert np.asarray(mask.dataobj).any(), name
        assert np.allclose(mask.affine, read_volume(path).affine, atol=1e-3), name


def test_masks_are_those_of_mobileunet_segment(client: Client, brains: Path, tmp_path: Path):
    """On LPS, permuted and oblique volumes, voxel for voxel."""
    compare_with_segment(client, HIPPOCAMPUS, brains, tmp_path)


def test_so_they_are_with_the_ct_bundle_which_is_linked(
    environment: ServerEnvironment, proxy: Proxy, necks: Path, tmp_path: Path
):
    (tmp_path / "server").mkdir()
    with served(environment, proxy, NECK, necks, tmp_path / "server", "--no-scoring") as (client, _):
        assert (tmp_path / "server" / "app" / "model" / NECK.name).resolve() == NECK
        compare_with_segment(client, NECK, necks, tmp_path)


def test_so_they_are_with_a_bundle_that_was_planned(
    environment: ServerEnvironment, proxy: Proxy, planned_bundle: Path, toy_dataset: Path, tmp_path: Path
):
    images = tmp_path / "images"
    images.mkdir()
    for path in sorted((toy_dataset / "imagesTr").iterdir())[:2]:
        shutil.copy(path, images)
    (tmp_path / "server").mkdir()
    with served(environment, proxy, planned_bundle, images, tmp_path / "server", "--no-scoring") as (client, _):
        assert list(client.get("info/")["models"][client.model]["labels"]) == ["head", "tail"]
        compare_with_segment(client, planned_bundle, images, tmp_path)


def test_a_file_that_is_sent_is_segmented_too(client: Client, brains: Path, tmp_path: Path):
    with (brains / "lps.nii.gz").open("rb") as file:
        mask = client.infer("", tmp_path, file=("sent.nii.gz", file))
    expected = Segmenter(HIPPOCAMPUS, device="cpu")(brains / "lps.nii.gz").mask
    assert np.array_equal(np.asarray(mask.dataobj), expected)


def test_uncertain_images_come_first(client: Client):
    client.session.post(f"{client.url}/scoring/uncertain", json={})
    client.finish("scoring")
    scores = {
        name: score.value for name, score in Scores(client.log.parents[1] / "scores" / f"{MODEL}.json").read().items()
    }
    assert len(scores) == len(client.get("datastore/?output=all")["objects"])
    assert all(0 < score <= 1 for score in scores.values()), scores
    expected = sorted(scores, key=scores.get, reverse=True)
    for name in expected[:3]:  # one that was shown is not shown again at once
        answer = client.session.post(f"{client.url}/activelearning/uncertain", json={}).json()
        assert (answer["id"], answer["score"]) == (name, scores[name])


def test_an_image_that_cannot_be_read_keeps_no_other_from_its_score_and_mask(client: Client):
    studies = client.log.parents[2] / "studies"
    (studies / "aaa_broken.nii.gz").write_bytes(b"no image")
    for _ in range(60):
        if "aaa_broken" in client.get("datastore/?output=all")["objects"]:
            break
        time.sleep(0.5)
    try:
        client.session.post(f"{client.url}/scoring/uncertain", json={})
        client.finish("scoring")
        scores = Scores(client.log.parents[1] / "scores" / f"{MODEL}.json").read()
        assert "aaa_broken" in scores["aaa_broken"].problem
        assert sum(not score.problem for score in scores.values()) == len(scores) - 1 > 1
        client.session.post(f"{client.url}/batch/infer/{MODEL}", json={"label_tag": "tried"})
        status = client.finish("batch/infer")
        assert status["status"] == "ERROR"
        assert f"1 of {len(scores)} images have no mask: aaa_broken" in client.log.read_text()
        labelled = [entry["labels"] for entry in client.get("datastore/?output=all")["objects"].values()]
        assert sum("tried" in labels for labels in labelled) == len(scores) - 1
    finally:
        (studies / "aaa_broken.nii.gz").unlink()
    for _ in range(60):
        if "aaa_broken" not in client.get("datastore/?output=all")["objects"]:
            break
        time.sleep(0.5)


def test_a_label_whose_numbers_are_not_the_classes_is_not_trained_on(client: Client, tmp_path: Path):
    """Slicer numbers segments as they stand in its list."""
    client.infer("ras", tmp_path)
    client.save_label("ras", tmp_path / "ras.nii.gz", ["posterior", "anterior"])
    answer = client.session.post(f"{client.url}/train/{MODEL}", json={"max_epochs": 1})
    assert answer.ok
    status = client.finish("train")
    assert status["status"] == "ERROR"
    said = client.log.read_text()
    assert "posterior is 1, expected 2; anterior is 2, expected 1" in said
    assert "Bring the segments into the order anterior 1, posterior 2" in said


def test_one_label_trains_once_and_the_new_weights_are_used(client: Client, tmp_path: Path):
    """Slicer's form has an empty run_id, and one label leaves none to validate on."""
    before, first = (models(client) / "model.pt").read_bytes(), client.infer("ras", tmp_path)
    client.save_label("ras", tmp_path / "ras.nii.gz")
    assert client.train() == 1
    assert (models(client) / "model.pt").read_bytes() != before
    assert [path.read_bytes() for path in models(client).glob("model_*.pt")] == [before], "the former are kept"
    second = client.infer("ras", tmp_path)
    assert not np.array_equal(np.asarray(second.dataobj), np.asarray(first.dataobj))
    now = Segmenter(models(client).parent, device="cpu")(client.log.parents[2] / "studies" / "ras.nii.gz").mask
    assert np.array_equal(np.asarray(second.dataobj), now)


def test_several_labels_train_and_validate_a_thin_sagittal_one_among_them(client: Client, tmp_path: Path):
    for name in ("lps", "permuted", "oblique", "thin"):
        client.infer(name, tmp_path)
        client.save_label(name, tmp_path / f"{name}.nii.gz")
    before = (models(client) / "model.pt").read_bytes()
    assert client.train(max_epochs=2, val_split=0.4) == 2
    assert "mean Dice" in client.log.read_text()
    assert (models(client) / "model.pt").read_bytes() != before


def test_training_can_begin_anew(client: Client):
    """MONAI Label's own trainer fails with pretrained false."""
    before = (models(client) / "model.pt").read_bytes()
    assert client.train(pretrained=False) == 1
    assert (models(client) / "model.pt").read_bytes() != before


def test_all_images_are_inferred_without_a_gpu(client: Client):
    """By default MONAI Label divides by the number of GPUs."""
    answer = client.session.post(f"{client.url}/batch/infer/{MODEL}", json={"label_tag": "original"})
    assert answer.ok, answer.text
    status = client.finish("batch/infer")
    assert status["status"] == "DONE", "\n".join(status["details"])
    tags = [entry["labels"] for entry in client.get("datastore/?output=all")["objects"].values()]
    assert all("original" in labels for labels in tags)


def test_without_weights_there_is_no_mask(client: Client):
    """MONAI Label's own task segments with random ones then."""
    weights = models(client) / "model.pt"
    weights.rename(weights.with_suffix(".away"))
    try:
        assert client.session.post(f"{client.url}/infer/{MODEL}?image=lps&output=image").status_code == 500
    finally:
        weights.with_suffix(".away").rename(weights)
    assert client.session.post(f"{client.url}/infer/{MODEL}?image=lps&output=image").ok


def test_weights_of_another_network_are_an_error_not_a_mask(client: Client):
    """MONAI Label's own infer task loads what fits and warns."""
    weights = models(client) / "model.pt"
    kept = weights.read_bytes()
    weights.write_bytes((NECK / "models" / "model.pt").read_bytes())
    try:
        answer = client.session.post(f"{client.url}/infer/{MODEL}?image=lps&output=image")
        assert answer.status_code == 500
        for _ in range(20):  # it answers before it logs
            if "Error(s) in loading state_dict" in client.log.read_text():
                break
            time.sleep(0.5)
        assert "Error(s) in loading state_dict" in client.log.read_text()
    finally:
        weights.write_bytes(kept)


def test_a_port_that_is_taken_is_told(client: Client, environment: ServerEnvironment, brains: Path, tmp_path: Path):
    command = [sys.executable, "-m", "monai_mobileunet", "label", "--studies", str(brains), "-m", str(HIPPOCAMPUS)]
    command += ["--port", client.url.rsplit(":", 1)[1], "--environment", str(environment.folder)]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Choose another --port" in done.stdout


def test_a_second_server_in_the_same_folder_leaves_the_first_alone(client: Client, environment: ServerEnvironment):
    command = [sys.executable, "-m", "monai_mobileunet", "label", "--studies", "studies", "--app", "app"]
    command += ["-m", str(NECK), "--port", str(free_port()), "--environment", str(environment.folder)]
    folder = client.log.parents[2]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "a server runs from this folder already" in done.stdout
    assert client.session.post(f"{client.url}/infer/{MODEL}?image=lps&output=image").ok


def test_an_interrupt_ends_the_server_and_its_training_and_nothing_asked_a_network(
    server: tuple[Client, subprocess.Popen], proxy: Proxy
):
    client, process = server
    client.session.post(f"{client.url}/train/{MODEL}", json={"max_epochs": 500, "device": "cpu"})
    before = client.epochs()
    wait_for(lambda: client.epochs() > before, process, client.log)
    running = psutil.Process(process.pid).children(recursive=True)
    assert len(running) >= 2
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not [child for child in running if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert "has ended" in (client.log.parents[2] / "said.txt").read_text()
    assert proxy.asked == []


def test_the_command_of_the_page_serves(environment: ServerEnvironment, brains: Path, tmp_path: Path):
    page = (PROJECT / "docs" / "label.md").read_text()
    (block,) = re.findall(r"^```bash\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "imagesTr").symlink_to(brains)
    command = shlex.split(block.replace("$DATA", str(tmp_path)))
    assert command[0] == "mobileunet"
    port = free_port()
    command = [sys.executable, "-m", "monai_mobileunet", *command[1:], "--port", str(port), "--no-scoring"]
    with (tmp_path / "said.txt").open("w") as output:
        command += ["--environment", str(environment.folder)]
        process = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT)
        wait_for(lambda: "Ctrl-C ends it" in (tmp_path / "said.txt").read_text(), process, tmp_path / "said.txt")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert f"http://127.0.0.1:{port}" in (tmp_path / "said.txt").read_text()


@pytest.fixture(scope="module")
def own_app(
    environment: ServerEnvironment, proxy: Proxy, brains: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """MONAI Label's monaibundle app with our bundle in it, as its documentation starts it."""
    folder, port = tmp_path_factory.mktemp("monaibundle"), free_port()
    monai_label = [str(environment.python), "-m", "monailabel.main"]
    download = [*monai_label, "apps", "--download", "--name", "monaibundle", "--output", "apps"]
    subprocess.run(download, cwd=folder, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    app = folder / "apps" / "monaibundle"
    shutil.copytree(HIPPOCAMPUS, app / "model" / MODEL, ignore=shutil.ignore_patterns("eval"))
    (folder / "studies").mkdir()
    for name in ("lps", "permuted", "oblique"):
        shutil.copy(brains / f"{name}.nii.gz", folder / "studies")
    command = [*monai_label, "start_server", "--app", str(app), "--studies", "studies", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--conf", "models", MODEL, "--conf", "epistemic_model", MODEL]
    command += ["--conf", "zoo_source", "local", "--conf", "sam2", "false"]
    (app / "logs").mkdir(exist_ok=True)
    log = app / "logs" / "said.log"
    closed = {**ENVIRONMENT, **behind(proxy), "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=closed, stdout=output, stderr=subprocess.STDOUT)
        client = Client(f"http://127.0.0.1:{port}", log)
        try:
            wait_for(lambda: "Uvicorn running" in log.read_text(), process, log)
            yield client
        finally:
            for child in [*psutil.Process(process.pid).children(recursive=True), process]:
                child.kill()


def test_monai_label_s_own_app_gives_the_same_masks(own_app: Client, brains: Path, tmp_path: Path):
    segmenter = Segmenter(HIPPOCAMPUS, device="cpu")
    for name in ("lps", "permuted", "oblique"):
        mask = own_app.infer(name, tmp_path)
        assert np.array_equal(np.asarray(mask.dataobj), segmenter(brains / f"{name}.nii.gz").mask), name


def test_monai_label_s_own_epistemic_scoring_is_one_of_probabilities(own_app: Client):
    own_app.finish("scoring")
    objects = own_app.get("datastore/?output=all")["objects"]
    entropies = [entry["image"]["info"]["epistemic_entropy"] for entry in objects.values()]
    assert len(set(entropies)) == 3
    assert all(0 < entropy < np.log(3) for entropy in entropies), entropies


def test_monai_label_s_own_app_trains_once_with_slicer_s_form(own_app: Client, tmp_path: Path):
    own_app.infer("lps", tmp_path)
    own_app.save_label("lps", tmp_path / "lps.nii.gz")
    before = (models(own_app) / "model.pt").read_bytes()
    assert own_app.train() == 1
    assert (models(own_app) / "model.pt").read_bytes() != before


def test_monai_label_s_own_app_infers_all_images_where_it_is_told_that_there_is_no_gpu(own_app: Client):
    own_app.session.post(f"{own_app.url}/batch/infer/{MODEL}", json={"label_tag": "original", "multi_gpu": False})
    status = own_app.finish("batch/infer")
    assert status["status"] == "DONE", "\n".join(status["details"])


def test_monai_label_s_own_app_asked_no_network(own_app: Client, proxy: Proxy):
    assert own_app.get("info/")["models"]
    assert proxy.asked == []
