"""Light-weight MobileNet-UNet segmentation of the slices of CT and MRI volumes, as a MONAI plugin.

Not a medical device; not for diagnostic use.

A name is imported when it is asked for, so that the command line answers without torch and MONAI. One thing nobody asks
for: the encoders are backbones of MONAI's FlexibleUNet once both packages are imported, in whichever order. Where MONAI
comes second, the end of its import is the only moment left to add them, and an importer of its own waits for that.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_mobileunet.inferers import ContextSliceInferer
    from monai_mobileunet.networks import MobileUNet
    from monai_mobileunet.segmentation import Segmenter

    __version__: str

__all__ = ["ContextSliceInferer", "MobileUNet", "Segmenter", "__version__"]

_ROOMS = {"ContextSliceInferer": "inferers", "MobileUNet": "networks", "Segmenter": "segmentation"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _add_backbones() -> None:
    import_module(f"{__name__}.networks.flexible_unet")


class _AfterMonai:
    """An importer that finds MONAI as the others do, and adds the backbones when it has been imported."""

    def find_spec(self, name: str, *where: Any) -> ModuleSpec | None:
        """Where MONAI is, with what has to be done after its import."""
        if name != "monai":
            return None
        others = (
            importer.find_spec(name, *where)
            for importer in sys.meta_path
            if type(importer).__name__ != _AfterMonai.__name__  # a reload of this package brings another of these
        )
        spec = next(filter(None, others), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def then_add(module: ModuleType) -> None:
                execute(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                    _add_backbones()

            spec.loader.exec_module = then_add  # type: ignore[method-assign]
        return spec


if "monai" in sys.modules:
    _add_backbones()
else:
    sys.meta_path.insert(0, _AfterMonai())
