"""What changed from one dataset version to another, label by label."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from lake.answers import KINDS, shapes_of
from lake.overlap import Matched, match

_LABEL = '"label":"'  # unescaped in canonical text only where a shape's class stands
_TO_THE_QUOTE = r'^(?P<label>(?:[^"\\]|\\.)*)"'


@dataclasses.dataclass(frozen=True)
class Diff:
    """What changed from one version to another. Tables are in the order of item_id, or of the names that they count."""

    added: tuple[str, ...]  # item ids
    removed: tuple[str, ...]
    relabelled: pa.Table  # item_id, before, after, annotators (of the answer after), adjudicated_by
    shapes: pa.Table  # of the relabelled that hold shapes before and after: item_id, kind, kept, moved (IoU), ...
    split_changed: pa.Table  # item_id, before, after
    classes: pa.Table  # class, before, after: how often it is given
    confusion: pa.Table  # before, after, count: which class became which, of items and of shapes in the same place
    annotators: pa.Table  # annotator, before, after: labels that someone took part in


def compare(before: pa.Table, after: pa.Table) -> Diff:
    """Two versions' labels: columns item_id, answer, annotators, split, and adjudicated_by where there is one."""
    first, last, added, removed = _side_by_side(before, after)
    relabelled = _relabelled(first, last)
    matched = list(_matched(relabelled))
    return Diff(
        added=tuple(sorted(added["item_id"].to_pylist())),
        removed=tuple(sorted(removed["item_id"].to_pylist())),
        relabelled=relabelled,
        shapes=_shapes(matched),
        split_changed=_changed(first, last, "split"),
        classes=_class_shift(before, first, last, added, removed),
        confusion=_confusion(relabelled, matched),
        annotators=_counts("annotator", _annotators(before), _annotators(after)),
    )


def class_counts(answers: pa.ChunkedArray) -> Counter[str]:
    """How often each class is given: a choice once, a shape's class once a shape."""
    counts: Counter[str] = Counter()
    for chunk in answers.chunks:
        structured = pc.starts_with(chunk, '{"')
        _add(counts, chunk.filter(pc.invert(structured)))
        _add_structured(counts, chunk.filter(structured))
    return counts


# --- rows of both


def _side_by_side(before: pa.Table, after: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """The rows of both versions in the same order, and what only one of them has."""
    if before["item_id"].equals(after["item_id"]):
        return before, after, after.slice(0, 0), before.slice(0, 0)
    place = pc.index_in(after["item_id"], value_set=before["item_id"])
    known = pc.is_valid(place)
    left = pc.is_in(before["item_id"], value_set=after["item_id"])
    return (
        before.take(place.filter(known)),
        after.filter(known),
        after.filter(pc.invert(known)),
        before.filter(pc.invert(left)),
    )


def _changed(first: pa.Table, last: pa.Table, column: str) -> pa.Table:
    """item_id, before, after of the rows where a column differs."""
    differs = pc.not_equal(first[column], last[column])
    ids, old, new = (rows.filter(differs) for rows in (first["item_id"], first[column], last[column]))
    return pa.table({"item_id": ids, "before": old, "after": new}).sort_by("item_id")


def _relabelled(first: pa.Table, last: pa.Table) -> pa.Table:
    differs = pc.not_equal(first["answer"], last["answer"])
    old, new = first.filter(differs), last.filter(differs)
    nobody = pa.nulls(new.num_rows, pa.string())
    rows = {
        "item_id": new["item_id"],
        "before": old["answer"],
        "after": new["answer"],
        "annotators": new["annotators"].cast(pa.list_(pa.string())),
        "adjudicated_by": new["adjudicated_by"] if "adjudicated_by" in new.column_names else nobody,
    }
    order = pc.sort_indices(rows["item_id"])
    return pa.table(rows).take(order)


# --- shapes


def _matched(relabelled: pa.Table) -> Iterator[tuple[str, str, Matched]]:
    """(item_id, kind, what became of its shapes) of items that hold shapes of one kind before and after."""
    for row in relabelled.select(["item_id", "before", "after"]).to_pylist():
        old, new = (answer or "" for answer in (row["before"], row["after"]))
        kind = next((one for one in KINDS if (old or new).startswith(f'{{"{one}":[')), None)
        if kind is not None and (new or old).startswith(f'{{"{kind}":['):
            yield row["item_id"], kind, match(shapes_of(old, kind), shapes_of(new, kind))


def _shapes(matched: list[tuple[str, str, Matched]]) -> pa.Table:
    return pa.table(
        {
            "item_id": pa.array([item for item, _, _ in matched], pa.string()),
            "kind": pa.array([kind for _, kind, _ in matched], pa.string()),
            "kept": pa.array([one.kept for _, _, one in matched], pa.int64()),
            "moved": pa.array([list(one.moved) for _, _, one in matched], pa.list_(pa.float64())),
            "renamed": pa.array([len(one.renamed) for _, _, one in matched], pa.int64()),
            "added": pa.array([one.added for _, _, one in matched], pa.int64()),
            "removed": pa.array([one.removed for _, _, one in matched], pa.int64()),
        }
    )


def _confusion(relabelled: pa.Table, matched: list[tuple[str, str, Matched]]) -> pa.Table:
    plain = relabelled.filter(
        pc.invert(pc.or_(pc.starts_with(relabelled["before"], '{"'), pc.starts_with(relabelled["after"], '{"')))
    )
    pairs = plain.group_by(["before", "after"]).aggregate([("item_id", "count")])
    counts = Counter({(row["before"], row["after"]): row["item_id_count"] for row in pairs.to_pylist()})
    for _, _, one in matched:
        counts.update(one.renamed)
    rows = sorted(counts)
    return pa.table(
        {
            "before": pa.array([before for before, _ in rows], pa.string()),
            "after": pa.array([after for _, after in rows], pa.string()),
            "count": pa.array([counts[row] for row in rows], pa.int64()),
        }
    )


# --- counts


def _class_shift(before: pa.Table, first: pa.Table, last: pa.Table, added: pa.Table, removed: pa.Table) -> pa.Table:
    """Classes are counted once over all rows before; after differs from that in the rows that changed alone."""
    old = class_counts(before["answer"])
    new = Counter(old)
    differs = pc.not_equal(first["answer"], last["answer"])
    for rows, sign in ((first.filter(differs), -1), (last.filter(differs), 1), (removed, -1), (added, 1)):
        for name, count in class_counts(rows["answer"]).items():
            new[name] += sign * count
    return _counts("class", old, new)


def _annotators(labels: pa.Table) -> Counter[str]:
    counts: Counter[str] = Counter()
    _add(counts, pc.list_flatten(labels["annotators"]))
    return counts


def _counts(name: str, old: Counter[str], new: Counter[str]) -> pa.Table:
    names = sorted({one for counts in (old, new) for one, count in counts.items() if count})
    return pa.table(
        {
            name: pa.array(names, pa.string()),
            "before": pa.array([old[one] for one in names], pa.int64()),
            "after": pa.array([new[one] for one in names], pa.int64()),
        }
    )


def _add(counts: Counter[str], values: pa.Array) -> None:
    for row in pc.value_counts(values).to_pylist():
        counts[row["values"]] += row["counts"]


def _add_structured(counts: Counter[str], answers: pa.Array) -> None:
    """Parsing a million answers takes half a minute; finding where canonical text names a class takes a second."""
    if len(answers) == 0:
        return
    shapes = pc.match_substring_regex(answers, f'^{{"({"|".join(KINDS)})":\\[')
    _add(counts, answers.filter(pc.invert(pc.or_(shapes, pc.starts_with(answers, '{"number":')))))
    pieces = pc.list_flatten(pc.list_slice(pc.split_pattern(answers.filter(shapes), _LABEL), 1, None))
    if len(pieces):
        labels: Counter[str] = Counter()
        _add(labels, pc.struct_field(pc.extract_regex(pieces, _TO_THE_QUOTE), "label"))
        for text, count in labels.items():
            counts[json.loads(f'"{text}"')] += count
