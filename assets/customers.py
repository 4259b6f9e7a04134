"""Customers' orders of labels on a scenario: what each is of, how far it is, and when it will be done."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from assets import answers
from assets.stage import Work
from assets.strict import checked
from labeling.orders import AcceptanceTerms, Forecast, Order, Progress, forecast, progress
from labeling.spec import OrderSpec
from lake.errors import NotFound, NotReady, SpecError
from lake.records import Annotation, Task, from_table


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How an order stands at the end of a day."""

    order: Order
    progress: Progress
    forecast: Forecast | None  # None while nobody has answered anything of it
    value: Decimal


def orders_of(work: Work, file: Path | None) -> tuple[OrderSpec, ...]:
    """The order of a YAML file, or those of the scenario. Raises SpecError for a wrong file, NotFound for none."""
    if file is not None:
        return (checked(OrderSpec, file),)
    specs = work.scenario.labeling.orders
    if not specs:
        raise NotFound(
            f"scenario {work.scenario.name} has no orders",
            remedy="give one in a file, --file ORDER.yaml, or in labeling.orders of scenario.yaml",
        )
    names = [one.name for one in specs]
    if len(set(names)) != len(names):
        twice = next(one for one in names if names.count(one) > 1)
        raise SpecError(f"two orders of {work.scenario.name} are named {twice}", remedy="name each its own")
    return specs


def order_of(work: Work, spec: OrderSpec) -> Order:
    """An order with the items that it is of. Raises NotFound for a batch or an item that the scenario does not hold."""
    return Order(
        name=spec.name,
        customer=spec.customer,
        item_ids=_items(work, spec),
        price_per_label=spec.price.per_label,
        currency=spec.price.currency,
        deadline=spec.deadline.astimezone(dt.UTC),
        acceptance=AcceptanceTerms(level=spec.acceptance.level, aql=spec.acceptance.aql),
    )


def standing(work: Work, order: Order, *, through: dt.date) -> Standing:
    """How far an order is at the end of a day, and when it will be done; votes that are left out do not count."""
    rows = list(from_table(answers.mirror(work), Annotation))
    suspects = answers.suspect_names(work, rows)
    now = progress(order, _tasks(work), [one for one in rows if one.annotator not in suspects], through=through)
    try:
        when = forecast(order, now)
    except NotReady:  # no pace is known before the first answer
        when = None
    return Standing(order=order, progress=now, forecast=when, value=order.value)


def _items(work: Work, spec: OrderSpec) -> tuple[str, ...]:
    found: set[str] = set()
    gold = work.lake.gold(work.scenario.name)
    for name in spec.batches:
        batch = work.lake.batch(work.scenario.name, work.lake.state.batch(work.scenario.name, name).batch)
        if not batch.has("curated"):
            raise NotReady(f"batch {name} is not curated yet", remedy=f"`trialbase run {work.scenario.name}`")
        found |= set(batch.read("curated", ["item_id"])["item_id"].to_pylist()) - set(gold)
    known = sorted(work.lake.item_ids(work.scenario.name)) if spec.items else []
    return tuple(sorted(found | {_item(one, known) for one in spec.items}))


def _item(digits: str, known: Sequence[str]) -> str:
    found = [one for one in known if one.startswith(digits)]
    if len(digits) < 6 or len(found) != 1:
        raise NotFound(
            f"{len(found)} items begin with {digits!r}",
            remedy="give at least 6 digits of an item's id, as --json shows it",
        )
    return found[0]


def _tasks(work: Work) -> list[Task]:
    """Of all batches; of a task that several asked for the one that wants the most answers."""
    largest: dict[str, Task] = {}
    for batch in work.lake.batches(work.scenario.name, purpose="labeling"):
        for task in batch.records("tasks", Task) if batch.has("tasks") else ():
            if task.task_id not in largest or task.overlap > largest[task.task_id].overlap:
                largest[task.task_id] = task
    return list(largest.values())
