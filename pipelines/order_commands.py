"""`trialbase orders` and `accept`: what customers wait for, and whether a batch may leave."""

import csv
import dataclasses
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lake.errors import SettingsError, SpecError
from pipelines.crew_commands import Json, ScenarioName, day_of, svg_file, work_of, write_csv, write_text
from pipelines.show import Table, print_json, print_table

if TYPE_CHECKING:
    from assets.acceptance import Inspected
    from assets.customers import Standing
    from assets.stage import Work

order_app = typer.Typer()


@order_app.command()
def orders(
    scenario: ScenarioName,
    file: Annotated[Path | None, typer.Option(help="A YAML file with an order, instead of the scenario's.")] = None,
    through: Annotated[
        str | None, typer.Option(help="At the end of this day, UTC; today where it is left out.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw it into this SVG file too; of several, name.svg each.")
    ] = None,
    as_json: Json = False,
) -> None:
    """How far each customer's order is, and when it will be done: a probability, not a promise."""
    from assets.customers import order_of, orders_of, standing

    svg_file(picture)
    work = work_of(scenario)
    day = dt.datetime.now(dt.UTC).date() if through is None else day_of(through, "--through")
    found = [standing(work, order_of(work, spec), through=day) for spec in orders_of(work, file)]
    if picture is not None:
        _draw(picture, found)
    if as_json:
        print_json([_order_data(one) for one in found])
        return
    for one in found:
        print_table(Table(("order", one.order.name), _order_rows(one)))


@order_app.command()
def accept(
    scenario: ScenarioName,
    batch: Annotated[str, typer.Argument(help="A batch that has its labels.", show_default=False)],
    level: Annotated[str | None, typer.Option(help="Inspection level of ISO 2859-1: S-1 to S-4, I, II, III.")] = None,
    aql: Annotated[float | None, typer.Option(help="Acceptance quality limit in percent, such as 1.0.")] = None,
    sequential: Annotated[
        bool, typer.Option("--sequential", help="Inspect item by item until it is clear; about half as many.")
    ] = False,
    to: Annotated[Path | None, typer.Option(help="Where to write the items to inspect, as CSV.")] = None,
    inspected: Annotated[
        Path | None, typer.Option(help="That CSV, its column verdict filled with ok or defect.")
    ] = None,
    by: Annotated[str, typer.Option("--as", help="Who inspected.")] = "",
    resume: Annotated[
        str | None, typer.Option(help="Go on after inspection was discontinued, for this reason.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw the sample of a batch, or decide by what its inspection found; what failed goes back."""
    from assets import acceptance

    work = work_of(scenario, batch)
    if resume is not None:
        acceptance.resume(work, by=by, why=resume)
        print("inspection goes on, tightened")
        return
    if inspected is not None:
        made = acceptance.inspect(work, _verdicts(inspected), by=by)
        _print_decision(made, as_json=as_json)
        return
    wanted_level, wanted_aql = _terms(work, level, aql)
    made = acceptance.draw(work, level=cast(Any, wanted_level), aql=wanted_aql, sequential=sequential)
    target = to if to is not None else Path(f"{work.scenario.name}-{batch}-inspect.csv")
    answers = acceptance.answers_of(work)
    rows = [{"item_id": one, "answer": answers[one], "verdict": ""} for one in made.item_ids]
    write_csv(target, ("item_id", "answer", "verdict"), rows)
    _print_draw(work, made, target, as_json=as_json)


def _terms(work: "Work", level: str | None, aql: float | None) -> tuple[str, float]:
    """What was typed, else what the scenario's only order says."""
    specs = work.scenario.labeling.orders
    agreed = specs[0].acceptance if len(specs) == 1 else None
    if (level is None or aql is None) and agreed is None:
        raise SettingsError("no terms are given", remedy="give both: --level II --aql 1.0")
    return level or cast(Any, agreed).level, aql if aql is not None else cast(Any, agreed).aql


def _verdicts(path: Path) -> dict[str, int]:
    """Number of errors by item, of a CSV file; rows without a verdict were not inspected. Raises SpecError."""
    words = {"ok": 0, "defect": 1}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read: {error}", remedy="give the CSV file, saved as UTF-8") from error
    if not rows or not {"item_id", "verdict"} <= set(rows[0]):
        raise SpecError(
            f"{path} has no columns item_id and verdict", remedy="fill in the file that `trialbase accept` wrote"
        )
    found: dict[str, int] = {}
    for number, row in enumerate(rows, 2):
        item, said = (row["item_id"] or "").strip(), (row["verdict"] or "").strip().lower()
        if not said:
            continue
        if said not in words and not said.isdecimal():
            raise SpecError(
                f"{path}:{number}: {said!r} is no verdict", remedy="write ok or defect, or the number of errors"
            )
        if item in found:
            raise SpecError(f"{path}:{number}: {item[:12]} stands twice", remedy="keep one row of each item")
        found[item] = words[said] if said in words else int(said)
    return found


def _print_draw(work: "Work", made: "Inspected", target: Path, *, as_json: bool) -> None:
    from assets.acceptance import sequential_test, terms
    from labeling.acceptance import promise

    if made.method == "sequential":
        test = sequential_test(made.plan)
        producer, consumer = test.risks()
        _, means = test.characteristic([test.rate0, test.rate1])
        risks = {"producer_risk": producer, "consumer_rate": 100 * test.rate1, "consumer_risk": consumer}
        expected = f"{means[0]:.0f} items on average where the lot is good, {means[1]:.0f} where it is bad"
    else:
        said = promise(made.plan)
        risks = {"producer_risk": said.producer_risk, "consumer_rate": said.consumer_rate, "consumer_risk": 0.1}
        expected = f"{made.sample_size} items, at most {made.accept} of them failed"
    if as_json:
        print_json({**dataclasses.asdict(made), **risks, "file": str(target)})
        return
    print_table(
        Table(
            ("batch", made.batch),
            [
                ("lot", f"{made.lot_size} labels"),
                ("terms", terms(made)),
                ("inspect", expected),
                ("a lot at the AQL", f"is sent back with a chance of {risks['producer_risk']:.1%}"),
                (f"a lot of {risks['consumer_rate']:.1f} %", f"is accepted with {risks['consumer_risk']:.1%}"),
            ],
        )
    )
    order = ", in the order of the file" if made.method == "sequential" else ""
    print(f"{target}: write ok or defect beside each item{order}")
    print(f"next: trialbase accept {work.scenario.name} {made.batch} --inspected {target} --as NAME")


def _print_decision(made: "Inspected", *, as_json: bool) -> None:
    if as_json:
        print_json(dataclasses.asdict(made))
        return
    print(f"{made.batch}: {made.decision}, by {made.decided_by}")
    print(f"  {made.why}")
    if made.again:
        print(f"  {len(made.again)} items go back, as deliveries in the inbox: services that are up take them in")


def _draw(picture: Path, found: "list[Standing]") -> None:
    from lake import ids
    from pipelines.order_picture import draw

    for one in found:
        place = picture if len(found) == 1 else picture.with_name(f"{picture.stem}-{ids.slug(one.order.name)}.svg")
        write_text(place, draw(one.order, one.progress, one.forecast))


def _order_data(one: "Standing") -> dict[str, Any]:
    when = None if one.forecast is None else dataclasses.asdict(one.forecast)
    dates = ("median", "low", "high")
    return {
        "order": one.order.name,
        "customer": one.order.customer,
        "num_items": len(one.order.item_ids),
        "num_items_done": one.progress.num_items_done,
        "num_answers_left": one.progress.num_left,
        "per_day": list(one.progress.per_day),
        "through": one.progress.through.isoformat(),
        "value": one.value,
        "currency": one.order.currency,
        "deadline": one.order.deadline,
        "acceptance": dataclasses.asdict(one.order.acceptance),
        "forecast": when and {name: str(value) if name in dates else value for name, value in when.items()},
    }


def _order_rows(one: "Standing") -> list[tuple[str, str]]:
    order, now, when = one.order, one.progress, one.forecast
    rows = [
        ("customer", order.customer),
        ("items done", f"{now.num_items_done} of {len(order.item_ids)} by {now.through}"),
        ("answers", f"{sum(now.per_day)}, {now.num_left} are wanted still"),
        ("value", f"{one.value:.2f} {order.currency}"),
        ("acceptance", f"level {order.acceptance.level}, AQL {order.acceptance.aql:g}"),
        ("deadline", f"{order.deadline:%Y-%m-%d %H:%M} UTC"),
    ]
    if when is None:
        return [*rows, ("forecast", "no pace is known before the first answer")]
    if not now.num_left:
        return [*rows, ("forecast", "all answers are there")]
    return [
        *rows,
        ("pace", f"{when.answers_per_day:.1f} answers a day"),
        ("done by", f"{when.median}; {when.low} to {when.high} with 80 %"),
        ("in time", f"with a chance of {when.meets_deadline:.0%}"),
    ]
