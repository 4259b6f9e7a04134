"""What changed from one dataset version to another, label by label."""

import dataclasses
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc


@dataclasses.dataclass(frozen=True)
class Diff:
    """What changed from one version to another.

    relabelled: columns item_id, before, after, annotators; split_changed: item_id, before, after.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    relabelled: pa.Table
    split_changed: pa.Table
    classes: pa.Table  # answer, before, after: items a class


def compare(before: pa.Table, after: pa.Table) -> Diff:
    """Two versions' labels: columns item_id, answer, annotators, split."""
    first = before.select(["item_id", "answer", "split"]).rename_columns(["item_id", "answer_before", "split_before"])
    last = after.rename_columns([f"{name}_after" if name != "item_id" else name for name in after.column_names])
    plain = last.drop_columns(["annotators_after"])
    both = first.join(plain, "item_id", join_type="inner").sort_by("item_id")
    who = dict(zip(last["item_id"].to_pylist(), last["annotators_after"].to_pylist(), strict=True))
    changed = both.filter(pc.not_equal(both["answer_before"], both["answer_after"]))
    moved = both.filter(pc.not_equal(both["split_before"], both["split_after"]))
    old, new = set(before["item_id"].to_pylist()), set(after["item_id"].to_pylist())
    return Diff(
        added=tuple(sorted(new - old)),
        removed=tuple(sorted(old - new)),
        relabelled=pa.table(
            {
                "item_id": changed["item_id"],
                "before": changed["answer_before"],
                "after": changed["answer_after"],
                "annotators": pa.array([who[item] for item in changed["item_id"].to_pylist()], pa.list_(pa.string())),
            }
        ),
        split_changed=moved.select(["item_id", "split_before", "split_after"]).rename_columns(
            ["item_id", "before", "after"]
        ),
        classes=_class_shift(before, after),
    )


def _class_shift(before: pa.Table, after: pa.Table) -> pa.Table:
    old, new = (Counter(table["answer"].to_pylist()) for table in (before, after))
    answers = sorted(old | new)
    return pa.table(
        {
            "answer": pa.array(answers, pa.string()),
            "before": pa.array([old[one] for one in answers], pa.int64()),
            "after": pa.array([new[one] for one in answers], pa.int64()),
        }
    )
