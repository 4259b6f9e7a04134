"""Tables whose rows are the samples."""

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.errors import DeliveryError, SpecError
from tests.unit.lake.readers.reading import drawn, see, see_files

REVIEWS = "label,review\n1,好\n0,差\n1,\n"


def packed_zip(name: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, data)
    return file.getvalue()


def test_a_table_of_texts_is_recognised_and_its_file_says_the_labels(tmp_path: Path) -> None:
    seen = see_files(tmp_path, {"r.csv": REVIEWS, "README.md": "about"})
    assert seen.reader == "table"
    assert seen.data() == {"r.csv#2": ["好".encode()], "r.csv#3": ["差".encode()], "r.csv#4": [b""]}
    assert seen.said()["r.csv#2"] == [("r.csv", "1")]
    assert seen.faults == [("r.csv#4", "empty text")]
    assert seen.unnamed == set()


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "big5"])
def test_a_table_is_read_in_the_charset_that_it_is_in(tmp_path: Path, charset: str) -> None:
    text = "label,text\n1,這是一個很好的地方\n"
    seen = see_files(tmp_path, {"t.csv": text.encode(charset)})
    assert seen.data() == {"t.csv#2": ["這是一個很好的地方".encode()]}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", b"label,text\nx,one\ny,two\n"),
        ("t.csv", b'"label";"text"\r\n"x";"one"\r\n"y";"two"\r\n'),
        ("t.tsv", b"label\ttext\nx\tone\ny\ttwo\n"),
        ("t.csv.gz", gzip.compress(b"label,text\nx,one\ny,two\n", mtime=0)),
        ("t.csv.zip", packed_zip("t.csv", b"label,text\nx,one\ny,two\n")),
        ("t.jsonl", b'{"label": "x", "text": "one"}\n\n{"text": "two", "label": "y"}\n'),
        ("t.json", b'[{"label": "x", "text": "one"}, {"label": "y", "text": "two"}]'),
        ("t.json", b'{"a": {"label": "x", "text": "one"}, "b": {"label": "y", "text": "two"}}'),
    ],
)
def test_every_form_of_table_gives_the_same_rows(tmp_path: Path, name: str, data: bytes) -> None:
    seen = see_files(tmp_path, {name: data})
    assert seen.reader == "table"
    assert [one for parts in seen.data().values() for one in parts] == [b"one", b"two"]
    assert [said.answer for one in seen.samples for said in one.said] == ["x", "y"]


def test_parquet_is_a_table_too(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one", "two"], "label": ["x", None]}), tmp_path / "t.parquet")
    seen = see(tmp_path)
    assert seen.said() == {"t.parquet#1": [("t.parquet", "x")], "t.parquet#2": []}


def test_a_single_file_is_a_delivery_and_its_packing_is_opened(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"label,text\nx,one\n", mtime=0))
    seen = see(tmp_path / "t.csv.gz")
    assert seen.data() == {"t.csv#2": [b"one"]}
    assert seen.unnamed == set()


def test_rows_of_one_item_are_one_sample_and_the_last_answer_of_an_annotator_counts(tmp_path: Path) -> None:
    rows = "ann,i1,yes,no,5\nbob,i1,no,no,4\nann,i1,no,no,9\nann,i2,yes,yes,2\n"
    keys = {"header": False, "annotator": 1, "item": 2, "answer": 3, "expert": 4}
    seen = see_files(tmp_path, {"votes.csv": rows}, name="table", **keys)
    assert seen.said() == {"votes.csv#1": [("ann", "no"), ("bob", "no")], "votes.csv#4": [("ann", "yes")]}
    assert [one.expert for one in seen.samples] == ["no", "yes"]
    assert seen.faults == [("votes.csv#3", "repeated row")]
    assert [json.loads(one.parts[0].read(99)) for one in seen.samples] == [{"2": "i1"}, {"2": "i2"}]


def test_somebody_who_answers_in_two_files_is_told_from_a_repeated_row(tmp_path: Path) -> None:
    keys = {"header": False, "annotator": 1, "item": 2, "answer": 3}
    files = {"a.csv": "ann,i,x\n", "b.csv": "ann,i,y\nann,i,z\n"}
    seen = see_files(tmp_path, files, name="table", **keys)
    assert [reason for _, reason in seen.faults] == ["answered in two files", "repeated row"]
    assert seen.said() == {"a.csv#1": [("ann", "z")]}


def test_where_annotators_are_named_rows_with_one_text_are_one_sample(tmp_path: Path) -> None:
    rows = "text,who,label\none,a,x\none,b,y\n"
    seen = see_files(tmp_path, {"t.csv": rows}, name="table", text="text", annotator="who", answer="label")
    assert seen.said() == {"t.csv#2": [("a", "x"), ("b", "y")]}


def test_an_annotator_who_says_nothing_is_reported(tmp_path: Path) -> None:
    rows = "text,who,label\none,a,\n"
    seen = see_files(tmp_path, {"t.csv": rows}, name="table", text="text", annotator="who", answer="label")
    assert (seen.faults, seen.said()) == ([("t.csv#2", "empty answer")], {"t.csv#2": []})


def test_a_row_without_a_text_is_the_item_without_what_is_said_of_it(tmp_path: Path) -> None:
    rows = "volt,cell,capacity\n3.5,a,1.25\n,b,0\n4,c,nan\n"
    seen = see_files(tmp_path, {"t.csv": rows}, name="table", number="capacity", above=0, group="cell")
    assert [one.parts[0].file for one in seen.samples] == ["t.csv#2.json", "t.csv#3.json", "t.csv#4.json"]
    assert [one.parts[0].read(99) for one in seen.samples] == [b'{"volt": 3.5}', b'{"volt": null}', b'{"volt": 4}']
    assert seen.said()["t.csv#2"] == [("t.csv", '{"number":1.25}')]
    assert seen.faults == [("t.csv#3", "capacity not above 0"), ("t.csv#4", "number unreadable")]
    assert [one.group for one in seen.samples] == ["a", "b", "c"]


def test_spans_come_with_their_users_and_wrong_ones_are_reported(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "text": "不错的酒店",
        "annotations": [
            {"label": "POS", "start_offset": 0, "end_offset": 2, "user": 62},
            {"label": "POS", "start_offset": 3, "end_offset": 5, "user": 62},
            {"label": "NEG", "start_offset": 0, "end_offset": 9, "user": 61},
        ],
    }
    gold = {"id": 7, "text": "不错的酒店", "annotations": [{"label": "POS", "start_offset": 0, "end_offset": 2}]}
    files = {"crowd.json": json.dumps(row) + "\n" + json.dumps(row | {"id": 8, "annotations": []}) + "\n"}
    files["gold.json"] = json.dumps(gold) + "\n" + json.dumps(gold | {"id": 9}) + "\n"
    keys = {"item": "id", "text": "text", "spans": "annotations", "gold": "gold.json"}
    seen = see_files(tmp_path, files, name="table", **keys)
    first, second = seen.samples
    assert [(said.annotator, len(drawn(first, "spans"))) for said in first.said] == [("62", 2)]
    assert first.expert == '{"spans":[{"end":2,"label":"POS","start":0}]}'
    assert [(said.annotator, said.answer) for said in second.said] == [("crowd.json", '{"spans":[]}')]
    assert [reason for _, reason in seen.faults] == ["span outside the text", "gold of no item"]


def test_spans_with_their_words_end_inclusively_and_are_checked_against_them(tmp_path: Path) -> None:
    rows = [
        {"text": "彭小军认为", "label": {"name": {"彭小军": [[0, 2]]}}},
        {"text": "彭小军认为", "label": {"name": {"彭小军": [[0, 3]]}}},
        {"text": "无", "label": {}},
        {"text": "谁", "label": 5},
    ]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    seen = see_files(tmp_path, {"c.json": text}, name="table", text="text", spans="label")
    assert seen.said()["c.json#1"] == [("c.json", '{"spans":[{"end":3,"label":"name","start":0}]}')]
    assert seen.said()["c.json#3"] == [("c.json", '{"spans":[]}')]
    assert seen.faults == [("c.json#2", "annotation unreadable"), ("c.json#4", "annotation unreadable")]


def test_answers_in_a_matrix_stand_line_by_line_beside_the_texts(tmp_path: Path) -> None:
    files = {"texts.txt": "a, b\nc\n", "votes.txt": "1 -1 0\n-1 -1 1\n", "truth.txt": "1\n0\n"}
    keys = {"files": "texts.txt", "header": False, "delimiter": "", "text": 1, "classes": ["bad", "good"]}
    seen = see_files(tmp_path, files, name="table", matrix="votes.txt", gold="truth.txt", **keys)
    assert seen.said() == {"texts.txt#1": [("1", "good"), ("3", "bad")], "texts.txt#2": [("3", "good")]}
    assert [one.expert for one in seen.samples] == ["good", "bad"]
    assert [one.parts[0].read(9) for one in seen.samples] == [b"a, b", b"c"]
    (tmp_path / "votes.txt").write_text("1 -1 0\n")
    with pytest.raises(DeliveryError, match="fewer lines"):
        see(tmp_path, name="table", matrix="votes.txt", **keys)


def test_without_a_header_names_inside_json_and_yaml_are_columns(tmp_path: Path) -> None:
    keys = {"header": False, "annotator": 1, "item": 2, "answer": 3}
    files = {"labels.yaml": "39: {a: true, b: false}\n40: {a: false}\n", "gt.yaml": "{a: true}\n"}
    seen = see_files(tmp_path, files, name="table", files="labels.yaml", gold="gt.yaml", **keys)
    assert seen.said() == {"labels.yaml#1": [("39", "true"), ("40", "false")], "labels.yaml#2": [("39", "false")]}
    assert [one.expert for one in seen.samples] == ["true", None]


def test_yaml_with_aliases_or_tags_is_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    for text in (bomb, "!!python/object/apply:os.system [ls]\n"):
        seen = see_files(tmp_path, {"t.yaml": text}, name="table")
        assert seen.unread == [("t.yaml", "unreadable")]


def test_deep_columns_of_json_are_reached_by_a_path(tmp_path: Path) -> None:
    dialogue = {"d1": {"messages": [{"content": "你好", "role": "usr"}, {"content": "您好", "role": "sys"}]}}
    data = packed_zip("val.json", json.dumps(dialogue).encode())
    seen = see_files(tmp_path, {"val.json.zip": data}, name="table", text="messages.content", group="key")
    assert seen.data() == {"val.json.zip#1": ["你好\n您好".encode()]}
    assert seen.samples[0].group == "d1"


def test_rows_that_are_none_are_told_apart_and_the_others_come_in(tmp_path: Path) -> None:
    files = {
        "a.csv": "text,label\none,x\ntwo\nthree,y\n",
        "b.jsonl": '{"text": "four"}\nnot json\n[1]\n{"text": "five"}\n',
        "c.csv": b"\xff\xfe\xfa",
        "d.csv": 'text,label\nsix,x\n"open,y\n',
        "e.json": "[" * 100_000,
        "f.csv.gz": gzip.compress(b"text,label\nseven,x\n", mtime=0)[:-12],
    }
    seen = see_files(tmp_path, files, name="table", text="text", answer="label")
    assert [one[0] for one in seen.data().values()] == [b"one", b"three", b"four", b"five", b"six"]
    assert [path for path, _ in seen.unread] == [
        "a.csv#3",
        "b.jsonl#2",
        "b.jsonl#3",
        "c.csv",
        "d.csv",
        "e.json",
        "f.csv.gz",
    ]
    assert {reason for _, reason in seen.unread} == {"unreadable"}


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"t\.csv has no column 'words'\n.*its columns are 1, 2, text, label"):
        see_files(tmp_path, {"t.csv": "text,label\none,x\n"}, name="table", text="words")


def test_a_reader_refuses_keys_that_it_does_not_know_and_names_those_that_it_does(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"source\.reader\.media: the reader table does not know it"):
        see_files(tmp_path, {"t.csv": "text\none\n"}, name="table", media="text")
    with pytest.raises(SpecError, match=r"there is no reader 'excel'\n.*csv_series, files"):
        see(tmp_path, name="excel")


def test_a_long_text_is_one_cell_and_other_tables_keep_their_limit(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    seen = see_files(tmp_path, {"t.csv": "text,label\n" + "长" * 200_000 + ",x\n"})
    assert [len(one[0]) for one in seen.data().values()] == [600_000]
    assert csv.field_size_limit() == before
