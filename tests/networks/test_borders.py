"""A network knows the borders of images of any size, whatever window it was trained with."""

from __future__ import annotations

import pytest
import torch
from monai.losses import DiceCELoss

from monai_mobileunet.networks import MobileUNet, create_network

SMALL = {"encoder": "mobilenetv4_conv_small", "width": 0.5, "depth": 4, "decoder_channels": (32, 24, 16)}
HEADS = {
    "subpixel": SMALL,
    "full, with deep supervision": {
        **SMALL,
        "decoder_channels": (32, 24, 16, 16),
        "head": "full",
        "deep_supervision": True,
    },
    "transposed": {**SMALL, "head": "transposed"},
    "stem_stride=1": {**SMALL, "stem_stride": 1, "depth": 3, "decoder_channels": (24, 16)},
}
WINDOW = 21  # padded to 24 with stem_stride=1, and to 32 otherwise
EMPTY = 4
"""Pixels along each edge in which no object ever lies."""


def discs(generator: torch.Generator, count: int, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Bright discs (class 1) with a brighter core (class 2), somewhere in the middle of noise."""
    rows, columns = torch.meshgrid(*(torch.arange(length) for length in size), indexing="ij")
    image, label = 0.3 * torch.randn(count, 1, *size, generator=generator), torch.zeros(count, 1, *size)
    for index in range(count):
        middle = [(0.35 + 0.3 * torch.rand(1, generator=generator).item()) * length for length in size]
        radius = 4 + 3 * torch.rand(1, generator=generator).item()
        distance = ((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2).sqrt()
        for number, reach in enumerate((radius, radius / 2), 1):
            label[index, 0][distance < reach] = number
            image[index, 0][distance < reach] += 2
    return image, label


def train(network: MobileUNet, steps: int) -> None:
    """Train on windows at random places of 48×48 pixels."""
    loss = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=6e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    generator = torch.Generator().manual_seed(1)
    network.train()
    for _ in range(steps):
        image, label = discs(generator, 8, (48, 48))
        row, column = torch.randint(0, 49 - WINDOW, (2,), generator=generator).tolist()
        cut = (..., slice(row, row + WINDOW), slice(column, column + WINDOW))
        outputs = network(image[cut])
        total = sum(loss(scores, label[cut]) for scores in (outputs if isinstance(outputs, list) else [outputs]))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        schedule.step()
    network.eval()


@pytest.mark.parametrize("head", HEADS)
@torch.no_grad()
def test_no_class_lies_in_an_empty_border_after_a_training_with_windows_that_are_no_multiple(head):
    torch.manual_seed(0)
    network = MobileUNet(out_channels=3, **HEADS[head])
    assert WINDOW % network.reduction
    with torch.enable_grad():
        train(network, steps=150)
    for size in ((48, 48), (48, 61), (43, 64), (32, 32)):
        image, label = discs(torch.Generator().manual_seed(5), 8, size)
        border = torch.ones_like(label, dtype=torch.bool)
        border[..., EMPTY:-EMPTY, EMPTY:-EMPTY] = False
        for flips in ([], [-1], [-2], [-1, -2]):  # where the padding lies at the other edge
            pred = network(image.flip(flips)).argmax(1, keepdim=True).flip(flips)
            assert ((pred > 0) & border & (label == 0)).sum() < 0.002 * border.sum(), (size, flips)
            dice = 2 * ((pred > 0) & (label > 0)).sum() / ((pred > 0).sum() + (label > 0).sum())
            assert dice > 0.8, (size, flips)


@pytest.mark.parametrize("spatial_dims", [2, 3])
@torch.no_grad()
def test_in_training_the_image_lies_anywhere_within_its_padding_and_its_scores_with_it(spatial_dims):
    network = create_network("mobileunet_tiny", spatial_dims=spatial_dims).train()
    image = torch.randn(2, 1, *(30, 31, 32)[:spatial_dims])
    seen: list[torch.Tensor] = []
    network.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    torch.manual_seed(0)
    places = set()
    for _ in range(40):
        scores, padded = network(image), seen.pop()
        found = [
            (slice(row, row + 30), slice(column, column + 31))
            for row in range(3)
            for column in range(2)
            if torch.equal(padded[:, :, row : row + 30, column : column + 31], image)
        ]
        assert len(found) == 1  # the image itself is never changed
        places.add((found[0][0].start, found[0][1].start))
        assert torch.equal(network(padded)[(..., *found[0], *[slice(None)] * (spatial_dims - 2))], scores)
        seen.clear()
    assert places == {(row, column) for row in range(3) for column in range(2)}


@torch.no_grad()
def test_an_image_that_needs_no_padding_draws_no_random_number():
    """So that a training with such windows is, number by number, what it was."""
    network = create_network("mobileunet_tiny").train()
    before = torch.random.get_rng_state()
    network(torch.randn(2, 1, 32, 64, generator=torch.Generator()))
    assert torch.equal(torch.random.get_rng_state(), before)
