"""Names and shapes of published state dicts, written down here from their own definitions.

torchvision 0.20 (``mobilenetv2.py``, ``mobilenetv3.py``), timm 1.0 (``_gen_mobilenet_v1``,
``_gen_mobilenet_v4`` and the modules of ``_efficientnet_blocks.py``), segmentation_models.pytorch 0.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import torch

Shapes = Iterator[tuple[str, tuple[int, ...]]]

V3_LARGE = """
3 16 16 - 1 | 3 64 24 - 2 | 3 72 24 - 1 | 5 72 40 SE 2 | 5 120 40 SE 1 | 5 120 40 SE 1 | 3 240 80 - 2 | 3 200 80 - 1 |
3 184 80 - 1 | 3 184 80 - 1 | 3 480 112 SE 1 | 3 672 112 SE 1 | 5 672 160 SE 2 | 5 960 160 SE 1 | 5 960 160 SE 1
"""
V3_SMALL = """
3 16 16 SE 2 | 3 72 24 - 2 | 3 88 24 - 1 | 5 96 40 SE 2 | 5 240 40 SE 1 | 5 240 40 SE 1 | 5 120 48 SE 1 |
5 144 48 SE 1 | 5 288 96 SE 2 | 5 576 96 SE 1 | 5 576 96 SE 1
"""
SQUEEZED = {16: 8, 72: 24, 88: 24, 120: 32, 144: 40, 240: 64}  # where a quarter is no multiple of 8
TIMM = {
    "mobilenetv1": "dsa_r1_k3_s1_c64 / dsa_r2_k3_s2_c128 / dsa_r2_k3_s2_c256 / dsa_r6_k3_s2_c512 / dsa_r2_k3_s2_c1024",
    "mobilenetv4_conv_small": """
        cn_r1_k3_s2_e1_c32 cn_r1_k1_s1_e1_c32 / cn_r1_k3_s2_e1_c96 cn_r1_k1_s1_e1_c64 /
        uir_r1_a5_k5_s2_e3_c96 uir_r4_a0_k3_s1_e2_c96 uir_r1_a3_k0_s1_e4_c96 /
        uir_r1_a3_k3_s2_e6_c128 uir_r1_a5_k5_s1_e4_c128 uir_r1_a0_k5_s1_e4_c128 uir_r1_a0_k5_s1_e3_c128
        uir_r2_a0_k3_s1_e4_c128 / cn_r1_k1_s1_c960""",
    "mobilenetv4_conv_medium": """
        er_r1_k3_s2_e4_c48 / uir_r1_a3_k5_s2_e4_c80 uir_r1_a3_k3_s1_e2_c80 /
        uir_r1_a3_k5_s2_e6_c160 uir_r2_a3_k3_s1_e4_c160 uir_r1_a3_k5_s1_e4_c160 uir_r1_a3_k3_s1_e4_c160
        uir_r1_a3_k0_s1_e4_c160 uir_r1_a0_k0_s1_e2_c160 uir_r1_a3_k0_s1_e4_c160 /
        uir_r1_a5_k5_s2_e6_c256 uir_r1_a5_k5_s1_e4_c256 uir_r2_a3_k5_s1_e4_c256 uir_r1_a0_k0_s1_e4_c256
        uir_r1_a3_k0_s1_e4_c256 uir_r1_a3_k5_s1_e2_c256 uir_r1_a5_k5_s1_e4_c256 uir_r2_a0_k0_s1_e4_c256
        uir_r1_a5_k0_s1_e2_c256 / cn_r1_k1_s1_c960""",
}


def _conv(name: str, out: int, into: int, kernel: int, bias: bool = False) -> Shapes:
    yield f"{name}.weight", (out, into, kernel, kernel)
    if bias:
        yield f"{name}.bias", (out,)


def _norm(name: str, channels: int) -> Shapes:
    for parameter in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{parameter}", (channels,)
    yield f"{name}.num_batches_tracked", ()


def _conv_norm(conv: str, norm: str, out: int, into: int, kernel: int) -> Shapes:
    yield from _conv(conv, out, into, kernel)
    yield from _norm(norm, out)


def mobilenet_v2(prefix: str = "features") -> Shapes:
    """torchvision's ``mobilenet_v2().features``."""
    yield from _conv_norm(f"{prefix}.0.0", f"{prefix}.0.1", 32, 3, 3)
    into, position = 32, 0
    settings = [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)]
    for expansion, out, repeats in settings:
        for _ in range(repeats):
            position += 1
            hidden, layer, block = into * expansion, 0, f"{prefix}.{position}.conv"
            if expansion > 1:
                yield from _conv_norm(f"{block}.0.0", f"{block}.0.1", hidden, into, 1)
                layer = 1
            yield from _conv_norm(f"{block}.{layer}.0", f"{block}.{layer}.1", hidden, 1, 3)
            yield from _conv_norm(f"{block}.{layer + 1}", f"{block}.{layer + 2}", out, hidden, 1)
            into = out
    yield from _conv_norm(f"{prefix}.18.0", f"{prefix}.18.1", 1280, into, 1)


def mobilenet_v3(table: str) -> Shapes:
    """torchvision's ``mobilenet_v3_large().features`` and ``mobilenet_v3_small().features``."""
    yield from _conv_norm("features.0.0", "features.0.1", 16, 3, 3)
    into, position = 16, 0
    for row in table.split("|"):
        kernel, hidden, out, squeeze, _ = (int(c) if c.isdigit() else c for c in row.split())
        position += 1
        layer, block = 0, f"features.{position}.block"
        if hidden != into:
            yield from _conv_norm(f"{block}.0.0", f"{block}.0.1", hidden, into, 1)
            layer = 1
        yield from _conv_norm(f"{block}.{layer}.0", f"{block}.{layer}.1", hidden, 1, kernel)
        if squeeze == "SE":
            layer += 1
            squeezed = SQUEEZED.get(hidden, hidden // 4)
            yield from _conv(f"{block}.{layer}.fc1", squeezed, hidden, 1, bias=True)
            yield from _conv(f"{block}.{layer}.fc2", hidden, squeezed, 1, bias=True)
        yield from _conv_norm(f"{block}.{layer + 1}.0", f"{block}.{layer + 1}.1", out, hidden, 1)
        into = out
    last = f"features.{position + 1}"
    yield from _conv_norm(f"{last}.0", f"{last}.1", 6 * into, into, 1)


def timm(table: str) -> Shapes:
    """timm's networks, from the strings that define them, without their classifiers."""
    yield from _conv_norm("conv_stem", "bn1", 32, 3, 3)
    into = 32
    for stage, rows in enumerate(table.split("/")):
        index = 0
        for row in rows.split():
            kind, options = row.split("_", 1)
            option = {key: int(value) for key, value in re.findall(r"([a-z])(\d+)", options)}
            for _ in range(option["r"]):
                yield from _timm_block(kind, option, f"blocks.{stage}.{index}", into)
                into, index = option["c"], index + 1


def _timm_block(kind: str, option: dict[str, int], block: str, into: int) -> Shapes:
    out, kernel, hidden = option["c"], option["k"], into * option.get("e", 1)
    if kind == "cn":
        yield from _conv_norm(f"{block}.conv", f"{block}.bn1", out, into, kernel)
    elif kind == "dsa":
        yield from _conv_norm(f"{block}.conv_dw", f"{block}.bn1", into, 1, kernel)
        yield from _conv_norm(f"{block}.conv_pw", f"{block}.bn2", out, into, 1)
    elif kind == "er":
        yield from _conv_norm(f"{block}.conv_exp", f"{block}.bn1", hidden, into, kernel)
        yield from _conv_norm(f"{block}.conv_pwl", f"{block}.bn2", out, hidden, 1)
    else:
        if option["a"]:
            yield from _conv_norm(f"{block}.dw_start.conv", f"{block}.dw_start.bn", into, 1, option["a"])
        yield from _conv_norm(f"{block}.pw_exp.conv", f"{block}.pw_exp.bn", hidden, into, 1)
        if kernel:
            yield from _conv_norm(f"{block}.dw_mid.conv", f"{block}.dw_mid.bn", hidden, 1, kernel)
        yield from _conv_norm(f"{block}.pw_proj.conv", f"{block}.pw_proj.bn", out, hidden, 1)


def smp_mobilenet_v2_unet(classes: int) -> Shapes:
    """``segmentation_models_pytorch.Unet("mobilenet_v2", in_channels=3, classes=classes)``."""
    yield from mobilenet_v2("encoder.features")
    into = 1280
    for block, (skip, out) in enumerate([(96, 256), (32, 128), (24, 64), (16, 32), (0, 16)]):
        name = f"decoder.blocks.{block}"
        yield from _conv_norm(f"{name}.conv1.0", f"{name}.conv1.1", out, into + skip, 3)
        yield from _conv_norm(f"{name}.conv2.0", f"{name}.conv2.1", out, out, 3)
        into = out
    yield from _conv("segmentation_head.0", classes, into, 3, bias=True)


PUBLISHED = {
    "mobilenetv2": mobilenet_v2,
    "mobilenetv3_large": partial(mobilenet_v3, V3_LARGE),
    "mobilenetv3_small": partial(mobilenet_v3, V3_SMALL),
    **{name: partial(timm, table) for name, table in TIMM.items()},
}


def state_dict(shapes: Shapes) -> dict[str, torch.Tensor]:
    """Random values, variances above 0."""
    return {
        name: torch.tensor(7) if not shape else torch.rand(shape) + (0.5 if name.endswith("running_var") else -0.5)
        for name, shape in shapes
    }


def count(shapes: Shapes) -> int:
    """Trainable parameters."""
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    return sum(torch.Size(shape).numel() for name, shape in shapes if not name.endswith(buffers))
