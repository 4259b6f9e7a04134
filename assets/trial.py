"""trial: the model is judged on cases that it has never seen, against the champion."""

import pyarrow as pa

from assets import suite
from assets.dataset import signature
from assets.labels import gate_report
from assets.model import model_of
from assets.stage import Report, Work
from lake import ids
from lake.blobs import replace_text
from lake.records import Failure, Trial, to_table
from quality.trial.compare import Judgement, verdict
from quality.trial.report import page as html_page
from quality.trial.report import to_json
from quality.trial.runner import TrialResult, run_trial
from training.tracking import ModelVersion


def run(work: Work) -> Report:
    """A verdict with its reasons; `promote` makes the model the champion."""
    model = model_of(work)
    found = suite.cases(work.lake, work.scenario)
    version = suite.version(work.scenario, found)
    champion = _champion(work, model, version)
    result = _tried(work, model, found)
    judged = verdict(
        result,
        None if champion is None else _tried(work, champion, found),
        work.scenario.suite,
        gate_passed=gate_report(work).verdict != "block",
        signed=signature(work) is not None,
    )
    row = _keep(work, model, version, result, judged, champion)
    if judged.verdict == "promote":
        _promote(work, model, judged)
    worst = result.worst
    return Report(
        {
            "trial": row.trial_id,
            "model": row.model,
            "suite": version,
            "cases": result.overall.num_cases,
            "accuracy": round(result.overall.accuracy, 4),
            "accuracy_low": round(result.overall.low, 4),
            "accuracy_high": round(result.overall.high, 4),
            "worst_slice": row.worst_slice,
            "worst_slice_accuracy": None if worst is None else round(worst.accuracy, 4),
            "failures": len(result.failures),
            "champion_before": row.champion,
            "verdict": judged.verdict,
            "reasons": "; ".join(judged.reasons),
        },
        preview=work.batch.read("failures").slice(0, 8),
    )


def report_path(work: Work) -> str:
    """Where the trial's page lies below the home folder."""
    return f"reports/{work.scenario.name}/{work.batch_name}/trial.html"


def model_of_tag(tag: str) -> ModelVersion:
    """A registered model by `name/version`."""
    name, _, number = tag.rpartition("/")
    return ModelVersion(name, int(number), f"models:/{name}/{number}")


def trial_id(model: str, suite_version: str) -> str:
    """Identity of a trial: the model and the suite."""
    return ids.key(model, suite_version)[:16]


def _champion(work: Work, model: ModelVersion, version: str) -> ModelVersion | None:
    """Whom the model challenges: the champion before this trial, also when this trial is done again."""
    identity = trial_id(model.tag, version)
    for row in work.lake.state.trials(work.scenario.name):
        if row.trial_id == identity:
            return None if row.champion is None else model_of_tag(row.champion)
    champion = work.ports.tracker.aliased(work.scenario.name, "champion")
    return None if champion == model else champion


def _tried(work: Work, model: ModelVersion, found: pa.Table) -> TrialResult:
    places = zip(*(found[name].to_pylist() for name in ("pack", "offset", "length")), strict=True)
    said = work.ports.tracker.predict(model.uri, [work.lake.media(*place) for place in places])
    predictions = said.select(["predicted", "confidence"]).add_column(0, "item_id", found["item_id"])
    return run_trial(found, predictions, work.scenario.suite)


def _keep(
    work: Work,
    model: ModelVersion,
    version: str,
    result: TrialResult,
    judged: Judgement,
    champion: ModelVersion | None,
) -> Trial:
    """Write the failures, the page and the row, in this order."""
    name = model.tag
    row = Trial(
        trial_id=trial_id(name, version),
        scenario=work.scenario.name,
        batch=work.batch_name,
        model=name,
        suite=version,
        accuracy=result.overall.accuracy,
        worst_slice="none" if result.worst is None else result.worst.name,
        verdict=judged.verdict,
        reasons=judged.reasons,
        num_failures=len(result.failures),
        champion=None if champion is None else champion.tag,
    )
    work.batch.write("failures", to_table(result.failures, Failure))
    page = work.lake.home / report_path(work)
    replace_text(page, html_page(result, judged, title=f"Trial of {name}"))
    replace_text(page.with_suffix(".json"), to_json(result, judged))
    work.lake.state.put_trial(row)
    return row


def _promote(work: Work, model: ModelVersion, judged: Judgement) -> None:
    """Make the model the champion; the audit log knows before anyone can use it."""
    subject = model.tag
    noted = any(one.action == "promote" and one.subject == subject for one in work.lake.state.audit_entries())
    if not noted:
        work.lake.state.note("trialbase", "promote", subject, "; ".join(judged.reasons))
    work.ports.tracker.alias(model.name, model.version, "champion")
