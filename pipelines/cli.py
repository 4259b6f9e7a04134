"""`trialbase`: each command is one call into a craft; --json on every one that prints data."""

import dataclasses
import logging
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from lake.errors import DeliveryError, NotFound, SettingsError, TrialbaseError
from pipelines.crew_commands import crew_app
from pipelines.dataset_commands import dataset_app, lake_app
from pipelines.garbage import look_less_for_garbage
from pipelines.labels_commands import labels_app
from pipelines.order_commands import order_app
from pipelines.settings import Settings
from pipelines.show import Table, print_json, print_table, print_tree, say

if TYPE_CHECKING:
    from assets.scenario import Scenario
    from assets.status import Status
    from lake.store import Lake

app = typer.Typer(
    name="trialbase",
    help="The data flywheel between a labeling base and an AI trial base.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
scenario_app = typer.Typer(help="Scenarios: folders that say what is labeled, learned and tried.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit log of decisions.", no_args_is_help=True)
app.add_typer(scenario_app, name="scenario")
app.add_typer(dataset_app, name="dataset")
app.add_typer(labels_app, name="labels")
app.add_typer(lake_app, name="lake")
app.add_typer(audit_app, name="audit")
app.add_typer(crew_app)
app.add_typer(order_app)

Json = Annotated[bool, typer.Option("--json", help="Print data instead of a table.")]
ScenarioName = Annotated[str, typer.Argument(help="A scenario's name, or the path of its folder.", show_default=False)]


def main() -> None:
    """The command line; an error that a person can mend is a message, not a traceback."""
    look_less_for_garbage()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except TrialbaseError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped; nothing is lost, the same command goes on", file=sys.stderr)
        sys.exit(130)


# --- the loop


@app.command()
def demo(
    home: Annotated[Path | None, typer.Option(help="Where to put it; a temporary folder otherwise.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the services up.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """The loop twice on scanned digits, with a simulated crew and real servers."""
    from pipelines.demo import run_demo

    run_demo(home, keep=keep, json_file=json_file)


@app.command()
def up(
    only: Annotated[list[str] | None, typer.Option(help="Start only this service; may be given again.")] = None,
) -> None:
    """Start Dagster, Label Studio, MLflow and the portal on this machine, and wait until they are healthy."""
    from pipelines.services import start_all

    settings = Settings.load()
    for service in start_all(settings, only, say):
        print(f"{service.name:14} {service.url}")
    print(f"{'credentials':14} {settings.credentials_file}")


@app.command()
def down() -> None:
    """Stop the services of this installation."""
    from pipelines.services import stop_all

    for name in stop_all(Settings.existing()):
        print(f"stopped {name}")


@app.command()
def ingest(
    scenario: ScenarioName,
    paths: Annotated[
        list[str],
        typer.Argument(help="Folders, archives or files, local or on s3:// and https://; together they are one batch."),
    ],
    purpose: Annotated[
        str, typer.Option("--for", help="labeling, or trial: cases that models are tried on.")
    ] = "labeling",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would come in; take nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Take deliveries in; the same deliveries twice add nothing."""
    from lake.records import Purpose
    from pipelines.ports import open_lake
    from pipelines.runner import ingest as take_in
    from pipelines.show_quarantine import first_refused

    if purpose not in ("labeling", "trial"):
        raise SettingsError(f"--for {purpose} is unknown", remedy="use --for labeling or --for trial")
    found = _scenario(scenario)
    if dry_run:
        from pipelines.show_delivery import show_delivery

        show_delivery(paths, found.spec.source.reader, as_json=as_json)
        return
    settings = Settings.load()
    batch, report = take_in(settings, found, paths, cast(Purpose, purpose), shown=not as_json)
    rows = {"batch": batch, **report.summary}
    if as_json:
        print_json(rows)
        return
    print_table(Table(("", ""), [(name.replace("_", " "), value) for name, value in rows.items()]))
    if rows["quarantined"] or rows["faults"]:
        for line in first_refused(open_lake(settings).batch(found.name, batch)):
            print(line)
        print(f"all of them: trialbase quarantine {found.name} {batch}")
    if not rows["items"] and not rows["orders"]:
        print("nothing came in: there is nothing to go on with")
        return
    print(f"next: trialbase run {found.name}")


@app.command()
def quarantine(
    scenario: ScenarioName,
    batch: Annotated[str, typer.Argument(help="The batch.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Which delivered files did not come in, and why; and what deliveries say that is not sound."""
    from pipelines.ports import open_lake
    from pipelines.show_quarantine import show_quarantine

    found, lake = _scenario(scenario), open_lake(Settings.existing())
    show_quarantine(lake.batch(found.name, lake.state.batch(found.name, batch).batch), as_json=as_json)


@app.command()
def run(
    scenario: Annotated[str | None, typer.Argument(help="A scenario's name, or the path of its folder.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only this batch.")] = None,
    select: Annotated[
        str | None, typer.Option(help="Materialise a Dagster asset selection instead, such as 'key:digits/labels+'.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Move batches on until they wait for a person; what is done is not done again."""
    settings = Settings.existing()
    if select is not None:
        from pipelines.materialise import materialise_selection

        count = materialise_selection(settings, select, batch)
        print_json({"materialised": count}) if as_json else print(f"materialised {count} assets")
        return
    if scenario is None:
        raise SettingsError("nothing to run", remedy="trialbase run SCENARIO, or trialbase run --select SELECTION")
    from pipelines.ports import open_ports
    from pipelines.runner import advance

    found, ports = _scenario(scenario), open_ports(settings)
    # trial cases first: models of the other batches are tried on them
    rows = sorted(ports.lake.state.batches(found.name), key=lambda row: row.purpose != "trial")
    names = [row.batch for row in rows]
    if batch is not None:
        names = [ports.lake.state.batch(found.name, batch).batch]
    quiet: Callable[[str], None] = (lambda _text: None) if as_json else say
    statuses, errors = [], []
    for name in names:
        try:
            statuses.append(advance(settings, found, ports, name, quiet))
        except TrialbaseError as error:  # one batch in trouble does not hold up the others
            errors.append((name, error))
    if statuses or not errors:
        _print_statuses(statuses, as_json)
    for name, told in errors[:-1]:
        print(f"error: batch {name}: {told}", file=sys.stderr)
    if errors:
        raise errors[-1][1]


@app.command()
def status(
    scenario: Annotated[str | None, typer.Argument(help="Only this scenario.")] = None, as_json: Json = False
) -> None:
    """Where each batch stands, who is waited for, and what to type next."""
    from assets.stage import Work
    from assets.status import status_of
    from pipelines.ports import load_scenarios, open_ports

    settings = Settings.existing()
    good, wrong = load_scenarios(settings)
    if scenario is not None:
        good, wrong = {scenario: _scenario(scenario)}, {}
    ports = open_ports(settings)
    statuses = [
        status_of(Work(ports, found, row.batch))
        for found in good.values()
        for row in ports.lake.state.batches(found.name)
    ]
    _print_statuses(statuses, as_json)
    for waiting in [] if as_json else _waiting_deliveries(ports.lake, good):
        print(f"in the inbox: {waiting}")
    for name, error in wrong.items():
        print(f"scenario {name} is left out: {error}", file=sys.stderr)
    held = Counter(row.scenario for row in ports.lake.state.batches())
    for name in sorted(set(held) - set(good) - set(wrong)) if scenario is None else ():
        print(
            f"scenario {name} is gone, {held[name]} of its batches are held: put its folder back, or name the folder "
            "that it lies in with TRIALBASE_SCENARIOS",
            file=sys.stderr,
        )


@app.command()
def sign(
    scenario: ScenarioName,
    batch: Annotated[str, typer.Argument(help="The batch whose report is signed.", show_default=False)],
    by: Annotated[str, typer.Option("--as", help="Who signs.", show_default=False)],
    approve: Annotated[bool, typer.Option("--approve", help="The report is good.")] = False,
    waive: Annotated[str | None, typer.Option(help="Accept what fell short, for this reason.")] = None,
    reject: Annotated[str | None, typer.Option(help="Refuse the batch, for this reason.")] = None,
    role: Annotated[str, typer.Option(help="In which role.")] = "steward",
    as_json: Json = False,
) -> None:
    """Sign, waive or reject the quality report of a batch."""
    from assets.sign import sign as put_signature
    from pipelines.ports import open_work

    chosen = [("approve", "")] * approve + [
        (name, text) for name, text in (("waive", waive), ("reject", reject)) if text
    ]
    if len(chosen) != 1:
        raise SettingsError("say one thing", remedy="give --approve, --waive REASON or --reject REASON")
    if not by.strip():
        raise SettingsError("nobody signs", remedy='give the name of whoever answers for it: --as "Ann Lee"')
    found = _scenario(scenario)
    work = open_work(Settings.existing(), found, batch)
    work.lake.state.batch(found.name, batch)
    decision, reason = chosen[0]
    signed = put_signature(work, by=by, role=role, decision=decision, reason=reason, report_hash=None)  # type: ignore[arg-type]
    if as_json:
        print_json(dataclasses.asdict(signed))
        return
    print(f"{signed.by} ({signed.role}): {signed.decision} {found.name}/{batch}, report {signed.report_hash[:12]}")
    print(f"next: trialbase run {found.name}")


@app.command()
def report(
    scenario: ScenarioName,
    batch: Annotated[str, typer.Argument(help="A batch that has its labels.", show_default=False)],
    as_json: Json = False,
) -> None:
    """The quality report of a batch, as a steward signs it."""
    from assets.labels import gate_report
    from pipelines.ports import open_work

    work = open_work(Settings.existing(), _scenario(scenario), batch)
    work.lake.state.batch(work.scenario.name, batch)
    found = gate_report(work)
    if as_json:
        print(found.to_json())
        return
    rows = [
        (check.name, "yes" if check.passed else f"NO ({check.severity})", check.observed, check.expected, check.stage)
        for check in found.checks
    ]
    print_table(Table(("check", "passed", "observed", "expected", "stage"), rows))
    print(f"gate: {found.verdict}   report {found.report_hash}")


@app.command()
def order(
    scenario: ScenarioName,
    batch: Annotated[str, typer.Argument(help="A batch that has its labels.", show_default=False)],
    why: Annotated[str, typer.Option(help="Why it has to be looked at again.", show_default=False)],
    doubtful: Annotated[bool, typer.Option("--doubtful", help="Only labels that people are not sure of.")] = False,
    item: Annotated[list[str] | None, typer.Option(help="Only this item; may be given again.")] = None,
) -> None:
    """Have labelled items of a batch answered again, by other people than before."""
    from assets.orders import order_again
    from pipelines.ports import open_work

    work = open_work(Settings.existing(), _scenario(scenario), batch)
    work.lake.state.batch(work.scenario.name, batch)
    folders = order_again(work, why=why, doubtful=doubtful, items=item or ())
    print(f"ordered, in {len(folders)} {'delivery' if len(folders) == 1 else 'deliveries'} of what a budget allows")
    for folder in folders:
        print(f"next: trialbase ingest {work.scenario.name} {shlex.quote(str(folder))}  (services that are up do it)")


@app.command()
def lineage(
    dataset: Annotated[str | None, typer.Argument(help="A dataset version, such as digits@v2.")] = None,
    model: Annotated[str | None, typer.Option(help="A model, such as digits/1.")] = None,
    item: Annotated[str | None, typer.Option(help="An item's id, or its first digits.")] = None,
    annotator: Annotated[str | None, typer.Option(help="An annotator.")] = None,
    as_json: Json = False,
) -> None:
    """Where a version, model, item or annotator's work comes from, and where it went."""
    from lake.lineage import Lineage
    from pipelines.ports import open_ports

    ports = open_ports(Settings.existing())
    answers = Lineage(ports.lake, ports.versions)
    asked = [
        (dataset, answers.of_dataset),
        (model, answers.of_model),
        (item, answers.of_item),
        (annotator, answers.of_annotator),
    ]
    given = [(name, find) for name, find in asked if name is not None]
    if len(given) != 1:
        raise SettingsError("ask for one thing", remedy="trialbase lineage NAME@vN, or --model, --item, --annotator")
    name, find = given[0]
    node = find(name)
    print_json(dataclasses.asdict(node)) if as_json else print_tree(node)


@app.command()
def ledger(
    by: Annotated[str, typer.Option(help="scenario, batch, kind or who.")] = "scenario",
    scenario: Annotated[str | None, typer.Option(help="Only this scenario.")] = None,
    as_json: Json = False,
) -> None:
    """What labels and machines have cost."""
    from lake.ledger import By, summary
    from pipelines.ports import open_lake

    if by not in get_args(By):
        raise SettingsError(f"--by {by} is unknown", remedy=f"use one of {', '.join(get_args(By))}")
    lake = open_lake(Settings.existing())
    if scenario is not None and not lake.state.batches(scenario):
        raise NotFound(f"no batch of a scenario {scenario!r} is held", remedy="`trialbase status` names the scenarios")
    sums = summary(lake.state.entries(scenario), cast(By, by))
    if as_json:
        print_json([dataclasses.asdict(one) for one in sums])
        return
    rows = [(one.name, one.kind, f"{one.quantity:,.1f} {one.unit}", f"{one.amount:.2f} {one.currency}") for one in sums]
    print_table(Table((by, "kind", "quantity", "amount"), rows))


# --- scenarios


@scenario_app.command("list")
def scenario_list(as_json: Json = False) -> None:
    """All scenarios."""
    from pipelines.ports import load_scenarios

    good, wrong = load_scenarios(Settings.load())
    rows = [(name, one.spec.modality, one.spec.title, str(one.folder)) for name, one in good.items()]
    if as_json:
        print_json([dict(zip(("name", "modality", "title", "folder"), row, strict=True)) for row in rows])
        return
    print_table(Table(("scenario", "modality", "title", "folder"), rows))
    for name, error in wrong.items():
        print(f"{name} is wrong: {error}", file=sys.stderr)


@scenario_app.command("check")
def scenario_check(scenario: ScenarioName) -> None:
    """Read a scenario's files strictly; says file, line and key of what is wrong."""
    from pipelines.new_scenario import left_over

    found = _scenario(scenario)
    labels = f"{len(found.classes)} classes, guideline version {found.guideline_version}" if found.labeled else ""
    print(f"{found.folder}: good; {labels or 'it only holds deliveries'}")
    for where in left_over(found):
        print(f"still to be said: {where}")


@scenario_app.command("new")
def scenario_new(
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits, - and _.", show_default=False)],
    modality: Annotated[str, typer.Option(help="image or text.")] = "image",
    classes: Annotated[str, typer.Option(help="The answers to choose from, separated by commas.")] = "yes,no",
    folder: Annotated[Path, typer.Option(help="Where to put its folder.")] = Path("scenarios"),
) -> None:
    """A new scenario in a folder of your own, ready to be edited."""
    from pipelines.new_scenario import create

    made = create(folder / name, modality, [one.strip() for one in classes.split(",") if one.strip()])
    print(f"{made}: edit scenario.yaml, label_config.xml, guideline.md and suite.yaml")
    print(f"next: trialbase scenario check {made}")


@scenario_app.command("schema")
def scenario_schema(
    suite: Annotated[bool, typer.Option("--suite", help="That of suite.yaml instead.")] = False,
) -> None:
    """The JSON Schema of scenario.yaml, for editors."""
    from assets.scenario import json_schema, suite_json_schema

    print_json(suite_json_schema() if suite else json_schema())


# --- audit


@audit_app.command("verify")
def audit_verify() -> None:
    """Recompute the chain of the audit log; any change in it is found."""
    from pipelines.ports import open_lake

    print(f"{open_lake(Settings.existing()).state.verify_audit()} entries, unbroken")


# --- inside


def _scenario(name: str) -> "Scenario":
    from assets.scenario import open_scenario

    return open_scenario(name, Settings.load().scenario_folders)


def _waiting_deliveries(lake: "Lake", scenarios: "Collection[str]") -> "Iterator[str]":
    """Deliveries of the inbox that no batch holds: a sensor takes them up while the services run."""
    from assets.orders import inbox
    from lake.ingest import is_held

    for name in scenarios:
        for folder in sorted(inbox(lake.home, name).glob("[!.]*")):
            try:
                if not is_held(lake, name, folder):
                    yield f"{folder}  (next: trialbase ingest {name} {shlex.quote(str(folder))})"
            except DeliveryError as error:
                yield f"{folder}  (cannot be taken in: {error.what})"


def _print_statuses(statuses: "Sequence[Status]", as_json: bool) -> None:
    if as_json:
        print_json([dataclasses.asdict(one) for one in statuses])
        return
    if not statuses:
        print("no batches yet; next: trialbase ingest SCENARIO FOLDER")
        return
    rows = [(one.scenario, one.batch, f"{len(one.done)}", one.waits_for, one.says) for one in statuses]
    print_table(Table(("scenario", "batch", "stages", "waits for", "stands at"), rows))
    for one in statuses:
        if one.look:
            print(f"{one.batch} has ended; its files: {one.look}")
    for command in dict.fromkeys(one.next for one in statuses if one.next):
        print(f"next: {command}")
