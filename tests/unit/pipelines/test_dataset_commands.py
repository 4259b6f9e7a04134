"""`trialbase dataset` and `trialbase lake` as people type them."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow as pa
import pytest

from lake.answers import Box, shapes_text
from lake.changes import compare
from lake.store import Lake
from lake.versions import DvcVersions
from pipelines.diff_picture import draw
from tests.unit.lake.holding import Made, commit, contents_of
from tests.unit.lake.samples import png
from tests.unit.pipelines.test_cli import trialbase

CLASSES = ("cat", "dog")
BOXED = Made(png(9, (64, 64)), shapes_text("boxes", [Box("cat", 1, 1, 10, 10)]))
MOVED = Made(BOXED.data, shapes_text("boxes", [Box("cat", 2, 1, 10, 10)]))
PLAIN = [Made(png(number), "cat") for number in range(4)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation with two versions of one dataset."""
    lake = Lake.at(tmp_path)
    versions = DvcVersions(lake)
    commit(versions, contents_of(lake, [*PLAIN, BOXED], CLASSES))
    commit(versions, contents_of(lake, [*PLAIN[:3], Made(PLAIN[3].data, "dog", "validation"), MOVED], CLASSES))
    lake.state.close()
    return tmp_path


def test_a_diff_is_a_table_data_and_a_picture(home: Path) -> None:
    table = trialbase(home, "dataset", "diff", "data@v1", "data@v2", "--picture", "diff.svg")
    assert "0 added, 0 removed, 2 relabelled, 1 in another split" in table.stdout, table.stderr
    assert "1 moved (IoU 0.82)" in " ".join(table.stdout.split())
    assert "Ada, Bob" in " ".join(table.stdout.split()) or "Ada," in table.stdout
    data = json.loads(trialbase(home, "dataset", "diff", "data@v1", "data@v2", "--json").stdout)
    assert [row["after"] for row in data["relabelled"] if row["before"] == "cat"] == ["dog"]
    assert [row["moved"] for row in data["shapes"]] == [[pytest.approx(90 / 110)]]
    assert data["classes"] == [{"class": "cat", "before": 5, "after": 4}, {"class": "dog", "before": 0, "after": 1}]
    assert ET.parse(home / "diff.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
    wrong = trialbase(home, "dataset", "diff", "data@v1", "data@v2", "--picture", "diff.png")
    assert "give a name that ends in .svg" in wrong.stderr


def test_a_card_is_printed_as_it_was_committed(home: Path) -> None:
    assert trialbase(home, "dataset", "card", "data@v1").stdout == "# A card\n"
    assert "there is no dataset version data@v9" in trialbase(home, "dataset", "card", "data@v9").stderr


def test_an_export_says_where_it_is_and_a_refusal_why(home: Path) -> None:
    done = trialbase(home, "dataset", "export", "data@v1", "out", "--format", "webdataset")
    assert done.stdout.strip() == str(home / "out"), done.stderr
    refused = trialbase(home, "dataset", "export", "data@v1", "coco", "--format", "coco")
    assert (refused.returncode, "coco cannot hold what data@v1 holds: class" in refused.stderr) == (1, True)
    unknown = trialbase(home, "dataset", "export", "data@v1", "x", "--format", "tiff")
    assert "use one of coco, yolo" in unknown.stderr


def test_verify_ends_with_1_where_something_is_wrong(home: Path) -> None:
    good = trialbase(home, "lake", "verify")
    assert (good.returncode, "all is well" in good.stdout) == (0, True), good.stdout
    (pack,) = (home / "lake" / "packs").glob("*.tar")
    pack.unlink()
    bad = trialbase(home, "lake", "verify")
    assert (bad.returncode, "missing pack" in bad.stdout) == (1, True)
    data = trialbase(home, "lake", "verify", "--json", "--quick")
    assert data.returncode == 1
    assert [one["problem"] for one in json.loads(data.stdout)["findings"]] == ["missing pack"]


def test_gc_says_first_what_it_would_remove(home: Path) -> None:
    lake = Lake.at(home)
    DvcVersions(lake).folder("data@v1")
    lake.state.close()
    (checkout,) = (home / "checkouts").iterdir()
    assert "1 would go" in trialbase(home, "lake", "gc", "--dry-run").stdout
    assert checkout.is_dir()
    assert [one["kind"] for one in json.loads(trialbase(home, "lake", "gc", "--json").stdout)["removals"]] == [
        "checkout"
    ]
    assert not checkout.exists()
    assert "0 removed" in trialbase(home, "lake", "gc").stdout


def test_a_picture_is_sound_whatever_the_names_are() -> None:
    names = ["<script>alert(1)</script>", 'a "quoted" & long name that does not end anywhere', "更", ""]

    def labels(shift: int) -> pa.Table:
        rows = range(200)
        return pa.table(
            {
                "item_id": [f"{row:03}" for row in rows],
                "answer": [names[(row + shift * (row % 2)) % 4] or f"class {row}" for row in rows],
                "annotators": [[names[row % 3]] for row in rows],
                "split": ["train"] * 200,
            }
        )

    for change in (
        compare(labels(0), labels(1)),
        compare(labels(0), labels(0)),
        compare(labels(0).slice(0, 0), labels(0)),
    ):
        drawn = draw(change, "a@v1", "a@v2")
        assert drawn == draw(change, "a@v1", "a@v2")
        root = ET.fromstring(drawn)
        assert {part.tag.rpartition("}")[2] for part in root.iter()} <= {"svg", "rect", "text"}
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for part in root.iter("{http://www.w3.org/2000/svg}rect"):
            if part.attrib["width"] != "100%":
                assert 0 <= float(part.attrib["x"]) <= float(part.attrib["x"]) + float(part.attrib["width"]) <= width
                assert 0 <= float(part.attrib["y"]) + float(part.attrib["height"]) <= height
