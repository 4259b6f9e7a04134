"""Scenarios that only hold deliveries: nobody is asked, so labels are what the deliveries say themselves."""

from collections import Counter

import pyarrow as pa

from assets.labels import GATE
from assets.stage import Work
from lake.answers import kind_of
from lake.records import Annotation, Label, to_table
from quality.checks import CheckResult
from quality.gate import judge

SIGN_OFF_ROLES = ("steward",)


def settle(work: Work) -> tuple[CheckResult, ...]:
    """The batch's labels and its gate report; returns the checks that a steward has to know of."""
    work.batch.write("labels", to_table(_labels(work), Label))
    checks = _checks(work)
    report = judge(work.scenario.name, work.batch_name, checks)
    work.lake.blobs.write(work.batch.path(GATE), report.to_json().encode())
    return checks


def _labels(work: Work) -> list[Label]:
    """One label an item: the answer that most of those who said something gave, the first one in a tie.

    What is no class (boxes, spans, words) is not mixed: the first annotator's answer stands. An item of which
    nothing is said has an empty answer without confidence.
    """
    said: dict[str, list[Annotation]] = {}
    for one in work.batch.records("said", Annotation):
        said.setdefault(one.item_id, []).append(one)
    items = work.batch.read("curated", ["item_id"])["item_id"].to_pylist()
    return [_label(item_id, sorted(said.get(item_id, []), key=lambda one: one.annotator)) for item_id in items]


def _label(item_id: str, said: list[Annotation]) -> Label:
    answers = Counter(one.answer for one in said)
    structured = bool(said) and kind_of(said[0].answer) != "text"
    answer = (said[0].answer if structured else answers.most_common(1)[0][0]) if said else ""
    share = answers[answer] / len(said) if said else 0.0
    return Label(
        item_id=item_id,
        schema_version="as delivered",
        answer=answer,
        confidence=share,
        agreement=share,
        method="as delivered" if said else "none",
        annotators=tuple(sorted({one.annotator for one in said})),
    )


def _checks(work: Work) -> tuple[CheckResult, ...]:
    """What came with the delivery and was not good; each may be waived with a reason."""
    faults = Counter(work.batch.read("faults", ["reason"])["reason"].to_pylist())
    refused = Counter(work.batch.read("quarantine", ["reason"])["reason"].to_pylist())
    refused.pop("duplicate", None)
    return (
        _check("every file is good", refused),
        _check("what the delivery says is sound", faults),
    )


def _check(name: str, counts: Counter[str]) -> CheckResult:
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    return CheckResult(
        name=name,
        stage="curated_items",
        passed=not counts,
        severity="waivable",
        observed=told or "nothing wrong",
        expected="nothing wrong",
        num_failing=counts.total(),
    )


def classes_of(labels: pa.Table) -> tuple[str, ...]:
    """The classes that deliveries use, sorted: of a holding they are not said beforehand."""
    from lake.answers import classes_of as named

    return tuple(sorted({one for answer in labels["answer"].unique().to_pylist() if answer for one in named(answer)}))
