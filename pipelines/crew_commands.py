"""`trialbase crew`, `pay` and `gold`: the people of a scenario, what they are owed, and what judges them."""

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lake.errors import NotFound, SettingsError
from pipelines.settings import Settings
from pipelines.show import Table, print_json, print_table

if TYPE_CHECKING:
    from assets.stage import Work
    from lake.records import Annotation

crew_app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Print data instead of a table.")]
ScenarioName = Annotated[str, typer.Argument(help="A scenario's name, or the path of its folder.", show_default=False)]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write the rows into this file too, for spreadsheets.")]


@crew_app.command()
def crew(
    scenario: ScenarioName,
    days: Annotated[bool, typer.Option("--days", help="By annotator and day (UTC).")] = False,
    csv: CsvFile = None,
    picture: Annotated[Path | None, typer.Option(help="Draw it into this SVG file too.")] = None,
    as_json: Json = False,
) -> None:
    """How much, how well, how fast and at what cost each annotator answers, with 95 % intervals."""
    from assets import crew as people

    svg_file(picture)
    work = work_of(scenario)
    rows = everything(work)
    found, suspects = people.figures(work, rows), people.suspects(work, rows)
    table = found.days if days else found.annotators
    shown: list[dict[str, Any]] = table.to_pylist()
    if csv is not None:
        write_csv(csv, table.column_names, shown)
    if picture is not None:
        from pipelines.crew_picture import draw

        write_text(picture, draw(found, work.scenario.name, [one.annotator for one in suspects]))
    if as_json:
        print_json({"figures": plain(shown), "suspects": [dataclasses.asdict(one) for one in suspects]})
        return
    if not shown:
        print(f"nobody has answered in {work.scenario.name} yet")
        return
    head = (
        "annotator",
        *(("day",) if days else ()),
        "answers",
        "on gold",
        "agreement",
        "s",
        *(() if days else ("each",)),
    )
    print_table(Table(head, [_crew_row(row, days=days) for row in shown]))
    print("on gold, and agreement with most of the others: shares with 95 % interval")
    print("s: median seconds of an answer" + ("" if days else "; each: cost of an accepted one"))
    for row in () if days else shown:
        if (row["drift_probability"] or 0) > 0.9:
            change = f"{row['drift_before']:.0%} right before, {row['drift_after']:.0%} after"
            print(f"{row['annotator']} changed about {row['drift_since']:%Y-%m-%d}: {change}")
    for one in suspects:
        print(f"{one.annotator}: {'; '.join(one.reasons)}. These votes are left out.")


@crew_app.command()
def pay(
    scenario: ScenarioName,
    start: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD, UTC.", show_default=False)],
    end: Annotated[str, typer.Option("--to", help="The last day, which is paid too.", show_default=False)],
    csv: CsvFile = None,
    lines_csv: Annotated[Path | None, typer.Option(help="Write answers by scenario and price there.")] = None,
    as_json: Json = False,
) -> None:
    """What each annotator and expert is owed for some days, to the cent, from the ledger."""
    from labeling import pay as sheets

    work = work_of(scenario)
    period = sheets.Period(day_of(start, "--from"), day_of(end, "--to") + dt.timedelta(days=1))
    sheet = sheets.pay_sheet(work.lake.state.entries(work.scenario.name), period)
    if csv is not None:
        write_text(csv, sheets.payments_csv(sheet))
    if lines_csv is not None:
        write_text(lines_csv, sheets.lines_csv(sheet))
    if as_json:
        print_json(
            {
                "payments": [dataclasses.asdict(one) for one in sheet.payments],
                "lines": [dataclasses.asdict(one) for one in sheet.lines],
                "totals": dict(sheet.totals),
            }
        )
        return
    if not sheet.payments:
        print(f"nothing is owed for {start} to {end}")
        return
    rows = [(one.who, f"{one.num_answers:f}", f"{one.amount:.2f} {one.currency}") for one in sheet.payments]
    print_table(Table(("who", "answers", "amount"), rows))
    for currency, total in sheet.totals:
        print(f"{total:.2f} {currency} in all, {start} to {end}")


@crew_app.command()
def gold(
    scenario: ScenarioName,
    appeal: Annotated[str | None, typer.Option(help="Appeal against the gold answer to this item.")] = None,
    uphold: Annotated[str | None, typer.Option(help="Uphold the appeal about this item: its gold is retired.")] = None,
    dismiss: Annotated[str | None, typer.Option(help="Dismiss the appeal about this item.")] = None,
    annotator: Annotated[str | None, typer.Option(help="Whose appeal, where an item has several.")] = None,
    by: Annotated[str, typer.Option("--as", help="Who appeals, or who rules.")] = "",
    why: Annotated[str, typer.Option(help="For what reason.")] = "",
    as_json: Json = False,
) -> None:
    """How annotators do on gold, which gold is retired and why; appeals against it, and rulings on them."""
    from assets import gold as golden
    from labeling.gold import gold_figures

    asked = [(name, item) for name, item in (("appeal", appeal), ("upheld", uphold), ("dismissed", dismiss)) if item]
    if len(asked) > 1:
        raise SettingsError("say one thing", remedy="give --appeal ITEM, --uphold ITEM or --dismiss ITEM")
    work = work_of(scenario)
    rows = everything(work)
    if asked:
        name, item = asked[0]
        if name == "appeal":
            made = golden.appeal(work, rows, item=item, annotator=by, reason=why)
        else:
            ruling: Any = name
            made = golden.rule(work, item=item, annotator=annotator, decision=ruling, by=by, why=why)
        if as_json:
            print_json(dataclasses.asdict(made))
        else:
            decided = f", by {made.decided_by}" if made.decided_by else ""
            print(f"the appeal of {made.annotator} about {made.item_id[:12]} is {made.decision}{decided}")
        return
    judged = gold_figures(rows, golden.standing(work, rows)).to_pylist()
    retired, appeals = golden.retired(work, rows), golden.appeals(work)
    if as_json:
        print_json(
            {
                "figures": plain(judged),
                "retired": [dataclasses.asdict(one) for one in retired],
                "appeals": [dataclasses.asdict(one) for one in appeals],
            }
        )
        return
    print(f"{len(golden.standing(work, rows))} gold items judge, {len(retired)} are retired")
    if judged:
        shown = [(row["annotator"], row["num_answers"], share(row, "accuracy", "low", "high")) for row in judged]
        print_table(Table(("annotator", "answers", "right, 95 %"), shown))
    for one in retired:
        said = (
            f"{one.num_upheld} appeals upheld" if one.num_upheld else f"{one.num_contradicting} of {one.num_good} say"
        )
        print(f"retired: {one.item_id[:12]} ({one.gold_answer}): {said} {one.instead or ''}".rstrip())
    if appeals:
        print_table(
            Table(
                ("item", "annotator", "is", "reason"),
                [(one.item_id[:12], one.annotator, one.decision, one.reason) for one in appeals],
            )
        )


# --- for these commands and those on orders


def work_of(scenario: str, batch: str = "") -> "Work":
    """A scenario, or a batch of it, in this installation. Raises NotFound for a batch that is not there."""
    from assets.scenario import open_scenario
    from pipelines.ports import open_work

    settings = Settings.existing()
    work = open_work(settings, open_scenario(scenario, settings.scenario_folders), batch)
    if not work.scenario.labeled:
        raise NotFound(f"scenario {work.scenario.name} has no people", remedy="name one with a section labeling")
    if batch:
        work.lake.state.batch(work.scenario.name, batch)
    return work


def everything(work: "Work") -> "list[Annotation]":
    """All answers of a scenario as of the last look."""
    from assets.answers import mirror
    from lake.records import Annotation, from_table

    return list(from_table(mirror(work), Annotation))


def day_of(text: str, option: str) -> dt.date:
    """A day as people type it. Raises SettingsError."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{option} {text} is no day", remedy="write it as 2026-01-31") from error


def svg_file(picture: Path | None) -> None:
    """Raises SettingsError for a picture under another ending."""
    if picture is not None and picture.suffix != ".svg":
        raise SettingsError(f"--picture {picture} is no SVG file", remedy="give a name that ends in .svg")


def write_text(path: Path, text: str) -> None:
    """Put a file there, whole or not at all. Raises SettingsError where its folder is missing."""
    from lake.blobs import replace_text

    if not path.absolute().parent.is_dir():
        raise SettingsError(f"{path}: there is no such folder", remedy="make it, or name another file")
    replace_text(path.absolute(), text)


def write_csv(path: Path, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Rows as a CSV file that spreadsheets open safely; what is not known is an empty cell."""
    from labeling.pay import csv_text

    write_text(path, csv_text(names, [[_cell(row[name]) for name in names] for row in rows]))


def share(row: dict[str, Any], name: str, low: str, high: str) -> str:
    """A share with its interval, as people read it; "-" of nothing."""
    return "-" if math.isnan(row[name]) else f"{row[name]:.0%} {100 * row[low]:.0f}-{100 * row[high]:.0f}"


def plain(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """JSON has no NaN, and days are texts."""
    return [{name: _json(value) for name, value in row.items()} for row in rows]


def _json(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.isoformat() if isinstance(value, dt.date) else value


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _crew_row(row: dict[str, Any], *, days: bool) -> tuple[Any, ...]:
    each = row["cost_per_accepted"]
    seconds = row["seconds_median"]
    return (
        row["annotator"],
        *((f"{row['day']:%m-%d}",) if days else ()),
        row["num_answers"],
        _interval(row, "gold_accuracy"),
        _interval(row, "agreement"),
        "-" if math.isnan(seconds) else f"{seconds:.1f}",
        *(() if days else ("-" if each is None else f"{each:.3f}",)),
    )


def _interval(row: dict[str, Any], name: str) -> str:
    return share(row, name, f"{name}_low", f"{name}_high")
