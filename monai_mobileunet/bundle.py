"""Bundles as folders: where the one that runs lies, and what one holds."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser, ConfigWorkflow
from monai.inferers import Inferer
from torch import nn

__all__ = ["Bundle", "running_bundle_root"]


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


class Bundle:
    """A bundle as its ``inference.json`` describes it, with its weights.

    A bundle is code: its expressions are evaluated and what it names is imported. Open only those you trust.

    Args:
        folder: the bundle's, the parent of ``configs``.
        **overrides: entries of ``inference.json`` by their id, ``device="cpu"``, ``ckpt_path=…``.

    Raises:
        FileNotFoundError: no bundle there.
    """

    def __init__(self, folder: str | PathLike, **overrides: Any) -> None:
        self.folder = Path(folder).resolve()
        config = self.folder / "configs" / "inference.json"
        if not config.is_file():
            raise FileNotFoundError(
                f"{folder}: no bundle, {config} does not exist. Name the folder that holds configs/."
            )
        self.parser = ConfigParser()
        self.parser.read_config(str(config))
        self.parser.read_meta(str(self.folder / "configs" / "metadata.json"))
        self.parser.update({"bundle_root": str(self.folder), **overrides})

    @property
    def metadata(self) -> dict[str, Any]:
        """Content of ``metadata.json``."""
        return json.loads((self.folder / "configs" / "metadata.json").read_text())

    @property
    def weights(self) -> Path:
        """File of the weights: a state dict, or a checkpoint with one under ``"model"``."""
        return Path(self.parser.get_parsed_content("ckpt_path"))

    @property
    def models(self) -> Path:
        """Folder of the weights and of what was exported from them."""
        return self.weights.parent

    @property
    def preprocessing(self) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """The transforms before the network, from ``{"image": path}`` on."""
        return self.parser.get_parsed_content("preprocessing")

    @property
    def slice_inferer(self) -> Inferer:
        """What cuts a volume into the network's inputs."""
        return self.parser.get_parsed_content("slice_inferer")

    def load_network(self) -> nn.Module:
        """The network with its weights, in eval mode.

        Raises:
            FileNotFoundError: there are no weights yet.
            ValueError: they are those of another network.
        """
        path = self.weights
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no weights. Train the bundle first, or name a file with --weights.")
        network = self.parser.get_parsed_content("network")
        content = torch.load(path, map_location="cpu", weights_only=True)
        try:
            network.load_state_dict(content.get("model", content), strict=True)
        except RuntimeError as error:
            remedy = "Name what was changed for the training, as in --set network_def#variant=mobileunet_tiny."
            raise ValueError(f"{path}: weights of another network than inference.json describes. {remedy}") from error
        return network.eval()
