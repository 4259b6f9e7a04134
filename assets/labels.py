"""labels: votes become one label an item, and the gate judges the batch."""

from collections.abc import Sequence

import numpy as np

from assets import crew, gold, review
from assets.answers import mirror
from assets.stage import Fact, Report, Work, data_docs, kept_checks
from labeling.consensus.agree import Consensus, agree
from labeling.consensus.classes import Choices
from labeling.gold import gold_figures
from lake.errors import NotReady
from lake.records import Annotation, Label, from_table, to_table
from quality.checks import CheckResult, StageFacts
from quality.expectations import validate
from quality.gate import GateReport, from_json, judge

GATE = "gate.json"


def run(work: Work) -> Report:
    """One label an item with its confidence; the gate's report for the steward."""
    annotations = work.batch.records("annotations", Annotation)
    agreed = _agree(work, annotations)
    labels, with_experts = _reviewed(work, agreed.labels)
    work.batch.write("labels", to_table(labels, Label))
    work.batch.write("annotators", agreed.annotators)
    work.batch.write("gold_figures", gold_figures(annotations, _gold(work)))
    floor = work.scenario.labeling.consensus.min_posterior
    facts = StageFacts(classes=work.scenario.classes, min_posterior=floor)
    checks = validate(work.batch.read("labels"), "labels", work.scenario.quality, facts, docs=data_docs(work))
    checks = (*checks, *crew.drift_check(work, _everything(work), labels))
    report = _judge(work, checks)
    confident = sum(label.confidence >= floor for label in labels)
    return Report(
        {
            "labels": len(labels),
            "confident": confident,
            "mean_confidence": round(float(np.mean([one.confidence for one in labels])), 4),
            **with_experts,
            "consensus": agreed.method,
            "why": agreed.why,
            "gate": report.verdict,
            "report": report.report_hash,
        },
        preview=work.batch.read("labels").slice(0, 8),
        checks=checks,
    )


def _reviewed(work: Work, labels: tuple[Label, ...]) -> tuple[tuple[Label, ...], dict[str, Fact]]:
    """Labels with experts' decisions in place; those that are doubtful still are sent to experts."""
    if work.scenario.labeling.review is None:
        return labels, {}
    found = review.sync(work)
    settled = review.settled(work, labels, found)
    facts: dict[str, Fact] = {
        "sent_to_experts": review.send(work, settled),
        "adjudicated": sum(one.adjudicated_by is not None for one in settled),
    }
    return settled, facts | {f"decisions ignored: {why}": count for why, count in found.num_ignored.items()}


def gate_report(work: Work) -> GateReport:
    """The batch's gate report as `labels` left it. Raises NotReady."""
    if not work.lake.blobs.exists(work.batch.path(GATE)):
        raise NotReady(
            f"batch {work.batch_name} has no quality report yet: it is made with its labels",
            remedy=f"`trialbase status {work.scenario.name}` tells who is waited for",
        )
    return from_json(work.lake.blobs.read(work.batch.path(GATE)).decode())


def _judge(work: Work, checks: Sequence[CheckResult]) -> GateReport:
    """All checks of the batch so far, as one report."""
    earlier = [*kept_checks(work, "curated_items"), *kept_checks(work, "annotations")]
    report = judge(work.scenario.name, work.batch_name, [*earlier, *checks])
    work.lake.blobs.write(work.batch.path(GATE), report.to_json().encode())
    return report


def _agree(work: Work, annotations: Sequence[Annotation]) -> Consensus:
    """Consensus on this batch; what annotators did in earlier batches tells how far to trust them."""
    scenario, spec = work.scenario, work.scenario.labeling.consensus
    history: dict[str, Annotation] = {}
    for batch in work.lake.batches(scenario.name, purpose="labeling", upto=work.batch_name):
        if batch.name != work.batch_name and batch.has("annotations"):
            history |= {one.annotation_id: one for one in batch.records("annotations", Annotation)}
    history |= {one.annotation_id: one for one in annotations}
    agreed = agree(
        list(history.values()),
        Choices(scenario.classes, spec.method, spec.max_iterations, spec.tolerance),
        gold=_gold(work),
        schema_version=scenario.guideline_version,
    )
    asked = {one.item_id for one in annotations if not one.gold}
    return agreed.only(asked)


def _gold(work: Work) -> dict[str, str]:
    return gold.standing(work, _everything(work))


def _everything(work: Work) -> list[Annotation]:
    return list(from_table(mirror(work), Annotation))
