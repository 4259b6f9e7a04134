"""feedback: what the model got wrong becomes the next labeling work, as a delivery in the inbox."""

import pyarrow as pa
import pyarrow.compute as pc

from assets import suite
from assets.orders import deliver, inbox
from assets.stage import Report, Work
from lake.records import Failure
from quality.trial.failures import Request, propose


def run(work: Work) -> Report:
    """Write `inbox/<scenario>/feedback-<trial>/order.jsonl`; nothing where there is nothing to ask for."""
    requests = _requests(work)
    outcome = work.lake.state.outcomes(work.scenario.name, work.batch_name)["trial"]
    folder = inbox(work.lake.home, work.scenario.name) / f"feedback-{outcome.summary['trial']}"
    if requests:
        deliver(folder, requests)
    reasons = [one.reason for one in requests]
    return Report(
        {"requests": len(requests), "delivery": str(folder) if requests else None}
        | {f"reason: {reason}": reasons.count(reason) for reason in sorted(set(reasons))},
        preview=pa.Table.from_pylist([vars(one) for one in requests[:8]]) if requests else None,
    )


def _requests(work: Work) -> tuple[Request, ...]:
    failures = work.batch.records("failures", Failure)
    pool = work.lake.read_all(work.scenario.name, "curated", purpose="labeling")
    if pool is None or not failures:
        return ()
    labels = work.lake.labels(work.scenario.name)
    known = pc.is_in(pool["item_id"], pa.array(sorted(labels), pa.string()))
    gold = pc.is_in(pool["item_id"], pa.array(sorted(work.lake.gold(work.scenario.name)), pa.string()))
    labelled = pool.filter(known)
    answers = [labels[item].answer for item in labelled["item_id"].to_pylist()]
    columns = ["item_id", "probe_embedding"]
    return propose(
        failures,
        suite.cases(work.lake, work.scenario).select(columns),
        pool.filter(pc.invert(pc.or_(known, gold))).select(columns),
        labelled.select(columns).append_column("answer", pa.array(answers, pa.string())),
        budget=work.scenario.labeling.budget_items // 2,
    )
