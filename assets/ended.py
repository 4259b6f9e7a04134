"""Batches that end without a version: nothing of them was left to do, or their work was ordered anew."""

from collections import Counter
from collections.abc import Mapping

from assets.stage import Work
from lake.ingest import outdated
from lake.records import Label, Task
from lake.state import BatchRow, Outcome


def ended(work: Work, row: BatchRow, outcomes: Mapping[str, Outcome]) -> str:
    """Why a batch has come to its end before any label of it; "" where it goes on.

    What ended so is final, but for files that another `source` of the scenario would let in.
    """
    if "raw_items" not in outcomes or renewed(work, outcomes):
        return ""
    if work.batch.read("orders", ["item_id"]).num_rows == 0:
        aim = _aim(work, row)
        if not outcomes["raw_items"].summary["items"]:
            return f"nothing to {aim}: {_all_refused(work)}"
        if work.batch.has("curated") and not work.batch.read("curated", ["item_id"]).num_rows:
            count = outcomes["raw_items"].summary["items"]
            return f"nothing to {aim}: all {count} items are near-duplicates of earlier ones"
    if "label_tasks" in outcomes and all(task.reason == "gold" for task in work.batch.records("tasks", Task)):
        return "nothing to label: nobody is left to ask, or everything was asked already"
    return ""


def renewed(work: Work, outcomes: Mapping[str, Outcome]) -> bool:
    """Whether files came in under another `source` of the scenario, and can come in anew."""
    return "raw_items" in outcomes and outdated(work.lake, work.batch, work.scenario.spec.source)


def ordered_again(work: Work) -> tuple[int, int, str]:
    """Of a batch's labeled items: how many later batches asked for again, how many there are, the last such batch."""
    own = {label.item_id for label in work.batch.records("labels", Label)}
    again: set[str] = set()
    last = ""
    later = False
    for batch in work.lake.batches(work.scenario.name, purpose="labeling"):
        if later and batch.has("orders"):
            asked = own & set(batch.read("orders", ["item_id"])["item_id"].to_pylist())
            again |= asked
            last = batch.name if asked else last
        later = later or batch.name == work.batch_name
    return len(again), len(own), last


def _aim(work: Work, row: BatchRow) -> str:
    if row.purpose == "trial":
        return "try models on"
    return "label" if work.scenario.labeled else "hold"


def _all_refused(work: Work) -> str:
    reasons = Counter(work.batch.read("quarantine", ["reason"])["reason"].to_pylist())
    if not reasons:
        return "the delivery brought no items"
    if set(reasons) == {"duplicate"}:
        return f"all {reasons.total()} files are duplicates"
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"all {reasons.total()} files are quarantined ({told})"
