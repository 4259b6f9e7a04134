"""Gold: tasks whose answer an expert has given, mixed in to see how far an annotator can be trusted."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from lake import ids
from lake.intervals import wilson
from lake.records import Annotation

GOLD_SCHEMA = pa.schema(
    [
        pa.field("annotator", pa.string(), nullable=False),
        pa.field("num_answers", pa.int64(), nullable=False),
        pa.field("num_correct", pa.int64(), nullable=False),
        pa.field("accuracy", pa.float64(), nullable=False),
        pa.field("low", pa.float64(), nullable=False),  # 95 %, Wilson
        pa.field("high", pa.float64(), nullable=False),
    ]
)


def choose_gold(gold: Mapping[str, str], n: int, *, seed_key: str) -> tuple[str, ...]:
    """`n` item ids of `gold`, or all where there are fewer; another `seed_key` (batch) draws others."""
    order = sorted(gold, key=lambda item_id: ids.key("gold", seed_key, item_id))
    return tuple(order[:n])


def gold_figures(annotations: Sequence[Annotation], gold: Mapping[str, str]) -> pa.Table:
    """How each annotator did on gold items: GOLD_SCHEMA, by annotator; only those who answered any."""
    answers: dict[str, list[bool]] = {}
    for one in annotations:
        if not one.cancelled and one.item_id in gold:
            answers.setdefault(one.annotator, []).append(one.answer == gold[one.item_id])
    rows = []
    for annotator, right in sorted(answers.items()):
        share = wilson(sum(right), len(right))
        rows.append(
            {
                "annotator": annotator,
                "num_answers": len(right),
                "num_correct": sum(right),
                "accuracy": share.value,
                "low": share.low,
                "high": share.high,
            }
        )
    return pa.Table.from_pylist(rows, schema=GOLD_SCHEMA)
