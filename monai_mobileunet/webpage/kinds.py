"""In how many bits a network's weights go to the page. The table comes without torch."""

from __future__ import annotations

__all__ = ["WEIGHTS"]

WEIGHTS = ("float32", "float16", "int8")
"""What weights are stored in, the default first; the page computes in float32 whatever they are."""
