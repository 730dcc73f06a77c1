"""How unsure a model is of each image: a file beside the app, for the server's own files have one writer only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from monai_mobileunet.data.files import write_json

__all__ = ["Score", "Scores", "state_of"]


@dataclass(frozen=True)
class Score:
    """What is known of an image.

    Attributes:
        value: in [0, 1], the higher the less sure; 0 where it could not be scored.
        weights: which weights scored it.
        image: which state of the image's file.
        problem: why it could not be scored.
    """

    value: float
    weights: str
    image: str
    problem: str = ""


class Scores:
    """The scores of a model, by image.

    Args:
        path: of the file; its folder is made when the first is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Score]:
        """All of them."""
        if not self.path.is_file():
            return {}
        return {image: Score(**entry) for image, entry in json.loads(self.path.read_text(encoding="utf-8")).items()}

    def add(self, image: str, score: Score) -> None:
        """Add one, or put it in the place of a former; the file is replaced as a whole."""
        known = {name: asdict(entry) for name, entry in {**self.read(), image: score}.items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, known, indent=1)


def state_of(path: Path) -> str:
    """Tells a file from what it was before."""
    found = path.stat()
    return f"{found.st_mtime_ns} {found.st_size}"
