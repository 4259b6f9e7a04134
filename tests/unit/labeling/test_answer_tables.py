"""labeling/answer_tables.py: tables of answers as people keep them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labeling import templates
from labeling.answer_tables import read_answers, read_gold
from labeling.config import LabelConfig
from lake.answers import Box, shapes_of
from lake.errors import DeliveryError, PlatformError

ROWS = [("x", "ada", "cat"), ("x", "bo", "dog"), ("y", "ada", "cat")]


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def rows(path: Path) -> list[tuple[str, str, str]]:
    return [tuple(row.values()) for row in read_answers(path).table.to_pylist()]


def test_csv_with_the_names_that_others_use(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "worker,task,label,time\nada,x,cat,1\nbo,x,dog,2\nada,y,cat,3\n")
    assert rows(path) == ROWS


def test_semicolons_tabs_and_a_byte_order_mark(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "a.csv", "\ufeffItem;Annotator;Answer\nx;ada;cat\n")) == ROWS[:1]
    assert rows(written(tmp_path, "a.tsv", "item\tannotator\tanswer\nx\tada\tcat\n")) == ROWS[:1]


def test_a_quoted_cell_may_hold_commas_and_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'item,annotator,answer\nx,ada,"one, two\nthree"\n')
    assert rows(path) == [("x", "ada", "one, two\nthree")]


def test_json_lines_with_structured_answers_have_one_text(tmp_path: Path) -> None:
    lines = [
        {"item": 1, "annotator": "ada", "answer": {"ranking": ["b", "a"]}},
        {"item": 1, "annotator": "bo", "answer": '{"ranking":["b","a"]}'},
    ]
    path = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)) + "\n\n")
    assert rows(path) == [("1", "ada", '{"ranking":["b","a"]}'), ("1", "bo", '{"ranking":["b","a"]}')]


def test_parquet_with_numbers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"item_id": [7], "worker_id": [3], "response": [2.0]}), tmp_path / "a.parquet")
    assert rows(tmp_path / "a.parquet") == [("7", "3", "2")]


def test_rows_that_say_nothing_are_left_out_with_a_reason(tmp_path: Path) -> None:
    found = read_answers(written(tmp_path, "a.csv", "item,annotator,answer\nx,ada,cat\nx,,dog\ny,bo,\n"))
    assert found.table.num_rows == 1
    assert [(one.row, one.why) for one in found.left_out] == [(2, "no annotator"), (3, "no answer")]


def export(*results: object, cancelled: bool = False) -> str:
    annotations = [
        {
            "id": n,
            "completed_by": {"id": 1, "email": f"p{n}@x"},
            "was_cancelled": cancelled,
            "result": result,
            "updated_at": f"2026-01-0{n + 1}",
        }
        for n, result in enumerate(results)
    ]
    return json.dumps([{"id": 5, "data": {"item_id": "x"}, "annotations": annotations}])


def test_an_export_of_choices(tmp_path: Path) -> None:
    chosen = [{"from_name": "c", "to_name": "i", "type": "choices", "value": {"choices": ["cat"]}}]
    assert rows(written(tmp_path, "e.json", export(chosen))) == [("x", "p0@x", "cat")]
    assert rows(written(tmp_path, "e.json", export(chosen, cancelled=True))) == []


def test_an_export_of_boxes_needs_its_question(tmp_path: Path) -> None:
    config = LabelConfig.parse(templates.read("image-boxes"), where="boxes")
    box = {
        "from_name": config.control_name, "to_name": config.object_name, "type": "rectanglelabels", "id": "a",
        "original_width": 100, "original_height": 50,
        "value": {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": [config.classes[0]]},
    }  # fmt: skip
    path = written(tmp_path, "e.json", export([box]))
    with pytest.raises(DeliveryError, match="--config"):
        read_answers(path)
    (answer,) = read_answers(path, config=config).table["answer"].to_pylist()
    assert shapes_of(answer, "boxes") == (Box(config.classes[0], 10.0, 10.0, 30.0, 20.0),)
    with pytest.raises(PlatformError):
        read_answers(path, config=LabelConfig.parse(templates.read("image-choice"), where="choice"))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "who,what\n1,2\n", "no column for the item"),
        ("a.xlsx", "x", "no table of answers"),
        ("a.jsonl", "[1]\n", "no object"),
        ("a.jsonl", "{oops\n", "line 1: no JSON"),
        ("a.json", '{"a": 1}', "no export of Label Studio"),
        ("a.csv", 'item,annotator,answer\nx,ada,"cat"s"\n', "broken"),
        ("a.parquet", "x", "no Parquet file"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(DeliveryError, match=says):
        read_answers(written(tmp_path, name, text))


def test_another_encoding_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="not UTF-8"):
        read_answers(written(tmp_path, "a.csv", "item,annotator,answer\nx,ada,标注\n", encoding="gb18030"))
    with pytest.raises(DeliveryError, match="there is no file"):
        read_answers(tmp_path / "none.csv")


def test_gold_needs_no_annotator(tmp_path: Path) -> None:
    assert read_gold(written(tmp_path, "g.csv", "item,answer\nx,cat\ny,\n")) == {"x": "cat"}
    with pytest.raises(DeliveryError, match="no column for the answer"):
        read_gold(written(tmp_path, "g.csv", "item,truth\nx,cat\n"))
