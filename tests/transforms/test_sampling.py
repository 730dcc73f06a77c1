from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor, list_data_collate
from monai.networks.utils import one_hot

from monai_mobileunet.transforms import RandSliceSamplesd


def coordinates(shape) -> torch.Tensor:
    """A volume whose voxel values tell their place."""
    return torch.arange(1, 1 + int(torch.tensor(shape).prod()), dtype=torch.float32).reshape(1, *shape)


sizes = st.tuples(*(st.integers(1, 9) for _ in range(3)))


class TestRandSliceSamplesd:
    @settings(deadline=None, max_examples=60)
    @given(shape=sizes, plane=st.sampled_from([0, 1, 2]), context=st.integers(0, 2), seed=st.integers(0, 9))
    def test_a_sample_is_a_window_of_a_slice_and_the_label_s_is_the_same_window(self, shape, plane, context, seed):
        volume = coordinates(shape)
        cut = RandSliceSamplesd(["image", "label"], (4, 5), 3, plane, context=[context, 0], pad_values=[None, 0])
        cut.set_random_state(seed)
        for sample in cut({"image": volume, "label": volume.clone(), "name": "x"}):
            image, label = sample["image"], sample["label"]
            assert image.shape == (2 * context + 1, 4, 5)
            assert label.shape == (1, 4, 5)
            assert sample["name"] == "x"
            inside = label[0] > 0  # padding is 0, voxels are not
            assert inside.any()
            assert torch.equal(image[context][inside], label[0][inside])
            places = torch.stack(torch.unravel_index((label[0][inside] - 1).long(), shape))
            assert places[plane].unique().numel() == 1, "a sample comes from one slice"

    def test_every_slice_is_seen_once_before_any_is_repeated(self):
        volume = coordinates((5, 4, 4))
        cut = RandSliceSamplesd("image", 4, num_samples=5, spatial_dim="sagittal").set_random_state(0)
        first_voxels = sorted(float(sample["image"][0, 0, 0]) for sample in cut({"image": volume}))
        assert first_voxels == [float(volume[0, i, 0, 0]) for i in range(5)]

    def test_all_planes_are_chosen_from(self):
        cut = RandSliceSamplesd("image", 3, num_samples=1, spatial_dim=["sagittal", "axial"]).set_random_state(1)
        volume = torch.zeros(1, 3, 3, 3)
        planes = {cut.draw(volume.shape[1:])[0] for _ in range(40)}
        assert planes == {"sagittal", "axial"}

    def test_context_repeats_the_edge_and_padding_repeats_or_fills(self):
        volume = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 1, 1, 3)
        cut = RandSliceSamplesd(["image", "label"], 2, 3, 2, context=[1, 0], pad_values=[None, -1]).set_random_state(0)
        samples = cut({"image": volume, "label": volume})
        contexts = {tuple(sample["image"][:, 0, 0].tolist()) for sample in samples}
        assert contexts == {(1.0, 1.0, 2.0), (1.0, 2.0, 3.0), (2.0, 3.0, 3.0)}
        assert all((sample["label"] == -1).sum() == 3 for sample in samples)

    def test_samples_of_several_volumes_collate_to_one_batch_and_dtypes_stay(self):
        cut = RandSliceSamplesd(["image", "label"], 6, 4, [0, 1, 2], context=[1, 0]).set_random_state(0)
        volumes = [
            {"image": MetaTensor(torch.rand(1, 5, 8, 7)), "label": torch.ones(1, 5, 8, 7, dtype=torch.uint8)}
            for _ in range(2)
        ]
        batch = list_data_collate([cut(volume) for volume in volumes])
        assert batch["image"].shape == (8, 3, 6, 6)
        assert batch["label"].shape == (8, 1, 6, 6)
        assert batch["label"].dtype == torch.uint8

    def test_a_seed_repeats_the_draw(self):
        volume = {"image": coordinates((6, 6, 6))}
        draws = [
            torch.stack([s["image"] for s in RandSliceSamplesd("image", 4, 3, 2).set_random_state(seed)(volume)])
            for seed in (3, 3, 4)
        ]
        assert torch.equal(draws[0], draws[1])
        assert not torch.equal(draws[0], draws[2])

    def test_bad_arguments_and_shapes_are_refused(self):
        with pytest.raises(ValueError, match="spatial_dim is 'tilted'"):
            RandSliceSamplesd("image", 4, spatial_dim="tilted")
        with pytest.raises(ValueError, match="must be at least 1"):
            RandSliceSamplesd("image", 4, num_samples=0)
        with pytest.raises(ValueError, match="expected one 3D shape"):
            RandSliceSamplesd(["image", "label"], 4)(
                {"image": torch.zeros(1, 4, 4, 4), "label": torch.zeros(1, 4, 4, 3)}
            )

    def test_neighbours_as_an_axis_lie_from_the_first_to_the_last(self):
        volume = torch.cat([coordinates((6, 4, 4)), -coordinates((6, 4, 4))])
        arguments = {"roi_size": 4, "num_samples": 6, "spatial_dim": 0, "context": [1, 1]}
        cut = RandSliceSamplesd(["image", "label"], **arguments, context_axis=[False, True]).set_random_state(0)
        for sample in cut({"image": volume, "label": volume.clone()}):
            image, label = sample["image"], sample["label"]
            assert image.shape == (6, 4, 4)
            assert label.shape == (2, 3, 4, 4)
            assert label.is_contiguous()
            for place in range(3):
                assert torch.equal(label[:, place], image[2 * place : 2 * place + 2])
        without = RandSliceSamplesd("label", 4, 1, context_axis=True)({"label": volume})
        assert without[0]["label"].shape == (2, 4, 4), "one slice needs no axis"

    def test_a_share_of_the_slices_is_drawn_by_class_however_few_slices_a_class_has(self):
        label = torch.zeros(3, 2, 2, 50)
        label[1, ..., 20:40] = 1
        label[2, ..., 7] = 1
        label[0] = 1 - label[1:].sum(0)
        cut = RandSliceSamplesd("label", 2, 8, 2, class_key="label", class_share=0.75).set_random_state(0)
        drawn = [sample["label"][:, 0, 0].argmax().item() for _ in range(100) for sample in cut({"label": label})]
        shares = [drawn.count(number) / len(drawn) for number in range(3)]
        assert shares[2] == pytest.approx(0.75 / 2 + 0.25 / 50, abs=0.05)
        assert shares[1] == pytest.approx(0.75 / 2 + 0.25 * 20 / 50, abs=0.05)

    def test_a_volume_without_any_class_is_drawn_from_anywhere(self):
        label = torch.zeros(2, 3, 3, 4)
        cut = RandSliceSamplesd("label", 2, 4, 2, class_key="label", class_share=1.0)
        assert len(cut({"label": label})) == 4

    @settings(deadline=None, max_examples=60)
    @given(
        shape=sizes,
        plane=st.sampled_from([0, 1, 2]),
        context=st.integers(0, 1),
        options=st.fixed_dictionaries({"class_in_window": st.booleans(), "num_classes": st.sampled_from([None, 4])}),
        dtype=st.sampled_from([torch.uint8, torch.int32, torch.float32]),
        seed=st.integers(0, 9),
    )
    def test_class_numbers_are_drawn_as_their_one_hot_label(self, shape, plane, context, options, dtype, seed):
        numbers = torch.randint(0, 5, (1, *shape), generator=torch.Generator().manual_seed(seed), dtype=dtype)
        numbers[:, :, shape[1] // 2 :] = 0
        scores = one_hot(numbers[None].long(), 5)[0]
        cut = RandSliceSamplesd("label", (4, 5), 5, plane, context, class_key="label", class_share=0.6, **options)
        by_number = cut.set_random_state(seed)({"label": numbers})
        by_channel = cut.set_random_state(seed)({"label": scores})
        for sample, expected in zip(by_number, by_channel, strict=True):
            assert sample["label"].dtype == dtype
            channels = torch.nn.functional.one_hot(sample["label"].long(), 5).movedim(-1, 1).flatten(0, 1)
            assert torch.equal(channels, expected["label"].long())

    @pytest.mark.parametrize("value", [-1.0, 0.6, torch.nan])
    def test_one_channel_that_holds_no_class_numbers_is_refused(self, value):
        label = torch.zeros(1, 3, 3, 4)
        label[0, 1, 1, 2] = value
        with pytest.raises(ValueError, match=r"label has one channel.*expected whole numbers from 0 on"):
            RandSliceSamplesd("label", 2, 4, 2, class_key="label", class_share=0.5)({"label": label})

    def test_drawing_by_class_needs_its_key(self):
        with pytest.raises(ValueError, match="class_share"):
            RandSliceSamplesd("label", 2, 4, 2, class_share=0.5)


def test_the_window_of_a_slice_drawn_by_class_holds_that_class():
    label = torch.zeros(2, 40, 30, 6)
    label[1, 33, 4, 2] = 1
    label[0] = 1 - label[1]
    cut = RandSliceSamplesd(
        ["label"], (8, 8), 12, "axial", class_key="label", class_share=1.0, class_in_window=True
    ).set_random_state(0)
    windows = [sample["label"][1] for sample in cut({"label": label})]
    assert all(window.sum() == 1 for window in windows)
    assert len({tuple(torch.nonzero(window)[0].tolist()) for window in windows}) > 3
    whole = RandSliceSamplesd(["label"], 64, 4, "axial", class_key="label", class_share=1.0, class_in_window=True)
    assert all(sample["label"].shape == (2, 64, 64) for sample in whole({"label": label}))
