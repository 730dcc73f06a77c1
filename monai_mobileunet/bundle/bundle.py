"""Bundles as folders: where the one that runs lies, and what one holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.inferers import Inferer
from torch import nn

from monai_mobileunet.bundle.consistency import check_bundle, check_running_bundle, running_workflow
from monai_mobileunet.bundle.json_files import layout, read_json, write_files
from monai_mobileunet.bundle.network_format import class_names_of
from monai_mobileunet.bundle.weights import load_weights, no_weights
from monai_mobileunet.data.dicom.segments.attributes import SEGMENT_ATTRIBUTES, classes_from
from monai_mobileunet.data.dicom.segments.described import SegmentClass
from monai_mobileunet.networks import MobileUNet
from monai_mobileunet.palette import Colour, colours_of
from monai_mobileunet.runtimes.torch_runtime import check_device

__all__ = ["Bundle", "check_running_bundle", "running_bundle_root", "samples_dropout"]


def running_bundle_root() -> str:
    """Folder of the bundle whose config is being evaluated, for ``"bundle_root"`` in that config.

    MONAI tells a config nothing about the file that it was read from, and the customary ``"."`` is the working
    directory: run from elsewhere, a bundle then looks for its weights in the wrong place and writes new ones
    there. The workflow that evaluates the config knows its folder, and it is on the call stack.

    Returns:
        Absolute path of the parent of ``configs/``; of the working directory where a bare
        :class:`monai.bundle.ConfigParser` evaluates the config (such callers set ``bundle_root`` themselves).
    """
    workflow = running_workflow()
    if workflow is None:
        return str(Path.cwd())
    configs = Path(workflow.config_root_path).resolve()
    return str(configs.parent if configs.name == "configs" else configs)


def samples_dropout(network: nn.Module, dropout: float) -> bool:
    """Whether a network was made with another dropout than its bundle's.

    Bundles of version 0.1.0 have it for ``"argmax"`` in their ``inference.json``; now
    :class:`monai_mobileunet.runtimes.RuntimeInferer` asks for scores where it samples a network.

    Args:
        network: what ``network_def`` gave; of networks other than :class:`MobileUNet` nothing is known.
        dropout: the bundle's own.
    """
    return isinstance(network, MobileUNet) and network.dropout.p != dropout


class Bundle:
    """A bundle as its ``inference.json`` describes it, with its weights.

    A bundle is code: its expressions are evaluated and what it names is imported. Open only those you trust.

    Args:
        folder: the bundle's, the parent of ``configs``.
        **overrides: entries of ``inference.json`` by their id, ``device="cpu"``, ``ckpt_path=…``.

    Raises:
        FileNotFoundError: no bundle there.
        DataError: its files contradict each other, or what was changed contradicts them.
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
        self.check()

    @property
    def metadata(self) -> dict[str, Any]:
        """Content of ``metadata.json``."""
        return read_json(self.folder / "configs" / "metadata.json")

    def add_metadata(self, key: str, content: Any) -> None:
        """Write an entry of ``metadata.json``; the file is replaced as a whole."""
        path = self.folder / "configs" / "metadata.json"
        write_files({path: layout({**self.metadata, key: content})})

    @property
    def weights(self) -> Path:
        """File of the weights; :func:`monai_mobileunet.bundle.weights.load_weights` says what it may hold."""
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

    @property
    def inferer(self) -> Inferer:
        """The slice inferer with the network in the runtime that the bundle asks for."""
        return self.parser.get_parsed_content("inferer")

    @property
    def postprocessing(self) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """The transforms behind the network, to the saved mask."""
        return self.parser.get_parsed_content("postprocessing")

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes from 1 on, those of the output's channels in ``metadata.json``."""
        return class_names_of(self.metadata)

    @property
    def segment_classes(self) -> tuple[SegmentClass, ...]:
        """The classes in the words of DICOM, each with its colour, as ``segment_attributes`` in ``metadata.json`` says.

        Raises:
            DataError: what it says cannot be used.
        """
        metadata, path = self.metadata, self.folder / "configs" / "metadata.json"
        return classes_from(metadata, class_names_of(metadata), str(path))

    @property
    def colours(self) -> tuple[Colour, ...]:
        """Colours of the classes from 1 on: the bundle's own, and of the palette where it has none.

        Raises:
            DataError: likewise.
        """
        if SEGMENT_ATTRIBUTES not in self.metadata:  # terms for DICOM need not be looked up
            return colours_of(len(self.class_names))
        return tuple(one.colour for one in self.segment_classes)

    @property
    def regions(self) -> dict[str, tuple[int, ...]]:
        """Numbers of the classes that each label of the data set is made of, where the bundle was planned for regions.

        They stand in ``train.json``; a bundle without has none.
        """
        path = self.folder / "configs" / "train.json"
        regions = read_json(path).get("regions") if path.is_file() else None
        return {name: tuple(numbers) for name, numbers in regions.items()} if isinstance(regions, dict) else {}

    @property
    def modality(self) -> str | None:
        """Of the images, as DICOM calls it; ``None`` where ``metadata.json`` does not say."""
        return self.metadata["network_data_format"]["inputs"]["image"].get("modality")

    def cases(
        self, dataset_dir: str | PathLike, part: str, fold: int = 0, overrides: Mapping[str, Any] | None = None
    ) -> list[dict[str, str]]:
        """The cases of a data set as the bundle's ``train.json`` splits it.

        Args:
            dataset_dir: folder of the data set.
            part: ``"training"``, ``"validation"`` or ``"all"``.
            fold: which part of the split validates.
            overrides: what was changed for the training, by id; ids that ``train.json`` has not are passed over.

        Raises:
            FileNotFoundError: the bundle has no ``train.json``.
            ValueError: an unknown part, an impossible split, or data that cannot be used.
        """
        config = self.folder / "configs" / "train.json"
        if not config.is_file():
            raise FileNotFoundError(f"{config}: no such file, and without it the bundle's split is unknown.")
        parser = ConfigParser()
        parser.read_config(str(config))
        data = "validate#dataset#data"
        known = {key: value for key, value in (overrides or {}).items() if key.split("#")[0] in parser}
        parser.update({**known, "bundle_root": str(self.folder), "dataset_dir": str(dataset_dir), "fold": fold})
        # opened and checked they are one by one later, where one that is broken stops no other
        parser.update({f"{data}#part": part, f"{data}#num_classes": None, f"{data}#checked": None})
        try:
            return parser.get_parsed_content(data)
        except SystemExit as error:  # how a config says what is wrong with the data; see load_cases
            raise ValueError(str(error).removeprefix("error: ")) from error

    def unannotated(self, dataset_dir: str | PathLike) -> dict[str, Any]:
        """What the labels of the bundle's own data set do not say.

        Args:
            dataset_dir: folder of a data set.

        Returns:
            ``ignore``, the value of voxels that nobody annotated, and ``plane``, in which slices were annotated one by
            one, as far as ``train.json`` has them; nothing for another data set than that which it names.
        """
        path = self.folder / "configs" / "train.json"
        train = read_json(path) if path.is_file() else {}
        if Path(dataset_dir).resolve() != Path(str(train.get("dataset_dir"))).resolve():
            return {}
        unannotated = {"ignore": train["ignore"]} if "ignore" in train else {}
        return unannotated | ({"plane": train["planes"][0]} if train.get("annotated_slices_only") else {})

    def check(self) -> None:
        """Refuse a bundle that contradicts itself, with what was changed in :attr:`parser` since it was opened.

        Raises:
            DataError: see :func:`monai_mobileunet.bundle.consistency.check_bundle`.
        """
        check_bundle(self.folder, self.parser)

    def load_network(self) -> nn.Module:
        """The network with its weights, in eval mode.

        Raises:
            FileNotFoundError: there are no weights yet.
            ValueError: they are those of another network, the device is not there, or the bundle contradicts itself.
        """
        self.check()
        path = self.weights
        if not path.is_file():
            raise no_weights(path)
        if "device" in self.parser:
            check_device(self.parser.get_parsed_content("device"))
        network = self.parser.get_parsed_content("network")
        load_weights(network, path)
        return network.eval()
