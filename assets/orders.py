"""Orders: work on items that are held already, as a delivery in the inbox."""

import json
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from assets.stage import Work
from lake import ids
from lake.blobs import replace_text
from lake.errors import NotFound, NotReady
from lake.ingest.beside import ORDER
from lake.records import Label
from quality.trial.failures import Request

_WEIGHT = 1.0  # a person asked


def inbox(home: Path, scenario: str) -> Path:
    """Where deliveries of a scenario wait; every folder in it becomes a batch."""
    return home / "inbox" / scenario


def order_again(work: Work, *, why: str, doubtful: bool = False, items: Sequence[str] = ()) -> tuple[Path, ...]:
    """Have labelled items of a batch answered again: all, those that people are not sure of, or some by their ids.

    items: ids, or their first digits. Returns deliveries of as many items as the budget of a batch has for orders,
    which is half of it; the same order gives the same ones. Raises NotReady for a batch without labels, NotFound for
    an item that it has no label of, or for nothing to order.
    """
    if not work.batch.has("labels"):
        raise NotReady(
            f"batch {work.batch_name} has no labels yet that could be looked at again",
            remedy=f"`trialbase status {work.scenario.name}` tells who is waited for",
        )
    labels = {label.item_id: label for label in work.batch.records("labels", Label)}
    floor = work.scenario.labeling.consensus.min_posterior
    chosen = [_found(one, labels) for one in items] or list(labels)
    chosen = sorted({one for one in chosen if not doubtful or labels[one].confidence < floor})
    if not chosen:
        raise NotFound(
            f"batch {work.batch_name} has no doubtful label: all reach {floor:g}",
            remedy="leave --doubtful out, or name the items with --item",
        )
    size = max(1, work.scenario.labeling.budget_items // 2)
    return tuple(_ordered(work, why, chosen[start : start + size]) for start in range(0, len(chosen), size))


def _ordered(work: Work, why: str, items: Sequence[str]) -> Path:
    requests = [Request(item_id=one, reason="review", why=why, weight=_WEIGHT) for one in items]
    name = f"review-{work.batch_name}-{ids.key(why, *items)[:8]}"
    return deliver(inbox(work.lake.home, work.scenario.name) / name, requests)


def deliver(folder: Path, requests: Sequence[Request]) -> Path:
    """Put an order there. It appears whole: it is written aside and renamed; one that is there already stays."""
    lines = [
        json.dumps({"item_id": one.item_id, "reason": one.reason, "why": one.why, "weight": round(one.weight, 6)})
        for one in requests
    ]
    aside = folder.parent.parent / f".{folder.name}-{uuid.uuid4().hex[:8]}"
    replace_text(aside / ORDER, "\n".join(lines) + "\n")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():  # the same work was asked for already
        shutil.rmtree(aside)
    else:
        aside.rename(folder)
    return folder


def _found(digits: str, labels: dict[str, Label]) -> str:
    found = [one for one in labels if one.startswith(digits)]
    if len(digits) < 6 or len(found) != 1:
        what = f"{len(found)} labelled items of this batch begin with {digits!r}"
        raise NotFound(what, remedy="give at least 6 digits of an item's id, as the portal and --json show it")
    return found[0]
