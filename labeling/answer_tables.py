"""Tables of answers as people keep them: CSV, TSV, JSON Lines, Parquet, or an export of Label Studio."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from labeling.answers import from_result
from labeling.config import LabelConfig
from labeling.consensus.votes import COLUMNS
from lake.errors import DeliveryError

NAMES: Mapping[str, tuple[str, ...]] = {  # what others call the columns; the first that is there counts
    "item": ("item", "item_id", "task", "task_id", "example", "example_id", "question", "unit_id", "id"),
    "annotator": ("annotator", "annotator_id", "worker", "worker_id", "user", "user_id", "labeler", "performer"),
    "answer": ("answer", "label", "response", "value", "text", "output", "judgment"),
}
Row = tuple[str, str, str]


@dataclass(frozen=True)
class LeftOut:
    """A row that says nothing, and why."""

    row: int  # from 1, without the head; in an export the annotation's place
    why: str


@dataclass(frozen=True)
class AnswerTable:
    """Who answered what of which item, in the order of the file; a later row of the same two is a later word."""

    table: pa.Table  # item, annotator, answer: strings
    left_out: tuple[LeftOut, ...]


def read_answers(path: Path, *, config: LabelConfig | None = None) -> AnswerTable:
    """Read a table of answers; its form is told by the file's ending, its columns by their names (NAMES).

    config: the question of a Label Studio export, where it is not a single choice. Rows without an item, an annotator
    or an answer are left out, with the reason. Raises DeliveryError for a file that is not there, cannot be read, or
    has no such columns.
    """
    if not path.is_file():
        raise DeliveryError(f"there is no file {path}", remedy="give the path of a table of answers")
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise DeliveryError(
            f"{path.name} is no table of answers that can be read", remedy=f"give one of {', '.join(_READERS)}"
        )
    rows = _exported(path, config) if suffix == ".json" else _named(_READERS[suffix](path), path)
    kept: list[Row] = []
    left_out: list[LeftOut] = []
    for number, row in enumerate(rows, 1):
        missing = [name for name, value in zip(COLUMNS, row, strict=True) if not value]
        if missing:
            left_out.append(LeftOut(number, f"no {missing[0]}"))
        else:
            kept.append(row)
    columns = list(zip(*kept, strict=True)) or [(), (), ()]
    return AnswerTable(pa.table([pa.array(one, pa.string()) for one in columns], names=list(COLUMNS)), tuple(left_out))


def read_gold(path: Path) -> dict[str, str]:
    """item -> what is true, of a table with the columns item and answer. Raises DeliveryError as `read_answers`."""
    if not path.is_file() or path.suffix.lower() not in _READERS or path.suffix.lower() == ".json":
        raise DeliveryError(f"{path} is no table of gold answers", remedy="give CSV, TSV, JSONL or Parquet")
    gold: dict[str, str] = {}
    names: dict[str, str] | None = None
    for row in _READERS[path.suffix.lower()](path):
        names = names or {name: _column(name, row, path) for name in ("item", "answer")}
        item, answer = (_text(row.get(names[name])) for name in ("item", "answer"))
        if item and answer:
            gold[item] = answer
    return gold


def _named(rows: Iterable[Mapping[str, Any]], path: Path) -> Iterator[Row]:
    """Each row's item, annotator and answer."""
    names: dict[str, str] | None = None
    for row in rows:
        if names is None:
            names = {name: _column(name, row, path) for name in COLUMNS}
        item, annotator, answer = (_text(row.get(names[name])) for name in COLUMNS)
        yield item, annotator, answer


def _column(name: str, row: Mapping[str, Any], path: Path) -> str:
    by_low = {str(key).strip().lower(): str(key) for key in row}
    found = next((by_low[one] for one in NAMES[name] if one in by_low), None)
    if found is None:
        raise DeliveryError(
            f"{path.name} has no column for the {name}: its columns are {', '.join(map(str, row))}",
            remedy=f"call one of them {name}",
        )
    return found


def _text(value: object) -> str:
    """A cell as text; structured answers as their canonical JSON, so that equal ones are equal."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _separated(path: Path) -> Iterator[dict[str, Any]]:
    text = _decoded(path)
    head = text.split("\n", 1)[0]
    mark = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=head.count)
    try:
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, strict=True):
            yield {key: value for key, value in row.items() if key is not None}
    except csv.Error as error:
        raise DeliveryError(f"{path.name} is broken: {error}", remedy="save it anew as CSV in UTF-8") from error


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_decoded(path).splitlines(), 1):
        if line.strip():
            found = _json(line, f"{path.name}, line {number}")
            if not isinstance(found, dict):
                remedy = 'write {"item": ..., "annotator": ..., "answer": ...}'
                raise DeliveryError(f"{path.name}, line {number}: no object", remedy=remedy)
            yield found


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DeliveryError(f"{path.name} is no Parquet file: {error}", remedy="write it anew") from error
    if not table.num_rows:
        yield dict.fromkeys(table.column_names)
    for batch in table.to_batches(max_chunksize=65_536):
        yield from batch.to_pylist()


def _decoded(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeliveryError(f"{path.name} is not UTF-8 (byte {error.start})", remedy="save it anew in UTF-8") from error


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DeliveryError(f"{where}: no JSON ({error})", remedy="write it anew") from error


def _exported(path: Path, config: LabelConfig | None) -> Iterator[Row]:
    """The annotations of a Label Studio export (JSON), the older first; skipped ones say nothing."""
    tasks = _json(_decoded(path), path.name)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) and "annotations" in task for task in tasks):
        raise DeliveryError(
            f"{path.name} is no export of Label Studio: tasks with annotations are missing",
            remedy="export as JSON there (not JSON-MIN), or give a table with item, annotator and answer",
        )
    rows = [(str(one.get("updated_at", "")), task, one) for task in tasks for one in task["annotations"]]
    for _, task, one in sorted(rows, key=lambda row: (row[0], str(row[2].get("id", "")))):
        data = task.get("data") or {}
        item = str(data.get("item_id") or task.get("id") or "")
        who = one.get("completed_by") or ""
        who = who.get("email") or who.get("id") if isinstance(who, dict) else who
        answer = "" if one.get("was_cancelled") else _answer(one.get("result") or [], path, config)
        yield item, str(who), answer


def _answer(result: list[Any], path: Path, config: LabelConfig | None) -> str:
    if config is not None:
        return from_result(result, config)
    if not result:
        return ""
    chosen = result[0].get("value", {}).get("choices") if len(result) == 1 and isinstance(result[0], dict) else None
    if not isinstance(chosen, list) or len(chosen) != 1:
        raise DeliveryError(
            f"{path.name} holds answers that are not one choice out of several",
            remedy="give the question too, which says how to read them: --config label_config.xml",
        )
    return str(chosen[0])


_READERS: Mapping[str, Callable[[Path], Iterator[Mapping[str, Any]]]] = {
    ".csv": _separated,
    ".tsv": _separated,
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".parquet": _parquet,
    ".json": _lines,  # an export of Label Studio, see _exported
}
