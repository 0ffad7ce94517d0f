from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.unit.networks import Pipeline, structured_pixels

from penjing.blueprint import Blueprint
from penjing.study.kept_data import HOLD_OUT, KeptData, Split

IMAGES = structured_pixels(20, (1, 8, 8))
LABELS = torch.arange(20) % 10


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    np.save(tmp_path / "cache" / "train_x.npy", IMAGES.numpy())
    np.save(tmp_path / "cache" / "train_y.npy", LABELS.numpy())
    return tmp_path


def blueprints() -> dict[int, Blueprint]:
    """A network that reads images of 6 pixels, and one that reads all 8."""
    pipeline = Pipeline()
    made = [pipeline.plain(candidate) for candidate in pipeline.samples(20)]
    return {
        blueprint["input.resize"].output_shape[1] if "input.resize" in blueprint else 8: blueprint
        for blueprint in made
    }


def test_every_training_image_is_in_one_fold_and_trains_the_others(run: Path) -> None:
    data = KeptData(run)
    n = len(data.labels("train"))
    folds = [data.fold(Split(at, 5), seed=3) for at in range(5)]
    assert sorted(torch.cat(folds).tolist()) == list(range(n))
    for at, fold in enumerate(folds):
        others = data.other_folds(Split(at, 5), seed=3)
        assert len(fold) + len(others) == n
        assert not set(fold.tolist()) & set(others.tolist())
    assert not torch.equal(folds[0], data.fold(Split(0, 5), seed=4))


def test_every_fold_has_its_share_of_each_class(run: Path) -> None:
    mixed = torch.randperm(21, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0] * 12 + [1] * 6 + [2] * 3)[mixed]
    np.save(run / "cache" / "train_y.npy", labels.numpy())
    data = KeptData(run)
    folds = [data.fold(Split(at, 3), seed=3) for at in range(3)]
    assert [torch.bincount(labels[fold]).tolist() for fold in folds] == [[4, 2, 1]] * 3
    assert [labels[fold].tolist() != sorted(labels[fold].tolist()) for fold in folds] == [True] * 3


def test_a_part_of_the_images_has_its_share_of_each_class_and_is_in_every_larger_part(run: Path) -> None:
    labels = torch.tensor([0] * 12 + [1] * 6 + [2] * 2)
    np.save(run / "cache" / "train_y.npy", labels.numpy())
    data = KeptData(run)
    found = [data.trained_on(HOLD_OUT, part, seed=3).tolist() for part in (0.01, 0.5, 0.9, 1.0)]
    counts = [torch.bincount(labels[at], minlength=3).tolist() for at in found]
    assert counts == [[1, 1, 1], [6, 3, 1], [11, 6, 2], [12, 6, 2]]
    for smaller, larger in pairwise(found):
        assert set(smaller) < set(larger)
    assert data.trained_on(HOLD_OUT, 0.5, seed=4).tolist() != found[1]


def test_a_part_of_what_trains_a_fold_is_not_of_the_fold(run: Path) -> None:
    data = KeptData(run)
    split = Split(1, 4)
    part = data.trained_on(split, 0.5, seed=3).tolist()
    assert set(part) < set(data.other_folds(split, seed=3).tolist())
    assert set(data.labels("train")[part].tolist()) == set(range(10))


def test_images_come_in_the_resolution_that_a_network_reads(run: Path) -> None:
    data = KeptData(run)
    for size, blueprint in blueprints().items():
        images = data.images("train", blueprint)
        assert images.shape == (20, 1, size, size)
        assert images.dtype == torch.uint8
    assert set(blueprints()) == {6, 8}
    assert torch.equal(data.images("train", blueprints()[8]), IMAGES)
    assert torch.equal(data.labels("train"), LABELS)


def test_images_are_placed_once(run: Path) -> None:
    elsewhere = KeptData(run, torch.device("meta"))
    here = KeptData(run)
    for blueprint in blueprints().values():
        placed = elsewhere.placed("train", blueprint)
        assert placed.device.type == "meta"
        assert placed is elsewhere.placed("train", blueprint)
        assert here.placed("train", blueprint) is here.images("train", blueprint)
