"""Lets torchvision from PyPI be imported beside a CPU build of torch, whose operators it was not built for.

Python imports this at its start where the folder is on PYTHONPATH. MONAI Label imports torchvision and needs none of
its operators here. Users have a torchvision that belongs to their torch, and need no such thing.
"""

import importlib.metadata

if "+cpu" in importlib.metadata.version("torch"):
    import torch

    operators = torch.library.Library("torchvision", "DEF")
    operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
