"""The bundles, fragments and web pages of a checkout travel in the wheel as data; the rest is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("bundles", "configs", "web")
PAGES = ("view", "segment", "pipeline", "viewer", "vendor")
"""What browsers take of ``web``; the rest tests and renews these."""


def left_out(folder: str, names: list[str]) -> list[str]:
    """What no user needs: results of trainings and exports beside a bundle, tools and tests beside web pages."""
    if Path(folder).name == "web":
        return [name for name in names if name not in PAGES]
    if Path(folder).name == "models":
        return [name for name in names if name != "model.pt"]
    return [name for name in names if name == "eval" or name.startswith(".")]


class BuildWithBundles(build_py):
    """Copies the bundles and fragments to where :mod:`monai_mobileunet.shipped` finds them."""

    def run(self) -> None:
        """Build the package, and put them into it; an editable one has them at the checkout's top."""
        super().run()
        if not self.editable_mode:
            for name in SHIPPED:
                target = Path(self.build_lib, "monai_mobileunet", "shipped", name)
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(name, target, ignore=left_out)


setup(cmdclass={"build_py": BuildWithBundles})
