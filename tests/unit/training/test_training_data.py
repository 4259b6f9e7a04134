"""A dataset version's folder as arrays."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake import ids
from lake.errors import LakeError
from tests.datasets import Sample, digits, write_dataset
from training import data

CLASSES = tuple("0123456789")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "v1", digits(0, 40), CLASSES)


def test_every_item_comes_with_its_own_bytes_and_target(folder: Path) -> None:
    truth = {ids.content_id(sample.media): int(sample.answer) for sample in digits(0, 40)}
    train, validation = data.load(folder, "train"), data.load(folder, "validation")

    assert (len(train), len(validation)) == (32, 8)
    assert set(train.item_ids) | set(validation.item_ids) == set(truth)
    assert [ids.content_id(media) for media in train.media] == list(train.item_ids)
    assert train.targets.tolist() == [truth[item_id] for item_id in train.item_ids]
    assert train.classes == CLASSES


def test_the_order_of_the_files_does_not_matter(folder: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned"
    shutil.copytree(folder, turned)
    for name in ("manifest.parquet", "labels.parquet"):
        table = pq.read_table(turned / name)
        pq.write_table(table.take(pa.array(range(table.num_rows))[::-1]), turned / name)

    straight, reverse = data.load(folder, "train"), data.load(turned, "train")
    assert straight.item_ids == reverse.item_ids == tuple(sorted(straight.item_ids))
    assert straight.media == reverse.media
    assert np.array_equal(straight.targets, reverse.targets)


def test_a_label_weighs_its_confidence_and_counts_only_with_one(tmp_path: Path) -> None:
    given = [0.25, 1.0, 0.0, float("nan"), 0.5]
    samples = [Sample(str(number).encode(), "3", confidence) for number, confidence in enumerate(given)]
    folder = write_dataset(tmp_path / "v1", samples, CLASSES, every=100)
    labels = pq.read_table(folder / "labels.parquet")
    missing = pa.array([0.25, None, 0.0, float("nan"), 0.5])
    fields = [field.with_nullable(True) for field in labels.schema]
    columns = [missing if field.name == "confidence" else labels[field.name] for field in fields]
    pq.write_table(pa.Table.from_arrays(columns, schema=pa.schema(fields)), folder / "labels.parquet")

    loaded = data.load(folder, "train")
    weights = dict(zip(loaded.media, loaded.weights.tolist(), strict=True))
    assert weights == {b"0": 0.25, b"4": 0.5}


def test_an_item_without_a_label_is_left_out(folder: Path) -> None:
    labels = pq.read_table(folder / "labels.parquet")
    pq.write_table(labels.slice(0, 10), folder / "labels.parquet")
    assert len(data.load(folder, "train")) + len(data.load(folder, "validation")) == 10


def test_an_answer_that_is_no_class_is_refused(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "v1", [Sample(b"a", "eleven")], CLASSES)
    with pytest.raises(LakeError, match="eleven"):
        data.load(folder, "train")


@pytest.mark.parametrize("name", ["manifest.parquet", "labels.parquet", "classes.json", "packs/pack-a.tar"])
@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_a_missing_or_empty_file_is_named(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    path.unlink()
    if damage == "empty":
        path.touch()
    with pytest.raises(LakeError, match=path.name):
        data.load(folder, "train")


def test_a_pack_whose_bytes_changed_is_refused(folder: Path) -> None:
    pack = folder / "packs" / "pack-b.tar"
    data_of_pack = bytearray(pack.read_bytes())
    data_of_pack[600] ^= 1
    pack.write_bytes(data_of_pack)
    with pytest.raises(LakeError, match="pack-b"):
        data.load(folder, "train")


def test_a_pack_that_ends_early_is_refused(folder: Path) -> None:
    pack = folder / "packs" / "pack-b.tar"
    pack.write_bytes(pack.read_bytes()[:3000])
    with pytest.raises(LakeError, match="pack-b"):
        data.load(folder, "train")
