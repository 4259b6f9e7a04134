"""annotations: what people answered, mirrored from the platform; complete when every task has its overlap."""

from collections.abc import Mapping, Sequence

from assets import crew, gold
from assets.answers import count, left_out_votes, mirror, of_batch, reopen, sync
from assets.stage import Fact, Report, Work, data_docs
from assets.tasks import ask_others
from labeling.agreement import krippendorff_alpha
from labeling.consensus.agree import votes_of
from labeling.gold import gold_figures
from lake.errors import NotReady
from lake.records import Annotation, Task, from_table, to_table
from quality.checks import StageFacts
from quality.expectations import validate


def run(work: Work) -> Report:
    """Pull what changed, keep this batch's part; raises NotReady while answers are missing."""
    tasks = work.batch.records("tasks", Task)
    project = sync(work)
    ask_others(work, tasks)
    left_out = left_out_votes(work, tasks)
    annotations = of_batch(work, tasks)
    reopen(work, project, tasks, annotations)
    work.batch.write("annotations", to_table(annotations, Annotation))
    everything = list(from_table(mirror(work), Annotation))
    counts = count(tasks, annotations)
    summary: dict[str, Fact] = {
        **counts,
        "annotator_minutes": round(sum(one.lead_time_s for one in annotations) / 60, 1),
        "annotators": len({one.annotator for one in annotations}),
    }
    summary |= {f"left out: {row['annotator']}": "; ".join(row["reasons"]) for row in left_out.to_pylist()}
    needed = work.scenario.quality.min_overlap_share * len(tasks)
    if counts["tasks_complete"] < needed:
        page = work.ports.platform.page_url(project)
        raise NotReady(
            f"batch {work.batch_name}: {counts['tasks_complete']} of {len(tasks)} tasks have all their answers",
            remedy=f"annotators go on at {page}; then `trialbase run {work.scenario.name}`",
        )
    figures = _figures(annotations, gold.standing(work, everything))
    facts = StageFacts(
        alpha=figures["alpha_low"],
        gold_accuracy=figures["gold_accuracy"],
        overlap_share=counts["tasks_complete"] / len(tasks) if tasks else 1.0,
        classes=work.scenario.classes,
    )
    table = work.batch.read("annotations")
    checks = validate(table, "annotations", work.scenario.quality, facts, docs=data_docs(work))
    return Report(summary | figures, preview=table.slice(0, 8), checks=(*checks, *crew.spam_evidence(left_out)))


def _figures(annotations: Sequence[Annotation], known: Mapping[str, str]) -> dict[str, float | None]:
    """How far people agree with one another, and with the experts."""
    alpha = krippendorff_alpha(votes_of(annotations))
    judged = gold_figures(annotations, known)
    answered, correct = sum(judged["num_answers"].to_pylist()), sum(judged["num_correct"].to_pylist())
    return {
        "alpha": round(alpha.value, 4),
        "alpha_low": round(alpha.low, 4),
        "alpha_high": round(alpha.high, 4),
        "gold_answers": answered,
        "gold_accuracy": round(correct / answered, 4) if answered else None,
    }
