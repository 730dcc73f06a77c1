"""The page of ``mobileunet web`` beside ``mobileunet segment`` in ONNX Runtime: masks, seconds, memory, size."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.timing import interleave
from benchmarks.web_page import opened_page
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data import read_volume
from monai_mobileunet.networks import create_network
from monai_mobileunet.runtimes.conversion import to_onnx
from monai_mobileunet.runtimes.onnx_runtime import OnnxRuntime
from monai_mobileunet.segmentation import Segmenter
from monai_mobileunet.webpage.build import build_site

__all__ = ["SliceTime", "WebCase", "measure_images", "measure_slice", "write_results"]

ONE_THREAD = "provider=wasm&threads=1"
SLICE = (256, 256)
TURNS = 9


@dataclass(frozen=True)
class WebCase:
    """An image in the page and in ONNX Runtime on the same machine, each with one thread.

    Attributes:
        image: its name.
        shape: of its grid.
        voxels: how many there are.
        differing: voxels whose class differs.
        foreground: voxels with a class, in ONNX Runtime's mask.
        page_seconds: what the page says that its work took.
        shown_seconds: from the press of the button to the mask on the screen, drawn without a graphics card.
        native_seconds: from the image in memory to its mask.
        page_mib: the most memory that the page's process has had so far.
        drawing_mib: likewise of the process that draws.
    """

    image: str
    shape: tuple[int, ...]
    voxels: int
    differing: int
    foreground: int
    page_seconds: float
    shown_seconds: float
    native_seconds: float
    page_mib: float
    drawing_mib: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure_images(
    bundle: Path,
    images: Sequence[Sequence[Path]],
    weights: str,
    show_step: Callable[[str], None],
    query: str = ONE_THREAD,
) -> tuple[int, list[WebCase]]:
    """Segment images in the page and in ONNX Runtime.

    Args:
        bundle: with weights.
        images: for each of them its files, one for each channel.
        weights: in which the page's network is stored.
        show_step: gets a line before each step.
        query: how the page runs.

    Returns:
        Bytes that a browser loads, and a row for each image.
    """
    torch.set_num_threads(1)
    cases = []
    with TemporaryDirectory(prefix="bench_web") as temporary:
        show_step("writing the site")
        site = build_site(Bundle(bundle, device="cpu"), Path(temporary) / "site", weights).site
        if site is None:
            raise ValueError(f"{bundle}: the site was not written.")
        segmenter = Segmenter(bundle, device="cpu", runtime="onnxruntime")
        segmenter.load_runtime()
        with opened_page(site.folder, query) as page:
            for index, image in enumerate(images, 1):
                show_step(f"{image[0].name}, {index} of {len(images)}")
                done = page.segment(image, Path(temporary))
                started = time.perf_counter()
                native = segmenter(image)
                seconds = time.perf_counter() - started
                found = np.asarray(read_volume(done.mask).values)
                peaks = page.peak_mib()
                cases.append(
                    WebCase(
                        image[0].name,
                        native.mask.shape,
                        native.mask.size,
                        int((found != native.mask).sum()),
                        int((native.mask > 0).sum()),
                        _seconds_in(done.status),
                        done.seconds,
                        seconds,
                        peaks.get("renderer", 0),
                        peaks.get("GPU", 0),
                    )
                )
        return site.wire_bytes, cases


def _seconds_in(status: str) -> float:
    """The time in "Done in 3.6 s (…)"."""
    found = re.search(r"Done in ([\d.]+) s", status)
    if found is None:
        raise ValueError(f"The page says {status!r}; expected the time that its work took.")
    return float(found[1])


@dataclass(frozen=True)
class SliceTime:
    """Milliseconds for a single slice of 256×256, the median of several turns."""

    page: float
    native: float


IN_PAGE = """async ([sha256, turns]) => {
  const { loadNetwork } = await import(new URL("segment/network.js", location.href).href);
  const bundle = { network: { file: "slice.onnx.gz", sha256, input: "image", output: "pred" } };
  const top = new URL("./", location.href);
  const vendor = new URL("vendor/onnxruntime/", top).href;
  const loaded = await loadNetwork(bundle, top.href, vendor, { provider: "wasm", threads: 1 });
  const times = [];
  for (let turn = 0; turn <= turns; turn++) {
    const image = new Float32Array(256 * 256).map(() => Math.random());
    const started = performance.now();
    await loaded.network(image, [1, 1, 256, 256]);
    if (turn) times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[Math.floor(turns / 2)];
}"""


def measure_slice(bundle: Path, variant: str = "mobileunet_small") -> SliceTime:
    """Time a network of the zoo on one slice of 256×256 in the page and in ONNX Runtime, each with one thread.

    Args:
        bundle: any, whose page is used.
        variant: of the network, with random weights: these do not change its time.
    """
    torch.set_num_threads(1)
    network = create_network(variant, spatial_dims=2, in_channels=1, out_channels=3).eval()
    model = to_onnx(network, 1)
    with TemporaryDirectory(prefix="bench_web") as temporary:
        site = build_site(Bundle(bundle, device="cpu"), Path(temporary) / "site").site
        if site is None:
            raise ValueError(f"{bundle}: the site was not written.")
        (site.folder / "slice.onnx.gz").write_bytes(gzip.compress(model))
        runtime, image = OnnxRuntime(model), torch.rand(1, 1, *SLICE)
        with opened_page(site.folder, ONE_THREAD) as page:
            native = interleave({"native": lambda: runtime(image)}, TURNS)["native"].median
            in_page = page.page.evaluate(IN_PAGE, [hashlib.sha256(model).hexdigest(), TURNS])
    return SliceTime(in_page, 1000 * native)


def write_results(path: Path, wire_bytes: int, cases: Sequence[WebCase]) -> None:
    """Keep what was measured as JSON."""
    content = {"wire_bytes": wire_bytes, "cases": [case.as_dict() for case in cases]}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
