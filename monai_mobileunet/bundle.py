"""Bundles as folders: where the one that runs lies."""

from __future__ import annotations

import inspect
from pathlib import Path

from monai.bundle import ConfigWorkflow

__all__ = ["running_bundle_root"]


def running_bundle_root() -> str:
    """Folder of the bundle whose config is being evaluated, for ``"bundle_root"`` in that config.

    MONAI tells a config nothing about the file that it was read from, and the customary ``"."`` is the working
    directory: run from elsewhere, a bundle then looks for its weights in the wrong place and writes new ones
    there. The workflow that evaluates the config knows its folder, and it is on the call stack.

    Returns:
        Absolute path of the parent of ``configs/``; of the working directory where a bare
        :class:`monai.bundle.ConfigParser` evaluates the config (such callers set ``bundle_root`` themselves).
    """
    frame = inspect.currentframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, ConfigWorkflow):
            configs = Path(caller.config_root_path).resolve()
            return str(configs.parent if configs.name == "configs" else configs)
        frame = frame.f_back
    return str(Path.cwd())
