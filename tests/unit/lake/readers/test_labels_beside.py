"""What files beside the samples say of them: boxes, windows, points, numbers, classes."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lake.answers import shapes_of
from lake.errors import DeliveryError
from lake.ingest.describe import describe
from lake.ingest.readers import reader_for
from lake.ingest.reading import ReaderSpec
from lake.ingest.sources import open_source
from tests.unit.lake.readers.reading import Seen, drawn, see_files
from tests.unit.lake.samples import deliver, encoded, picture

JPEG = encoded(picture(1, (40, 30)), "JPEG")
CORNERS = {"left": 1, "top": 2, "right": 3, "bottom": 4, "label": 5}
LINES = {"files": "labels/*.txt", "header": False, "delimiter": " ", "boxes": CORNERS}
SERIES = "t,v\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-04,9\n"
HOURS = {"item": "{1}", "header": False, "axis": "t", "label": "odd"}


def boxes(folder: Path, delivered: dict[str, Any], /, **entry: Any) -> Seen:
    return see_files(folder, delivered, name="files", files="*.jpg", beside=[LINES | entry])


def series(folder: Path, labels: object, **entry: Any) -> Seen:
    files = {"a.csv": SERIES, "labels.json": json.dumps(labels)}
    return see_files(folder, files, name="csv_series", files="*.csv", beside=[HOURS | {"files": "labels.json"} | entry])


def places(seen: Seen) -> list[tuple[str, float, float, float, float]]:
    return [(one.label, one.x, one.y, one.width, one.height) for sample in seen.samples for one in drawn(sample)]


def stretches(seen: Seen) -> list[tuple[str, float, float]]:
    return [(one.label, one.start, one.end) for sample in seen.samples for one in drawn(sample, "segments")]


def test_boxes_in_lines_come_with_their_picture_and_bad_ones_are_named_by_line(tmp_path: Path) -> None:
    lines = "1 2 10 20 1\n5 5 5 9 1\n0 0 41 9 2\n\n1  2\t10 20 1\n1 2 3\n3 4 x 9 1\n3 4 6 9 2\n"
    files = {"images/a.jpg": JPEG, "labels/a.txt": lines, "labels/gone.txt": lines}
    seen = boxes(tmp_path, files, classes=["none", "crack", "hole"])
    assert places(seen) == [("crack", 1, 2, 9, 18), ("hole", 3, 4, 3, 5)]
    assert seen.samples[0].said[0].annotator == "labels/*.txt"
    assert seen.faults == [
        ("labels/gone.txt", "sample missing"),
        ("labels/a.txt:2", "box without extent"),
        ("labels/a.txt:3", "box outside the picture"),
        ("labels/a.txt:5", "repeated row"),
        ("labels/a.txt:6", "annotation unreadable"),
        ("labels/a.txt:7", "annotation unreadable"),
    ]
    assert seen.unnamed == set()


def test_a_first_line_of_another_form_spoils_no_other_line(tmp_path: Path) -> None:
    seen = boxes(tmp_path, {"images/a.jpg": JPEG, "labels/a.txt": "1\n1 2 10 20 hole\n"})
    assert places(seen) == [("hole", 1, 2, 9, 18)]
    assert seen.faults == [("labels/a.txt:1", "annotation unreadable")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ['{"boxes":[]}']),
        ("\n \r\n", ['{"boxes":[]}']),
        ("0 0 99 99 hole\n", []),  # what is wrong does not say that there is nothing
        (b"\xff\xfe\x00", []),
    ],
)
def test_an_empty_file_says_that_there_is_nothing_and_a_bad_one_says_nothing(
    tmp_path: Path, text: str | bytes, said: list[str]
) -> None:
    seen = boxes(tmp_path, {"images/a.jpg": JPEG, "labels/a.txt": text, "images/b.jpg": JPEG})
    assert [[one.answer for one in sample.said] for sample in seen.samples] == [said, []]
    assert bool(seen.faults) != bool(said)


def test_columns_may_stand_in_any_order_with_extents_in_a_table_of_all_pictures(tmp_path: Path) -> None:
    table = "\ufeffclass;w;h;x;y;file;who\r\n裂纹;9;18;1;2;a.jpg;ann\r\n裂纹;4;4;0;0;a.jpg;bob\r\n"
    table += "hole;1;1;1;1;c.jpg;ann\r\n"
    columns = {"left": "x", "top": "y", "width": "w", "height": "h", "label": "class"}
    entry = {"files": "boxes.csv", "item": "{file}", "annotator": "who", "boxes": columns}
    files = {"a.jpg": JPEG, "b.jpg": JPEG, "boxes.csv": table}
    seen = see_files(tmp_path, files, name="files", beside=[entry])
    assert [(said.annotator, len(shapes_of(said.answer, "boxes"))) for said in seen.samples[0].said] == [
        ("ann", 1),
        ("bob", 1),
    ]
    assert places(seen) == [("裂纹", 1, 2, 9, 18), ("裂纹", 0, 0, 4, 4)]
    assert (seen.samples[1].said, seen.faults) == ((), [("boxes.csv:4", "sample missing")])


def test_names_are_found_however_their_letters_are_composed(tmp_path: Path) -> None:
    apart, whole = unicodedata.normalize("NFD", "plaqué-è"), unicodedata.normalize("NFC", "plaqué-è")
    files = {f"images/{whole}.jpg": JPEG, f"labels/{apart}.txt": "1 2 10 20 洞\n", "images/图 1.jpg": JPEG}
    files["labels/图 1.txt"] = "1 2 3 4 洞\n"
    seen = boxes(tmp_path, files)
    assert (len(places(seen)), seen.faults) == (2, [])


def test_a_name_may_lack_one_ending_or_all_of_them(tmp_path: Path) -> None:
    files = dict.fromkeys(("cell.1.csv", "cell.2.csv", "old.csv.txt"), SERIES)
    files["n.tsv"] = "c\tn\ncell.1\t5\nold\t6\ncell\t7\n"
    seen = see_files(tmp_path, files, name="files", beside=[{"files": "n.tsv", "item": "{c}", "number": "n"}])
    assert [sample.source for sample in seen.samples if sample.said] == ["cell.1.csv", "old.csv.txt"]
    assert seen.faults == [("n.tsv:4", "sample missing")]


def test_a_name_that_two_samples_share_is_nobodys(tmp_path: Path) -> None:
    seen = boxes(tmp_path, {"l/a.jpg": JPEG, "r/a.jpg": JPEG, "labels/a.txt": "1 2 10 20 hole\n"})
    assert seen.faults == [("labels/a.txt", "sample missing")]
    assert places(
        boxes(
            tmp_path / "2",
            {"l/a.jpg": JPEG, "r/a.jpg": JPEG, "labels/r_a.txt": "1 2 10 20 hole\n"},
            pattern=r"(?P<side>.)_a\.txt",
            item="{side}/a.jpg",
        )
    ) == [("hole", 1, 2, 9, 18)]


def test_windows_and_points_become_rows_of_their_series(tmp_path: Path) -> None:
    windows = [["2024-01-01 12:00", "2024-01-03 12:00"], ["2024-01-04", "2024-01-04", "peak"], {"start": 0, "end": 1}]
    seen = series(tmp_path, {"a.csv": windows}, windows=2)
    assert stretches(seen) == [("odd", 0, 1), ("odd", 1, 2), ("peak", 3, 3)]
    seen = series(tmp_path / "2", {"a.csv": {"ann": ["2024-01-02 06:00", 3], "bob": []}}, annotator=2, points=3)
    assert stretches(seen) == [("odd", 1, 1), ("odd", 3, 3)]
    assert [(one.annotator, one.answer) for one in seen.samples[0].said][1] == ("bob", '{"segments":[]}')
    assert seen.unnamed == set()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (["2024-01-03", "2024-01-02"], "window ends before it starts"),
        (["2024-01-03 01:00", "2024-01-03 02:00"], "window without a row"),
        (["2023-12-31", "2024-01-02"], "window outside the series"),
        ([0, 4], "window outside the series"),
        ([-1, 2], "window outside the series"),
        (["soon", "later"], "annotation unreadable"),
        ([1], "annotation unreadable"),
        ([True, 2], "annotation unreadable"),
        (7, "annotation unreadable"),
    ],
)
def test_a_window_that_cannot_be_is_a_fault_and_its_series_comes_in(tmp_path: Path, value: Any, reason: str) -> None:
    seen = series(tmp_path, {"a.csv": [value, [0, 1]], "gone.csv": [[0, 1]]}, windows=2)
    assert stretches(seen) == [("odd", 0, 1)]
    assert seen.faults[0] == ("labels.json:2", "sample missing")
    assert [reason for _, reason in seen.faults[1:]] == [reason]


def test_a_point_outside_its_series_is_a_fault(tmp_path: Path) -> None:
    seen = series(tmp_path, {"a.csv": [1, 4, "2025-01-01", 1]}, points=2)
    assert stretches(seen) == [("odd", 1, 1)]
    assert [one for _, one in seen.faults] == ["point outside the series"] * 2 + ["repeated row"]


def test_a_series_that_runs_backwards_knows_the_moments_that_stand_in_it(tmp_path: Path) -> None:
    clocks = "t,v\n2024-10-27 01:00,1\n2024-10-27 02:00,2\n2024-10-27 01:30,3\n2024-10-27 03:00,4\n"
    labels = {"a.csv": ["2024-10-27 01:30", "2024-10-27 02:30"]}
    files = {"a.csv": clocks, "labels.json": json.dumps(labels)}
    entry = HOURS | {"files": "labels.json", "points": 2}
    seen = see_files(tmp_path, files, name="csv_series", files="*.csv", beside=[entry])
    assert stretches(seen) == [("odd", 2, 2)]
    assert seen.faults == [("labels.json:1", "annotation unreadable")]


def test_windows_of_sound_are_seconds_and_need_no_axis(tmp_path: Path) -> None:
    table = "file,from,to,what\na.wav,0.5,1.25,speech\na.wav,2,1,speech\na.wav,noon,1,speech\n"
    entry = {"files": "*.csv", "item": "{file}", "windows": ["from", "to", "what"]}
    seen = see_files(tmp_path, {"a.wav": b"RIFF", "said.csv": table}, name="files", files="*.wav", beside=[entry])
    assert stretches(seen) == [("speech", 0.5, 1.25)]
    assert [where for where, _ in seen.faults] == ["said.csv:3", "said.csv:4"]


def test_an_axis_that_is_not_there_is_told_and_the_series_comes_in(tmp_path: Path) -> None:
    seen = series(tmp_path, {"a.csv": [0]}, points=2, axis="time.index")
    assert (seen.samples[0].said, seen.faults) == ((), [("labels.json:1", "axis unreadable")])


def test_numbers_line_by_line_belong_to_the_file_of_that_number(tmp_path: Path) -> None:
    files = {"train/cell1.csv": "1,2\n", "train/cell2.csv": "2,3\n", "life/train_life.csv": "900\n-1\n7\n"}
    entry = {"files": "life/*.csv", "pattern": r"/(?P<part>\w+)_life", "item": "{part}/cell{line}.csv", "number": 1}
    entry |= {"header": False, "above": 0}
    seen = see_files(tmp_path, files, name="csv_series", files="train/*.csv", header=False, beside=[entry])
    assert seen.said() == {"train/cell1.csv": [("life/*.csv", '{"number":900.0}')], "train/cell2.csv": []}
    assert seen.faults == [("life/train_life.csv:2", "1 not above 0"), ("life/train_life.csv:3", "sample missing")]


def test_what_is_right_and_whose_it_is_may_stand_beside_too(tmp_path: Path) -> None:
    table = "file\tpatient\tlabel\na.jpg\tp1\tcat\nb.jpg\tp1\tdog\n"
    gold = {"files": "gold.csv", "item": "{file}", "answer": "label", "right": True}
    entries = [{"files": "t.tsv", "item": "{file}", "answer": "label", "group": "patient"}, gold]
    files = {"a.jpg": JPEG, "b.jpg": JPEG, "t.tsv": table, "gold.csv": "file,label\na,dog\n"}
    seen = see_files(tmp_path, files, name="files", beside=entries)
    assert [(one.group, one.said[0].answer, one.expert) for one in seen.samples] == [
        ("p1", "cat", "dog"),
        ("p1", "dog", None),
    ]


def test_a_dry_run_counts_the_shapes(tmp_path: Path) -> None:
    files = {"a.jpg": JPEG, "labels/a.txt": b"1 2 3 4 x\n5 6 7 8 x\n9 9 9 9 x\n"}
    source = open_source(deliver(tmp_path, files))
    found = describe(source, reader_for(source, ReaderSpec(name="files", beside=(LINES,))))  # type: ignore[arg-type]
    assert (found.samples, found.answers, found.shapes) == (1, {"boxes": 1}, {"boxes": 2})
    assert (found.faults, found.beside, found.unread) == ({"box without extent": 1}, 1, {})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"files": "gone/*"}, "holds no gone"),
        ({"boxes": CORNERS | {"label": 9}}, "has no column 9"),
        ({"item": "{8}.jpg"}, "has no column 8"),
    ],
)
def test_an_entry_that_fits_nothing_is_refused(tmp_path: Path, entry: dict[str, Any], said: str) -> None:
    with pytest.raises(DeliveryError, match=said):
        boxes(tmp_path, {"a.jpg": JPEG, "labels/a.txt": "1 2 3 4 x\n"}, **entry)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"points": 1, "windows": 2},
        {"windows": [1]},
        {"boxes": {"left": 1, "top": 2, "right": 3}},
        {"points": 1, "annotator": 2, "right": True},
    ],
)
def test_an_entry_that_contradicts_itself_is_no_spec(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReaderSpec.model_validate({"name": "files", "beside": [{"files": "*.txt"} | entry]})
