"""Exports: what other tools read is what the version says, or nothing is written at all."""

import csv
import io
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import webdataset
import yaml

from lake.answers import Box, Segment, Solid, Span, number_text, shapes_of, shapes_text
from lake.errors import LakeError
from lake.export import FORMATS, export
from lake.ingest import SourceSpec, register, take
from lake.ingest.reading import ReaderSpec
from lake.records import Annotation
from lake.store import Lake
from lake.versions import DvcVersions
from tests.unit.lake.holding import Made, commit, contents_of
from tests.unit.lake.samples import ROOT, png

leaky_reader = pytest.mark.filterwarnings(  # webdataset leaves its files to the garbage collector
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
CLASSES = ("cat", "dog", "更")
BOXES = [
    (Box("cat", 1.5, 2.25, 10.125, 20.0625), Box("更", 0, 0, 64, 48)),
    (Box("dog", 3.3333333, 1 / 3, 7.1, 0.1),),
    (),
]
DRAWN = [
    Made(png(number, (64, 48)), shapes_text("boxes", drawn), "validation" if number == 1 else "train")
    for number, drawn in enumerate(BOXES)
]
CHOSEN = [Made(png(number), CLASSES[number % 3], "validation" if number == 4 else "train") for number in range(6)]
WORDS = [
    Made(text.encode(), answer, "train", "text", "text/plain")
    for text, answer in (
        ("Ada wrote, 更 too", shapes_text("spans", [Span("cat", 0, 3), Span("更", 11, 12)])),
        ('nobody, "quoted"\nand more', shapes_text("spans", [])),
    )
]


def wav(seconds: float) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(int(8000 * seconds)) / 9), 8000, format="WAV", subtype="PCM_16")
    return file.getvalue()


SOUNDS = [
    Made(wav(1.5), shapes_text("segments", [Segment("cat", 0.25, 1.0)]), modality="audio", media_type="audio/wav"),
    Made(wav(5.0), shapes_text("segments", [Segment("dog", 0.0, 4.5)]), modality="audio", media_type="audio/wav"),
]


@pytest.fixture
def versions(lake: Lake) -> DvcVersions:
    return DvcVersions(lake)


def exported(versions: DvcVersions, lake: Lake, made: Sequence[Made], form: str, to: Path) -> Path:
    tag = commit(versions, contents_of(lake, made, CLASSES)).tag
    return export(versions, tag, form, to / "out")


def taken_again(folder: Path, home: Path, modality: Any, **facts: object) -> dict[str, list[str]]:
    """An export as a delivery: what is said of each item, by item_id."""
    spec = SourceSpec(max_bytes=10**6, max_pixels=10**6, max_seconds=60, licence="CC0", consent="none", **facts)  # type: ignore[arg-type]
    lake = Lake.at(home)
    name = register(lake, "again", [folder])
    receipt = take(lake, "again", name, modality, spec)
    assert receipt.faults == {}
    items = lake.batch("again", name).read("items")["item_id"].to_pylist()
    said: dict[str, list[str]] = {item: [] for item in items}
    for one in lake.batch("again", name).records("said", Annotation):
        said[one.item_id].append(one.answer)
    lake.state.close()
    return said


def media(made: Sequence[Made]) -> dict[str, bytes]:
    return {f"{one.item_id}.png": one.data for one in made}


# --- coco, yolo


def test_coco_holds_the_same_boxes_and_pictures(lake: Lake, versions: DvcVersions, tmp_path: Path) -> None:
    out = exported(versions, lake, DRAWN, "coco", tmp_path)
    assert {path.name: path.read_bytes() for path in (out / "images").iterdir()} == media(DRAWN)
    found: dict[str, list[tuple[str, list[float]]]] = {}
    for split in ("train", "validation"):
        content = json.loads((out / "annotations" / f"instances_{split}.json").read_text())
        names = {one["id"]: one["name"] for one in content["categories"]}
        assert tuple(names.values()) == CLASSES
        files = {one["id"]: one["file_name"] for one in content["images"]}
        assert {(one["width"], one["height"]) for one in content["images"]} == {(64, 48)}
        found |= {name: [] for name in files.values()}
        for one in content["annotations"]:
            found[files[one["image_id"]]].append((names[one["category_id"]], one["bbox"]))
    assert found == {
        f"{made.item_id}.png": [
            (box.label, [box.x, box.y, box.width, box.height]) for box in shapes_of(made.answer, "boxes")
        ]
        for made in DRAWN
    }


@pytest.mark.parametrize(("form", "within"), [("coco", 1e-9), ("yolo", 1e-4), ("label-studio", 1e-4)])
def test_boxes_come_back_through_ingest(
    lake: Lake, versions: DvcVersions, tmp_path: Path, form: str, within: float
) -> None:
    said = taken_again(exported(versions, lake, DRAWN, form, tmp_path), tmp_path / "home2", "image")
    assert set(said) == {made.item_id for made in DRAWN}
    for made in DRAWN:
        before = shapes_of(made.answer, "boxes")
        after = [box for answer in said[made.item_id] for box in shapes_of(answer, "boxes")]
        assert [box.label for box in after] == [box.label for box in before]
        for one, other in zip(before, after, strict=True):
            assert np.allclose(
                [one.x, one.y, one.width, one.height], [other.x, other.y, other.width, other.height], atol=within
            )


def test_yolo_tells_no_boxes_from_nothing_said(lake: Lake, versions: DvcVersions, tmp_path: Path) -> None:
    made = [*DRAWN, Made(png(9, (64, 48)))]
    out = exported(versions, lake, made, "yolo", tmp_path)
    labels = {path.stem: path.read_text() for path in (out / "labels").rglob("*.txt")}
    assert labels[DRAWN[2].item_id] == ""
    assert made[3].item_id not in labels
    facts = yaml.safe_load((out / "data.yaml").read_text())
    assert facts == {"path": ".", "train": "images/train", "val": "images/val", "names": dict(enumerate(CLASSES))}
    assert (out / "labels" / "val" / f"{DRAWN[1].item_id}.txt").exists()


# --- webdataset, parquet, csv


@leaky_reader
def test_webdataset_samples_hold_their_labels(lake: Lake, versions: DvcVersions, tmp_path: Path) -> None:
    out = exported(versions, lake, CHOSEN, "webdataset", tmp_path)
    found = {}
    for split in ("train", "validation"):
        for sample in webdataset.WebDataset(str(out / f"{split}-000000.tar"), shardshuffle=False):
            facts = json.loads(sample["json"])
            assert (facts["split"], facts["item_id"]) == (split, sample["__key__"])
            found[sample["__key__"]] = (sample["png"], facts["answer"], CLASSES[int(sample["cls"])])
    assert found == {made.item_id: (made.data, made.answer, made.answer) for made in CHOSEN}
    assert json.loads((out / "classes.json").read_text()) == list(CLASSES)


@leaky_reader
def test_parts_of_a_sample_stay_together(lake: Lake, versions: DvcVersions, tmp_path: Path) -> None:
    made = [Made(png(1), "cat", part=("notes", "text", "text/plain", b"words")), Made(png(2), "dog")]
    tag = commit(versions, contents_of(lake, made, CLASSES)).tag
    out = export(versions, tag, "webdataset", tmp_path / "w")
    samples = {one["__key__"]: one for one in webdataset.WebDataset(str(out / "train-000000.tar"), shardshuffle=False)}
    assert samples[made[0].item_id]["notes.txt"] == b"words"
    packs = versions.folder(tag) / "packs"
    (pack,) = packs.glob("*.tar")  # as the version itself holds them
    inside = {one["__key__"]: one for one in webdataset.WebDataset(str(pack), shardshuffle=False)}
    assert inside[made[0].item_id]["notes.txt"] == b"words"
    rows = pd.concat(
        pd.read_parquet(path) for path in export(versions, tag, "parquet", tmp_path / "p").rglob("*.parquet")
    )
    first = rows[rows.item_id == made[0].item_id].iloc[0]
    assert (first.notes["bytes"], first.image["bytes"]) == (b"words", made[0].data)
    table = list(csv.DictReader((export(versions, tag, "csv", tmp_path / "c") / "labels.csv").open()))
    (parts,) = [json.loads(row["parts"]) for row in table if row["item_id"] == made[0].item_id]
    assert (tmp_path / "c" / parts[0]).read_bytes() == b"words"
    for form in ("coco", "yolo"):
        with pytest.raises(LakeError, match="several media of one item"):
            export(versions, tag, form, tmp_path / form)


def test_parquet_holds_media_and_names_of_classes(lake: Lake, versions: DvcVersions, tmp_path: Path) -> None:
    out = exported(versions, lake, CHOSEN, "parquet", tmp_path)
    assert {path.name for path in (out / "data").iterdir()} == {
        "train-00000-of-00001.parquet",
        "validation-00000-of-00001.parquet",
    }
    table = pq.read_table(out / "data" / "train-00000-of-00001.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {"names": list(CLASSES), "_type": "ClassLabel"}
    rows = table.to_pylist()
    assert {row["image"]["bytes"]: (CLASSES[row["label"]], row["answer"]) for row in rows} == {
        made.data: (made.answer, made.answer) for made in CHOSEN if made.split == "train"
    }
    said = taken_again(out, tmp_path / "home2", "image")
    assert said == {made.item_id: [made.answer] for made in CHOSEN}


def test_csv_names_files_that_are_there(lake: Lake, versions: DvcVersions, tmp_path: Path) -> None:
    out = exported(versions, lake, WORDS, "csv", tmp_path)
    with (out / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(out / row["file"]).read_bytes(): row["answer"] for row in rows} == {one.data: one.answer for one in WORDS}
    assert {json.loads(row["annotators"])[1] for row in rows} == {"Bob"}
    out = export(
        versions, commit(versions, contents_of(lake, CHOSEN, CLASSES), "chosen").tag, "csv", tmp_path / "chosen"
    )
    said = taken_again(out, tmp_path / "home2", "image", reader=ReaderSpec(name="manifest", answer="answer"))
    assert said == {made.item_id: [made.answer] for made in CHOSEN}


# --- label studio


NUMBERS = [Made(png(number), number_text(number / 3)) for number in range(3)]
TRANSCRIPTS = [Made(png(number), f"a text that is no class {number}") for number in range(3)]
QUESTIONS = {
    "boxes": DRAWN,
    "class": CHOSEN,
    "spans": WORDS,
    "segments": SOUNDS,
    "number": NUMBERS,
    "text": TRANSCRIPTS,
}
VALIDATE = """
import json, pathlib, sys
from label_studio_sdk.label_interface import LabelInterface
folder = pathlib.Path(sys.argv[1])
interface = LabelInterface((folder / "label_config.xml").read_text())
interface.validate()
tasks = json.loads((folder / "tasks.json").read_text())
for task in tasks:
    assert interface.validate_task({"data": task["data"]})
    for annotation in task["annotations"]:
        assert interface.validate_annotation(annotation), annotation
print(len(tasks))
"""


@pytest.mark.parametrize("kind", QUESTIONS)
def test_label_studio_takes_every_task_and_its_answer(
    lake: Lake, versions: DvcVersions, tmp_path: Path, kind: str
) -> None:
    python = ROOT / ".venv-label-studio" / "bin" / "python"
    if not python.exists():
        pytest.skip("Label Studio's environment is not there: `make setup` makes it")
    out = exported(versions, lake, QUESTIONS[kind], "label-studio", tmp_path)
    done = subprocess.run(
        [str(python), "-c", VALIDATE, str(out)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(QUESTIONS[kind])


@pytest.mark.parametrize(
    ("kind", "modality"), [("class", "image"), ("spans", "text"), ("segments", "audio"), ("number", "image")]
)
def test_label_studio_tasks_come_back_through_ingest(
    lake: Lake, versions: DvcVersions, tmp_path: Path, kind: str, modality: str
) -> None:
    out = exported(versions, lake, QUESTIONS[kind], "label-studio", tmp_path)
    if kind == "segments":
        assert {path.name for path in (out / "media").iterdir()} == {f"{SOUNDS[1].item_id}.wav"}  # the large one
    said = taken_again(out, tmp_path / "home2", modality)
    empty = shapes_text("spans", [])  # no results: Label Studio cannot say of what there are none
    assert said == {made.item_id: [made.answer] if made.answer != empty else [] for made in QUESTIONS[kind]}


# --- whole or not at all


@pytest.mark.parametrize(
    ("form", "made", "says"),
    [
        ("coco", WORDS, "coco cannot hold what data@v1 holds: text, spans"),
        ("yolo", CHOSEN, "yolo cannot hold what data@v1 holds: class"),
        ("coco", [Made(png(1), shapes_text("boxes", [Box("cat", 1, 1, 2, 2, 30)]))], "cannot hold the turned box"),
        ("yolo", [Made(png(1), shapes_text("boxes", [Box("owl", 1, 1, 2, 2)]))], "'owl'"),
        ("label-studio", [Made(png(1), shapes_text("solids", [Solid("cat", 1, 1, 1, 1, 1, 1, 0)]))], "solids"),
        ("label-studio", [*CHOSEN, *DRAWN], "boxes and class"),
        ("label-studio", [Made(png(1), shapes_text("spans", [Span("cat", 0, 1)]))], "cannot ask spans about image"),
        ("tiff", CHOSEN, "the format tiff is unknown"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_is_written(
    lake: Lake, versions: DvcVersions, tmp_path: Path, form: str, made: list[Made], says: str
) -> None:
    with pytest.raises(LakeError, match=says):
        exported(versions, lake, made, form, tmp_path)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_an_export_never_overwrites_and_ends_whole_or_not_at_all(
    lake: Lake, versions: DvcVersions, tmp_path: Path
) -> None:
    tag = commit(versions, contents_of(lake, CHOSEN, CLASSES)).tag
    (tmp_path / "out").mkdir()
    with pytest.raises(LakeError, match="already there"):
        export(versions, tag, "csv", tmp_path / "out")

    def stop(_done: int, _all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(versions, tag, "csv", tmp_path / "half", stop)
    assert {path.name for path in tmp_path.iterdir()} == {"home", "out"}


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_version_gives_the_same_bytes(lake: Lake, versions: DvcVersions, tmp_path: Path, form: str) -> None:
    made = DRAWN if form in ("coco", "yolo") else CHOSEN
    tag = commit(versions, contents_of(lake, made, CLASSES)).tag
    told: list[tuple[int, int]] = []
    folders = [export(versions, tag, form, tmp_path / name, lambda *one: told.append(one)) for name in "ab"]
    held = [
        {path.relative_to(one): path.read_bytes() for path in sorted(one.rglob("*")) if path.is_file()}
        for one in folders
    ]
    assert held[0] == held[1]
    assert told[-1] == (len(made), len(made))
    assert (folders[0] / "README.md").read_text() == "# A card\n"
