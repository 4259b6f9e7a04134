"""One small table a stage, all of them in order."""

import pyarrow as pa

from quality.checks import Stage, StageFacts
from quality.spec import QualitySpec, RangeSpec

NUM = 40
_IDS = [f"{place:064x}" for place in range(NUM)]

SPEC = QualitySpec(
    ranges=(
        RangeSpec(probe="probe_width", low=16, high=4096, mostly=1, severity="block"),
        RangeSpec(probe="probe_brightness", low=0.1, mostly=0.9, severity="waivable"),
    ),
    max_quarantined_share=0.2,
    near_duplicate_bits=4,
    near_duplicate_cosine=0.99,
    min_alpha=0.6,
    min_gold_accuracy=0.8,
    min_overlap_share=0.9,
    min_class_share=0.05,
    min_confident_share=0.8,
    sign_off_roles=("data steward",),
)
FACTS = StageFacts(
    quarantined_share=0.1,
    alpha=0.7,
    gold_accuracy=0.9,
    overlap_share=1.0,
    classes=("0", "1"),
    min_posterior=0.8,
)
TABLES: dict[Stage, pa.Table] = {
    "curated_items": pa.table(
        {
            "item_id": _IDS,
            "group": _IDS,
            "licence": ["CC0-1.0"] * NUM,
            "consent": ["public"] * NUM,
            "probe_width": pa.array([64] * NUM, pa.int64()),
            "probe_brightness": [0.5] * NUM,
            "probe_embedding": pa.array([[1.0, 0.0]] * NUM, pa.list_(pa.float32())),
        }
    ),
    "annotations": pa.table(
        {
            "annotation_id": [str(place) for place in range(2 * NUM)],
            "item_id": [item for item in _IDS for _ in range(2)],
            "annotator": ["a@example.org", "b@example.org"] * NUM,
            "answer": ["0", "1"] * NUM,
            "guideline_version": ["v1"] * 2 * NUM,
            "cancelled": [False] * 2 * NUM,
        }
    ),
    "labels": pa.table({"item_id": _IDS, "answer": ["0", "1"] * (NUM // 2), "confidence": [0.95] * NUM}),
    "dataset": pa.table({"item_id": _IDS, "group": _IDS, "split": ["train"] * 30 + ["validation"] * 10}),
}
