"""The crew of a scenario: who answers without looking, whose answers got worse, and figures of everybody."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from assets import gold
from assets.stage import Work
from labeling.crew_answers import HeldAnswer, held
from labeling.crew_figures import CrewFigures, crew_figures
from labeling.review import DECISION
from labeling.spam import SpamRules, Suspect, spammers
from labeling.spec import DriftSpec
from lake.records import Annotation, Label
from quality.checks import CheckResult

LEFT_OUT_SCHEMA = pa.schema(
    [
        pa.field("annotator", pa.string(), nullable=False),
        pa.field("reasons", pa.list_(pa.string()), nullable=False),
        pa.field("num_votes", pa.int64(), nullable=False),  # of theirs that a batch leaves out
    ]
)


def answers(work: Work, annotations: Sequence[Annotation], labels: Sequence[Label] = ()) -> tuple[HeldAnswer, ...]:
    """Every answer of a scenario held against gold, the others and the labels that people are sure of.

    labels: the newest, which go before those that earlier batches gave.
    """
    floor = work.scenario.labeling.consensus.min_posterior
    newest = work.lake.labels(work.scenario.name, upto=work.batch_name or None) | {one.item_id: one for one in labels}
    sure = [one for one in newest.values() if one.confidence >= floor]
    return held(annotations, sure, gold.standing(work, annotations))


def suspects(work: Work, annotations: Sequence[Annotation]) -> tuple[Suspect, ...]:
    """Who breaks a rule of `labeling.spam` in all of the scenario; nobody where it has none."""
    rules = work.scenario.labeling.spam
    if rules is None:
        return ()
    return spammers(held(annotations, (), gold.standing(work, annotations)), SpamRules(**rules.model_dump()))


def figures(work: Work, annotations: Sequence[Annotation]) -> CrewFigures:
    """Figures of every annotator of a scenario; what experts were paid for decisions is not among the costs."""
    entries = [
        one
        for one in work.lake.state.entries(work.scenario.name)
        if one.kind == "annotation" and not one.key.startswith(DECISION)
    ]
    return crew_figures(answers(work, annotations), entries)


def left_out(found: Sequence[Suspect], annotations: Sequence[Annotation]) -> pa.Table:
    """LEFT_OUT_SCHEMA of a batch, by annotator; annotations: all answers to its tasks."""
    votes = Counter(one.annotator for one in annotations if not one.cancelled)
    rows = [
        {"annotator": one.annotator, "reasons": list(one.reasons), "num_votes": votes[one.annotator]}
        for one in found
        if votes[one.annotator]
    ]
    return pa.Table.from_pylist(rows, LEFT_OUT_SCHEMA)


def spam_evidence(table: pa.Table) -> tuple[CheckResult, ...]:
    """What the gate report says of votes that were left out; nothing where all count."""
    said = [f"{row['annotator']}, {row['num_votes']} votes: {'; '.join(row['reasons'])}" for row in table.to_pylist()]
    if not said:
        return ()
    check = CheckResult(
        name="answers given without looking do not count",
        stage="annotations",
        passed=True,
        severity="waivable",
        observed=" | ".join(said),
        expected="left out, and asked of others",
        num_failing=0,
    )
    return (check,)


def drift_check(work: Work, annotations: Sequence[Annotation], labels: Sequence[Label]) -> tuple[CheckResult, ...]:
    """Whether somebody who took part in this batch has become worse; nothing where the scenario has no `drift`."""
    spec = work.scenario.labeling.drift
    if spec is None:
        return ()
    present = {who for label in labels for who in label.annotators}
    rows = drifting(crew_figures(answers(work, annotations, labels), ()).annotators, spec)
    worse = [row for row in rows if row["annotator"] in present]
    check = CheckResult(
        name="annotators are as good as they were",
        stage="labels",
        passed=not worse,
        severity="waivable",
        observed="; ".join(map(_says, worse)) or "nobody got worse",
        expected=f"no fall with a probability above {spec.max_probability:g}",
        num_failing=0,
    )
    return (check,)


def drifting(annotators: pa.Table, spec: DriftSpec) -> list[dict[str, object]]:
    """Rows of CREW_SCHEMA whose accuracy has fallen with a higher probability than the scenario bears."""
    return [
        row
        for row in annotators.to_pylist()
        if (row["drift_probability"] or 0) > spec.max_probability and row["drift_after"] < row["drift_before"]
    ]


def _says(row: dict[str, object]) -> str:
    since = row["drift_since"]
    day = since.date().isoformat() if isinstance(since, dt.datetime) else ""
    return f"{row['annotator']}: {row['drift_before']:.0%} right before {day}, {row['drift_after']:.0%} since"
