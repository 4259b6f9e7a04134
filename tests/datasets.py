"""Dataset versions as folders, written without the lake: what training reads and nothing else."""

import csv
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from lake import ids
from lake.records import Label, to_table
from training.spec import LocalOfferSpec, TrainingSpec


@dataclass(frozen=True)
class Sample:
    """One labelled item, before it has an id."""

    media: bytes
    answer: str
    confidence: float = 1.0


def write_dataset(folder: Path, samples: Sequence[Sample], classes: Sequence[str], *, every: int = 5) -> Path:
    """A dataset version's folder of two packs; every `every`th item is for validation."""
    packs = folder / "packs"
    packs.mkdir(parents=True)
    half = (len(samples) + 1) // 2
    rows: list[dict[str, object]] = []
    for pack, part in (("pack-a", samples[:half]), ("pack-b", samples[half:])):
        with tarfile.open(packs / f"{pack}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for sample in part:
                info = tarfile.TarInfo(ids.content_id(sample.media))
                info.size = len(sample.media)
                split = "validation" if len(rows) % every == every - 1 else "train"
                offset = tar.offset + tarfile.BLOCKSIZE
                tar.addfile(info, io.BytesIO(sample.media))
                place = {"pack": pack, "offset": offset, "length": info.size, "split": split}
                rows.append({"item_id": info.name, "modality": "image", "group": info.name, **place})
    pq.write_table(pa.Table.from_pylist(rows), folder / "manifest.parquet")
    pq.write_table(to_table([_label(sample) for sample in samples], Label), folder / "labels.parquet")
    (folder / "classes.json").write_text(json.dumps(list(classes), ensure_ascii=False))
    return folder


def _label(sample: Sample) -> Label:
    return Label(
        item_id=ids.content_id(sample.media),
        schema_version="1",
        answer=sample.answer,
        confidence=sample.confidence,
        agreement=sample.confidence,
        method="test",
        annotators=("a", "b"),
    )


def training_spec(**changes: object) -> TrainingSpec:
    """A specification that trains 60 digits in a moment, with some of it changed."""
    values: dict[str, object] = {
        "recipe": "image_classifier",
        "epochs": 3,
        "batch_size": 16,
        "learning_rate": 0.01,
        "weight_decay": 0.05,
        "seed": 7,
        "validation_share": 0.2,
        "checkpoint_every_steps": 2,
        "timeout_s": 600,
        "local": LocalOfferSpec(price_per_hour=Decimal("3.6"), currency="CNY"),
    }
    return TrainingSpec.model_validate(values | changes)


def digits(start: int, stop: int) -> list[Sample]:
    """scikit-learn's scanned digits [start, stop) of 1,797 as 8x8 PNG pictures, with their true class."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images, targets = bunch.images[start:stop], bunch.target[start:stop]
    return [Sample(png(image * 255 / 16), str(target)) for image, target in zip(images, targets, strict=True)]


def png(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> bytes:
    """Pixels (side, side) or (side, side, 3), 0 to 255, as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def cifar10n(folder: Path) -> tuple[list[Sample], list[str]]:
    """The pictures of cifar10n_1000 with the majority of three real votes, and their true classes."""
    classes = (folder / "classes.txt").read_text().split()
    samples, truth = [], []
    with (folder / "labels.csv").open() as file:
        for row in csv.DictReader(file):
            votes = [row[f"random_label{slot}"] for slot in (1, 2, 3)]
            answer = max(votes, key=votes.count)
            confidence = votes.count(answer) / len(votes)
            samples.append(Sample((folder / row["file"]).read_bytes(), classes[int(answer)], confidence))
            truth.append(classes[int(row["clean_label"])])
    return samples, truth
