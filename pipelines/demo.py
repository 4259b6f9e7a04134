"""`trialbase demo`: the loop twice, headless, on real servers, with a crew that is simulated and says so."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from assets.orders import inbox
from assets.scenario import Scenario, open_scenario
from assets.sign import sign
from assets.stage import Ports, Work
from labeling.crew import SimulatedAnnotator, answer_through, demo_crew
from lake import ledger
from lake.errors import GateError, SettingsError
from lake.records import Label, Purpose
from pipelines.demo_data import DemoData, write_deliveries
from pipelines.ports import open_ports
from pipelines.runner import advance, ingest
from pipelines.services import label_studio, start_all, stop_all
from pipelines.settings import Settings
from pipelines.show import Table, print_table, progress_bar, say

SERVICES = ("mlflow", "label_studio", "portal")
STEWARD = "demo steward (simulated)"


@dataclass(frozen=True)
class TrialFigures:
    accuracy: float
    worst_slice: str
    worst_slice_accuracy: float | None
    verdict: str
    reasons: str
    failures: int


@dataclass(frozen=True)
class LoopFigures:
    """What one turn of the loop came to; `label_accuracy` is against the demo's own answer key."""

    dataset: str
    dataset_hash: str
    items: int
    delivered: int
    quarantined: int
    near_duplicates: int
    annotations: int
    annotator_minutes: float  # simulated
    labels: int
    label_accuracy: float
    alpha: float
    gold_accuracy: float | None
    gate: str
    model: str
    trial: TrialFigures
    cost: str  # simulated prices


@dataclass(frozen=True)
class DemoFigures:
    loops: tuple[LoopFigures, ...]
    seconds: float
    services: dict[str, str]
    home: str
    simulated: str


def run_demo(home: Path | None, *, keep: bool, json_file: Path | None) -> DemoFigures:
    """The whole demo; a demo that was killed goes on when it is given the same home."""
    begin = time.monotonic()
    place = Path(tempfile.mkdtemp(prefix="trialbase-demo-")) if home is None else home.absolute()
    settings = _settings(place)
    settings.make_home()
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise SettingsError(f"--json {json_file}: there is no such folder", remedy="make it, or name another file")
    try:
        figures = _demo(settings, begin)
        if keep:
            services = {one.name: one.url for one in start_all(settings, None, say)}
            figures = DemoFigures(figures.loops, figures.seconds, services, figures.home, figures.simulated)
    finally:
        if not keep:
            for _ in stop_all(settings):
                pass
    if json_file is not None:
        json_file.write_text(json.dumps(asdict(figures), indent=2, ensure_ascii=False) + "\n")
    _show(figures)
    _show_where(figures, settings, keep=keep)
    return figures


def _settings(home: Path) -> Settings:
    """An installation of its own below `home`, on free ports; child processes see the same."""
    own = {"HOME": str(home), "PORTAL_PORT": "0", "DAGSTER_PORT": "0", "LABEL_STUDIO_PORT": "0", "MLFLOW_PORT": "0"}
    for name in ("LAKE_URL", "STATE_URL", "LABEL_STUDIO_URL", "LABEL_STUDIO_TOKEN", "MLFLOW_URI", "DVC_REMOTE"):
        os.environ.pop(f"TRIALBASE_{name}", None)
    os.environ |= {f"TRIALBASE_{name}": value for name, value in own.items()}
    return Settings.load()


def _demo(settings: Settings, begin: float) -> DemoFigures:
    say(f"demo in {settings.root}: annotators, steward and prices are simulated; servers, files and training are real")
    scenario = open_scenario("digits", [])
    with ThreadPoolExecutor(1) as aside:
        starting = aside.submit(_start, settings, scenario)
        data = write_deliveries(settings.root / "deliveries")
        _list_faults(data)
        ports = open_ports(settings)
        _take_trial_cases(settings, scenario, ports, data)
        _ingest(settings, scenario, [data.deliveries[0].path], "labeling")
        services = starting.result()
    crew = demo_crew(scenario.classes)
    _introduce(crew)
    loops = []
    for number in (0, 1):
        paths = [data.deliveries[number].path]
        if number:
            paths += sorted(inbox(settings.root, scenario.name).glob("feedback-*"))[:1]
        batch = _ingest(settings, scenario, paths, "labeling")
        loops.append(_turn(settings, scenario, ports, batch, data, number + 1))
    return DemoFigures(
        tuple(loops),
        round(time.monotonic() - begin, 1),
        services,
        str(settings.root),
        "annotators, their minutes, the steward and all prices",
    )


def _start(settings: Settings, scenario: Scenario) -> dict[str, str]:
    """Servers and the crew's users, while files are taken in."""
    services = {one.name: one.url for one in start_all(settings, SERVICES, say)}
    label_studio(settings).ensure_users([one.name for one in demo_crew(scenario.classes)])
    return services


def _take_trial_cases(settings: Settings, scenario: Scenario, ports: Ports, data: DemoData) -> None:
    (delivery,) = (one for one in data.deliveries if one.purpose == "trial")
    batch = _ingest(settings, scenario, [delivery.path], "trial")
    advance(settings, scenario, ports, batch, say)


def _ingest(settings: Settings, scenario: Scenario, paths: list[Path], purpose: Purpose) -> str:
    batch, report = ingest(settings, scenario, paths, purpose)
    say(f"{batch}: {report.summary['items']} items, {report.summary['quarantined']} quarantined")
    return batch


def _turn(settings: Settings, scenario: Scenario, ports: Ports, batch: str, data: DemoData, number: int) -> LoopFigures:
    """One turn of the loop, from items to feedback."""
    work = Work(ports, scenario, batch)
    status = advance(settings, scenario, ports, batch, say)
    if status.waits_for == "annotators":
        _answer(settings, work, data.truth)
        status = advance(settings, scenario, ports, batch, say)
    if status.waits_for == "steward":
        _sign(work)
        status = advance(settings, scenario, ports, batch, say)
    if status.waits_for != "nobody":
        raise GateError(f"loop {number} stands still: {status.says}", remedy=status.next)
    return _figures(work, data.truth)


def _answer(settings: Settings, work: Work, truth: dict[str, str]) -> None:
    """The simulated crew answers through Label Studio's API, each as a user of its own."""
    scenario, server = work.scenario, label_studio(settings)
    crew = demo_crew(scenario.classes)
    tokens = server.ensure_users([one.name for one in crew])
    project = str(work.lake.state.outcomes(scenario.name, work.batch_name)["label_tasks"].summary["project"])
    with progress_bar("simulated crew answers") as progress:
        new = answer_through(server.url, tokens, project, scenario.config, crew, truth.__getitem__, progress)
    say(f"{work.batch_name}: {len(crew)} simulated annotators gave {new} answers through Label Studio")


def _sign(work: Work) -> None:
    from assets.labels import gate_report

    report = gate_report(work)
    short = "; ".join(f"{one.name}: {one.observed}" for one in report.failing)
    decision, reason = ("waive", f"simulated decision of the demo: {short}") if short else ("approve", "")
    sign(work, by=STEWARD, role="steward", decision=decision, reason=reason, report_hash=report.report_hash)  # type: ignore[arg-type]
    say(f"{work.batch_name}: gate {report.verdict}, {decision} by {STEWARD}")


def _figures(work: Work, truth: dict[str, str]) -> LoopFigures:
    said = {name: one.summary for name, one in work.lake.state.outcomes(work.scenario.name, work.batch_name).items()}
    labels = work.batch.records("labels", Label)
    right = sum(truth[one.item_id] == one.answer for one in labels)
    entries = [one for one in work.lake.state.entries(work.scenario.name) if one.batch == work.batch_name]
    cost = " + ".join(f"{amount} {currency}" for currency, amount in ledger.money(entries).items())
    trial = said["trial"]
    return LoopFigures(
        dataset=str(said["dataset"]["version"]),
        dataset_hash=str(said["dataset"]["dataset_hash"]),
        items=int(str(said["raw_items"]["items"])),
        delivered=int(str(said["raw_items"]["delivered"])),
        quarantined=int(str(said["raw_items"]["quarantined"])),
        near_duplicates=int(str(said["curated_items"]["near_duplicates"])),
        annotations=int(str(said["annotations"]["annotations"])),
        annotator_minutes=float(str(said["annotations"]["annotator_minutes"])),
        labels=len(labels),
        label_accuracy=round(right / len(labels), 4),
        alpha=float(str(said["annotations"]["alpha"])),
        gold_accuracy=_number(said["annotations"]["gold_accuracy"]),
        gate=str(said["labels"]["gate"]),
        model=str(said["model"]["model"]),
        trial=TrialFigures(
            accuracy=float(str(trial["accuracy"])),
            worst_slice=str(trial["worst_slice"]),
            worst_slice_accuracy=_number(trial["worst_slice_accuracy"]),
            verdict=str(trial["verdict"]),
            reasons=str(trial["reasons"]),
            failures=int(str(trial["failures"])),
        ),
        cost=cost,
    )


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))


def _list_faults(data: DemoData) -> None:
    for delivery in data.deliveries:
        if delivery.faults:
            kinds = sorted(set(delivery.faults.values()))
            counts = ", ".join(f"{list(delivery.faults.values()).count(kind)} {kind}" for kind in kinds)
            say(f"{delivery.path.name}: faults planted: {counts}")


def _introduce(crew: Sequence[SimulatedAnnotator]) -> None:
    people = ", ".join(f"{one.name.partition('@')[0]} {one.accuracy:.0%}" for one in crew)
    say(f"simulated annotators and how often each is right: {people} (eli is careless, finn a spammer)")


def _show(figures: DemoFigures) -> None:
    names: list[tuple[str, Callable[[LoopFigures], object]]] = [
        ("items", lambda one: f"{one.items} of {one.delivered} files"),
        ("quarantined", lambda one: one.quarantined),
        ("near-duplicates", lambda one: one.near_duplicates),
        ("annotations", lambda one: one.annotations),
        ("annotator minutes*", lambda one: one.annotator_minutes),
        ("labels", lambda one: one.labels),
        ("label accuracy (truth)", lambda one: f"{one.label_accuracy:.1%}"),
        ("agreement (alpha)", lambda one: f"{one.alpha:.3f}"),
        ("gold accuracy", lambda one: "-" if one.gold_accuracy is None else f"{one.gold_accuracy:.1%}"),
        ("gate", lambda one: one.gate),
        ("model", lambda one: one.model),
        ("model accuracy (trial)", lambda one: f"{one.trial.accuracy:.1%}"),
        ("worst slice", lambda one: f"{one.trial.worst_slice} {one.trial.worst_slice_accuracy or 0:.1%}"),
        ("failures", lambda one: one.trial.failures),
        ("verdict", lambda one: one.trial.verdict),
        ("cost*", lambda one: one.cost),
    ]
    rows = [(name, *(str(show(one)) for one in figures.loops)) for name, show in names]
    print_table(Table(("", *(one.dataset for one in figures.loops)), rows))
    print(f"* simulated: {figures.simulated}")
    print(f"{figures.seconds:.0f} s in all, on real servers, files and training")


def _show_where(figures: DemoFigures, settings: Settings, *, keep: bool) -> None:
    """Where to look at what the demo made."""
    home = settings.root
    rows = [(name.replace("_", " "), url) for name, url in figures.services.items()] if keep else []
    for page in sorted(home.glob("data-docs/*/*/site/index.html")):
        rows.append(("Data Docs", str(page)))
    for page in sorted(home.glob("reports/*/*/trial.html")):
        rows.append(("trial report", str(page)))
    rows.append(("dataset repository", str(home / "datasets")))
    if keep:
        rows.append(("credentials", str(settings.credentials_file)))
    print("where to look")
    for name, place in rows:
        print(f"  {name:18} {place}")  # plain lines: a path that is cut in two cannot be copied
    if keep:
        print(f"stop the services: TRIALBASE_HOME={home} trialbase down")
    else:
        print(f"see it in Dagster, Label Studio, MLflow and the portal: TRIALBASE_HOME={home} trialbase up")
