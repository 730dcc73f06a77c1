"""Pictures of the page of ``mobileunet web``, as it stands in a browser."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from benchmarks.web_page import opened_page
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.data.files import replace_file
from monai_mobileunet.webpage.build import build_site

__all__ = ["draw_web_page"]

ROOT = Path(__file__).resolve().parent.parent
BUNDLE = ROOT / "bundles" / "head_neck_oar_ct_segmentation"
PATIENT = ROOT / "tests" / "openkbp_patient" / "image.nii.gz"
DESKTOP = {"width": 1300, "height": 760}
PHONE = {"width": 390, "height": 760}
GAP = 24


def draw_web_page(path: Path) -> None:
    """Draw the page at the widths of a desktop and of a phone, with a patient that the tests carry.

    Args:
        path: WebP file.

    Raises:
        FileNotFoundError: there is no Chromium.
        ModuleNotFoundError: playwright is not installed.
    """
    with TemporaryDirectory(prefix="web_picture") as temporary:
        folder = Path(temporary)
        build_site(Bundle(BUNDLE, device="cpu"), folder / "site")
        views = []
        for size in (DESKTOP, PHONE):
            with opened_page(folder / "site", viewport=size) as opened:
                opened.segment(PATIENT, folder)
                opened.page.wait_for_timeout(1000)  # the last frame is drawn
                views.append(Image.open(io.BytesIO(opened.page.screenshot())).convert("RGB"))
    width = sum(view.width for view in views) + GAP * (len(views) - 1)
    whole = Image.new("RGB", (width, max(view.height for view in views)), "white")
    at = 0
    for view in views:
        whole.paste(view, (at, 0))
        at += view.width + GAP
    with replace_file(path) as file:
        whole.save(file, "webp", quality=85)
