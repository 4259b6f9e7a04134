"""dataset: signed labels become a version that anyone can check out."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from assets import holding, suite
from assets.labels import gate_report
from assets.scenario import Scenario
from assets.splits import splits
from assets.stage import Report, Work, blocks, data_docs
from lake.card import Facts, card_text
from lake.errors import NotReady
from lake.records import DatasetVersion, Label, SignOff, to_table
from lake.versions import Contents
from quality.checks import CheckResult, StageFacts
from quality.duplicates import Nearness
from quality.expectations import validate
from quality.gate import GateReport
from quality.leakage import leaks
from quality.signoff import demand

_EMBEDDING = "probe_embedding"  # 256 bytes an item that no reader of a version needs: it is made of the media


def run(work: Work) -> Report:
    """Commit `name@vN`: all confident labels of the signed batches so far, this one included."""
    report = gate_report(work)
    signed = signature(work)
    demand(report, signed, sign_off_roles(work.scenario))
    assert signed is not None, "demand() refuses a missing signature"
    batches = [name for name in _batches(work) if name == work.batch_name or _committed(work, name)]
    confident = _labels(work, batches)
    manifest = _manifest(work, confident, batches)
    kept = set(manifest["item_id"].to_pylist())
    labels = [one for one in confident if one.item_id in kept]
    if not labels:
        raise NotReady(
            f"all {len(confident)} labelled items of batch {work.batch_name} are near-duplicates or kin of both splits",
            remedy="deliver more items of other groups, and run again: splits are by group and by duplicate cluster",
        )
    checks = _checks(work, manifest)
    if any(blocks(check) for check in checks):
        return Report({"items": manifest.num_rows}, checks=checks)
    contents = Contents(
        manifest=manifest.drop_columns([_EMBEDDING]),
        labels=to_table(labels, Label),
        classes=work.scenario.classes or holding.classes_of(to_table(labels, Label)),
        gate_report=report.to_json(),
        card=_card(work, manifest, labels, report, signed),
    )
    version = work.ports.versions.commit(
        work.scenario.name, contents, gate=report.verdict, signed_by=signed.by, batches=batches
    )
    summary = {**_summary(version, labels, manifest), "between_splits": len(confident) - len(labels)}
    return Report(summary, preview=contents.labels.slice(0, 8), checks=checks)


def sign_off_roles(scenario: Scenario) -> tuple[str, ...]:
    """Who may sign a batch of a scenario."""
    return tuple(scenario.quality.sign_off_roles) if scenario.labeled else holding.SIGN_OFF_ROLES


def signature(work: Work) -> SignOff | None:
    """The newest decision on this batch."""
    rows = work.lake.state.signoffs(work.scenario.name, work.batch_name)
    return rows[-1] if rows else None


def _batches(work: Work) -> list[str]:
    return [one.name for one in work.lake.batches(work.scenario.name, purpose="labeling", upto=work.batch_name)]


def _committed(work: Work, batch: str) -> bool:
    """An earlier batch counts when it passed its own gate and went into a version."""
    return "dataset" in work.lake.state.outcomes(work.scenario.name, batch)


def _labels(work: Work, batches: list[str]) -> list[Label]:
    """The newest label of each item where people are sure enough, by item_id."""
    newest: dict[str, Label] = {}
    for name in batches:
        newest |= {one.item_id: one for one in work.lake.batch(work.scenario.name, name).records("labels", Label)}
    floor = work.scenario.labeling.consensus.min_posterior if work.scenario.labeled else 0.0
    return [newest[item] for item in sorted(newest) if newest[item].confidence >= floor]


def _manifest(work: Work, labels: list[Label], batches: list[str]) -> pa.Table:
    """Items of the labels, in the same order, with the split and the batch that brought them.

    Those that would bridge two splits stay out; the tables `splits` say why.
    """
    items = work.lake.read_all(work.scenario.name, "curated", purpose="labeling", upto=work.batch_name)
    if items is None or not labels:
        raise NotReady(
            f"batch {work.batch_name} has no label that people are sure of",
            remedy="lower labeling.consensus.min_posterior, raise overlap, or look at the guideline",
        )
    wanted = pa.array([label.item_id for label in labels], pa.string())
    items = items.filter(pc.is_in(items["item_id"], wanted)).sort_by("item_id")
    if not work.scenario.labeled:
        return items.append_column("split", pa.repeat(pa.scalar("train", pa.string()), items.num_rows))
    brought = set(items["batch"].to_pylist())  # also batches that were never signed, whose items this one asked about
    found = splits(work, sorted(brought | set(batches)))
    at = pc.index_in(items["item_id"], value_set=found["item_id"].combine_chunks())
    items = items.append_column("split", found["split"].take(at))
    return items.filter(pc.is_valid(items["split"]))


def _checks(work: Work, manifest: pa.Table) -> tuple[CheckResult, ...]:
    if not work.scenario.labeled:
        return ()  # no trial cases that could leak; nothing was demanded
    quality = work.scenario.quality
    try:
        found = leaks(
            manifest,
            suite.cases(work.lake, work.scenario),
            Nearness(quality.near_duplicate_bits, quality.near_duplicate_cosine),
        )
        leaked = tuple(found["item_id"].to_pylist())
    except NotReady:  # no trial cases yet: nothing can leak
        leaked = ()
    return validate(manifest, "dataset", quality, StageFacts(leaked=leaked), docs=data_docs(work))


def _summary(version: DatasetVersion, labels: list[Label], manifest: pa.Table) -> dict[str, str | int]:
    splits = Counter(manifest["split"].to_pylist())
    return {
        "version": version.tag,
        "items": version.num_items,
        "train": splits["train"],
        "validation": splits["validation"],
        "rarest_class": min(Counter(one.answer for one in labels).items(), key=lambda pair: (pair[1], pair[0]))[0],
        "dataset_hash": version.dataset_hash,
        "signed_by": version.signed_by,
        "gate": version.gate,
    }


def _card(work: Work, manifest: pa.Table, labels: list[Label], report: GateReport, signed: SignOff) -> str:
    """What the version is, for whoever checks it out."""
    made = {
        "Gate": f"{report.verdict}, report {report.report_hash[:12]}"
        + "".join(f"; {one.name}: {one.observed}" for one in report.failing),
        "Decision": f"{signed.decision} by {signed.by} as {signed.role}"
        + (f": {signed.reason}" if signed.reason else ""),
    }
    if work.scenario.labeled:
        rule = work.scenario.labeling.consensus
        made |= {
            "Consensus": f"{rule.method}, posterior at least {rule.min_posterior:g}",
            "Guideline": f"version {work.scenario.guideline_version}",
        }
    table = to_table(labels, Label)
    facts = Facts(
        title=work.scenario.spec.title,
        manifest=manifest,
        labels=table,
        classes=work.scenario.classes or holding.classes_of(table),
        made=made,
        left_out=_left_out(work, manifest),
    )
    return card_text(facts)


def _left_out(work: Work, manifest: pa.Table) -> dict[str, int]:
    """What the batches of a version brought that is not in it, by reason."""
    counts: Counter[str] = Counter()
    for name in manifest["batch"].unique().to_pylist():
        batch = work.lake.batch(work.scenario.name, name)
        for reason in batch.read("quarantine", ["reason"])["reason"].to_pylist():
            counts[f"quarantined: {reason}"] += 1
        counts["near-duplicates of other items"] += batch.read("dropped", ["item_id"]).num_rows
        inside = pc.sum(pc.equal(manifest["batch"], name)).as_py()
        counts["without a label that people are sure of"] += batch.read("curated", ["item_id"]).num_rows - inside
    return dict(sorted(counts.items()))
