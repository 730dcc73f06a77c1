"""What the package offers before anything of it is imported, and what importing it does to MONAI."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ONE_THREAD

import monai_mobileunet

USED = (
    "from monai.networks.nets import FlexibleUNet; from monai_mobileunet.networks import MobileNetEncoder; "
    "assert isinstance(FlexibleUNet(1, 2, 'mobilenetv2').encoder, MobileNetEncoder)"
)


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=ONE_THREAD, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.mark.parametrize(
    "imports",
    [
        "import monai_mobileunet; from importlib.util import find_spec; find_spec('monai'); import monai",
        "import monai; import monai_mobileunet",
        "import monai_mobileunet.networks.blocks",
        "import monai_mobileunet, importlib; importlib.reload(monai_mobileunet); import monai",
        "import sys, monai_mobileunet; del sys.modules['monai_mobileunet']; import monai_mobileunet, monai",
    ],
)
def test_the_encoders_are_backbones_of_flexible_unet_in_whatever_order_packages_are_imported(imports: str):
    python(f"{imports}; {USED}")


def test_the_face_imports_nothing_heavy_and_lists_what_it_has():
    code = "import sys, monai_mobileunet as m; print({*m.__all__} <= {*dir(m)}, m.__version__, 'torch' in sys.modules)"
    assert python(code) == f"True {monai_mobileunet.__version__} False"


def test_a_name_that_there_is_not():
    with pytest.raises(AttributeError, match="module 'monai_mobileunet' has no attribute 'Segmentor'"):
        monai_mobileunet.Segmentor  # noqa: B018  # type: ignore[attr-defined]
    assert {*monai_mobileunet.__all__} == {name for name in monai_mobileunet.__all__ if hasattr(monai_mobileunet, name)}
