"""Trees of media, manifests, WebDataset shards, Label Studio's exports and Parquet with media in it."""

import base64
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.errors import DeliveryError, SpecError
from lake.ingest.describe import describe
from lake.ingest.readers import reader_for
from lake.ingest.reading import ReaderSpec
from lake.ingest.sources import open_source
from tests.unit.lake.readers.reading import drawn, see, see_files
from tests.unit.lake.samples import deliver, png

# --- files


def test_any_tree_is_media_and_what_is_known_stands_in_two_tables(tmp_path: Path) -> None:
    files = {"a.png": png(1), "b/c.png": png(2), "odd.xyz": b"?", "answers.csv": "file,answer\na.png,cat\n"}
    seen = see_files(tmp_path, files | {"groups.csv": "file,group\nb/c.png,g1\n"})
    assert seen.reader == "files"
    assert [(one.source, one.expert, one.group) for one in seen.samples] == [
        ("a.png", "cat", None),
        ("b/c.png", None, "g1"),
        ("odd.xyz", None, None),
    ]
    assert seen.unnamed == set()


def test_a_pattern_says_what_paths_say(tmp_path: Path) -> None:
    pattern = r"(?P<answer>\d)_(?P<group>[a-z]+)_(?P<take>\d+)\.wav"
    files = {"r/7_theo_3.wav": b"x", "README.md": "about"}
    seen = see_files(tmp_path, files, name="files", files="*.wav", pattern=pattern, classes=[*"abcdefgh"])
    (sample,) = seen.samples
    assert (sample.said[0].annotator, sample.said[0].answer) == ("file name", "h")
    assert (sample.group, dict(sample.attributes)) == ("theo", {"take": "3"})
    assert seen.unnamed == set()
    with pytest.raises(SpecError, match=r"source\.reader\.pattern"):
        see(tmp_path, name="files", pattern="(")


def test_folders_may_be_classes(tmp_path: Path) -> None:
    seen = see_files(tmp_path, {"train/cat/a.png": png(1), "b.png": png(2)}, name="files", folders_are_classes=True)
    assert seen.said() == {"b.png": [], "train/cat/a.png": [("file name", "cat")]}


# --- manifest


def test_a_manifest_names_media_with_what_several_people_say(tmp_path: Path) -> None:
    files = {
        "labels.csv": "file,clean,one,two,when\nimages/1.png,1,1,0,2024-05-01T08:00:00+02:00\ngone.png,0,0,0,\n",
        "images/1.png": png(1),
        "images/2.png": png(2),
        "classes.txt": "cat\ndog\n",
    }
    keys: dict[str, Any] = {"media": "file", "answer": ["one", "two"], "expert": "clean", "time": "when"}
    seen = see_files(tmp_path, files, name="manifest", classes="classes.txt", **keys)
    (sample,) = seen.samples
    assert seen.said() == {"labels.csv#2": [("one", "dog"), ("two", "cat")]}
    assert (sample.expert, str(sample.captured_at)) == ("dog", "2024-05-01 06:00:00+00:00")
    assert sample.parts[0].read(10_000) == png(1)
    assert seen.faults == [("labels.csv#3", "media missing")]
    assert seen.unnamed == {"images/2.png"}
    assert see_files(tmp_path, {"more.txt": ""}).reader == "manifest"


def test_several_media_of_a_row_are_parts_and_rows_of_one_medium_are_one_sample(tmp_path: Path) -> None:
    rows = [
        {"call": "a.wav", "words": "./a.txt", "who": "ann", "label": "x"},
        {"call": "a.wav", "words": "./a.txt", "who": "bob", "label": "y"},
    ]
    files = {"m.jsonl": "\n".join(map(json.dumps, rows)), "a.wav": b"sound", "a.txt": "words"}
    keys: dict[str, Any] = {"media": ["call", "words"], "annotator": "who", "answer": "label"}
    seen = see_files(tmp_path, files, name="manifest", **keys)
    assert seen.said() == {"m.jsonl#1": [("ann", "x"), ("bob", "y")]}
    assert [(part.name, part.file) for part in seen.samples[0].parts] == [("", "a.wav"), ("words", "a.txt")]


@pytest.mark.parametrize(
    "address",
    [
        "../secret.png",
        "/etc/passwd",
        "file:///etc/passwd",
        "a/../../secret.png",
        "http://169.254.169.254/latest/meta-data/x.png",
        "s3://somebody-elses/x.png",
        "https://cdn.example.com.evil.net/x.png",
        "",
        "data:image/png;base64,!!!",
    ],
)
def test_a_manifest_reaches_nothing_outside_its_delivery(tmp_path: Path, address: str) -> None:
    deliver(tmp_path, {"secret.png": png(1)})
    keys: dict[str, Any] = {"media": "file", "origins": ["https://cdn.example.com"]}
    seen = see_files(tmp_path / "in", {"m.csv": f'file,x\n"{address}",1\n'}, name="manifest", **keys)
    assert seen.samples == []
    assert [reason for _, reason in seen.faults] == ["media missing"]


def test_an_absolute_path_below_the_delivery_and_a_data_uri_are_found(tmp_path: Path) -> None:
    uri = "data:image/png;base64," + base64.b64encode(png(2)).decode()
    files = {"m.csv": f'file,x\n{tmp_path}/a.png,1\n"{uri}",1\n', "a.png": png(1)}
    seen = see_files(tmp_path, files, name="manifest", media="file")
    assert list(seen.data().values()) == [[png(1)], [png(2)]]
    assert [one.parts[0].file for one in seen.samples] == ["a.png", "m.csv.png"]


# --- WebDataset


def shard(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


SHARD = {
    "s1.png": png(1),
    "s1.cls": b"1",
    "s2.png": png(2),
    "s2.txt": b"words",
    "s2.json": b'{"label": "dog", "camera": 3}',
    "s3.cls": b"0",
    "s4.png": png(4),
    "s4.json": b"{",
}


@pytest.mark.parametrize("single", [True, False])
def test_shards_give_samples_with_their_answers(tmp_path: Path, single: bool) -> None:
    deliver(tmp_path, {"s-0.tar": shard(SHARD), "broken.tar": b"not a tar" * 200, "README.md": b""})
    place = tmp_path / "s-0.tar" if single else tmp_path
    seen = see(place, name="webdataset", classes=["cat", "dog"])
    before = "" if single else "s-0.tar/"
    assert [one.source for one in seen.samples] == [f"{before}s{number}" for number in (1, 2, 4)]
    assert [[part.name for part in one.parts] for one in seen.samples] == [[""], ["", "txt"], [""]]
    assert seen.said()[f"{before}s1"] == [("cls", "dog")]
    assert seen.said()[f"{before}s2"] == [("json", "dog")]
    assert dict(seen.samples[1].attributes) == {"camera": "3"}
    assert seen.data()[f"{before}s2"] == [png(2), b"words"]
    assert [reason for _, reason in seen.faults] == ["sample without media", "annotation unreadable"]
    assert seen.unread == ([] if single else [("broken.tar", "unreadable")])
    assert see(place).reader == "webdataset"


# --- Label Studio


def task(**changes: Any) -> dict[str, Any]:
    whole = {
        "id": 1,
        "data": {"image": "/data/upload/3/ab-a.png"},
        "annotations": [
            {"completed_by": {"id": 4, "email": "ann@example.com"}, "result": [box(10, 20, 50, 40, "cat")]},
            {"completed_by": 5, "result": [box(10, 20, 95, 40, "cat"), box(0, 0, 100, 100, "dog")]},
            {"completed_by": 6, "was_cancelled": True, "result": []},
            {"completed_by": 7, "ground_truth": True, "result": [box(10, 20, 50, 40, "dog")]},
        ],
        "predictions": [12],
    }
    return whole | changes


def box(x: float, y: float, width: float, height: float, label: str) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [label]}
    return {"type": "rectanglelabels", "value": value, "original_width": 200, "original_height": 100}


def test_an_export_of_label_studio_says_who_drew_what(tmp_path: Path) -> None:
    seen = see_files(tmp_path, {"export.json": json.dumps([task()]), "upload/3/ab-a.png": png(1)})
    assert seen.reader == "label_studio"
    (sample,) = seen.samples
    assert [said.annotator for said in sample.said] == ["5", "ann@example.com"]
    assert [(one.label, one.x, one.y, one.width, one.height) for one in drawn(sample)] == [
        ("dog", 0, 0, 200, 100),
        ("cat", 20, 20, 100, 40),
    ]
    assert sample.expert is not None
    assert "dog" in sample.expert
    assert seen.faults == [("export.json#1", "box outside the picture")]


def test_choices_spans_words_and_numbers_come_out_of_an_export(tmp_path: Path) -> None:
    results = [
        {"from_name": "s", "type": "choices", "value": {"choices": ["good"]}},
        {"from_name": "n", "type": "labels", "value": {"start": 0, "end": 2, "text": "ab", "labels": ["X"]}},
        {"from_name": "t", "type": "textarea", "value": {"text": ["as heard"]}},
        {"from_name": "r", "type": "number", "value": {"number": 3}},
        {"from_name": "b", "type": "brushlabels", "value": {"brushlabels": ["X"]}},
    ]
    data = [task(data={"text": "abc"}, annotations=[{"completed_by": 1, "result": results}])]
    seen = see_files(tmp_path, {"export.json": json.dumps(data)})
    assert seen.data() == {"export.json#1": [b"abc"]}
    assert sorted(said.answer for said in seen.samples[0].said) == [
        "as heard",
        "good",
        '{"number":3.0}',
        '{"spans":[{"end":2,"label":"X","start":0}]}',
    ]
    assert seen.faults == [("export.json#1", "result of another kind")]


def test_json_min_is_read_too_and_media_may_be_data_uris(tmp_path: Path) -> None:
    uri = "data:image/png;base64," + base64.b64encode(png(3)).decode()
    row = {"id": 1, "image": uri, "choice": "cat", "annotator": 4, "annotation_id": 9}
    gone = row | {"image": "gone.png"}
    seen = see_files(tmp_path, {"min.json": json.dumps([row, gone, 5])})
    assert seen.data() == {"min.json#1": [png(3)]}
    assert seen.said() == {"min.json#1": [("4", "cat")]}
    assert seen.faults == [("min.json#2", "media missing"), ("min.json#3", "task unreadable")]
    with pytest.raises(DeliveryError, match="is no export of Label Studio"):
        see_files(tmp_path, {"min.json": "{}"}, name="label_studio", files="*.json")


# --- Parquet with media in it


def hugging(path: Path, labels: list[int | None]) -> None:
    features = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    media = [{"bytes": png(number), "path": f"{number}.png" if number else None} for number in range(len(labels))]
    table = pa.table({"image": media, "label": pa.array(labels, pa.int64()), "site": ["s"] * len(labels)})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=2)


def test_parquet_with_media_gives_samples_with_the_names_of_their_classes(tmp_path: Path) -> None:
    hugging(tmp_path / "train.parquet", [1, 0, None, 1])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1" + bytes(100))
    seen = see(tmp_path, name="hf_parquet", group="site")
    assert [one.parts[0].file for one in seen.samples] == [f"train.parquet#{number}.png" for number in (1, 2, 3, 4)]
    assert list(seen.data().values()) == [[png(number)] for number in range(4)]
    assert [[said.answer for said in one.said] for one in seen.samples] == [["dog"], ["cat"], [], ["dog"]]
    assert {one.group for one in seen.samples} == {"s"}
    assert seen.unread == [("broken.parquet", "unreadable")]
    (tmp_path / "broken.parquet").unlink()
    assert see(tmp_path).reader == "hf_parquet"


# --- the dry run


def test_a_dry_run_counts_without_reading_media(tmp_path: Path) -> None:
    deliver(tmp_path, {"cat/a.png": b"x", "dog/b.png": b"y"})
    (tmp_path / "link.png").symlink_to("a.png")
    source = open_source(tmp_path)
    found = describe(source, reader_for(source, ReaderSpec(name="files", files="*/*.png", folders_are_classes=True)))
    assert (found.reader, found.files, found.size_bytes, found.samples) == ("files", 2, 2, 2)
    assert (found.parts, found.answers, found.annotators) == ({"png": 2}, {"text": 2}, {"file name": 2})
    assert (found.unread, [one.source for one in found.first]) == ({"link": 1}, ["cat/a.png", "dog/b.png"])
