"""dataset: signed labels become a version that anyone can check out."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from assets import suite
from assets.labels import gate_report
from assets.stage import Report, Work, blocks, data_docs
from lake.errors import NotReady
from lake.records import DatasetVersion, Label, SignOff, to_table
from lake.versions import Contents
from quality.checks import CheckResult, StageFacts
from quality.expectations import validate
from quality.gate import GateReport, demand
from quality.leakage import leaks, split_of


def run(work: Work) -> Report:
    """Commit `name@vN`: all confident labels of the signed batches so far, this one included."""
    report = gate_report(work)
    signed = signature(work)
    demand(report, signed, work.scenario.spec.quality.sign_off_roles)
    assert signed is not None, "demand() refuses a missing signature"
    batches = [name for name in _batches(work) if name == work.batch_name or _committed(work, name)]
    labels = _labels(work, batches)
    manifest = _manifest(work, labels)
    checks = _checks(work, manifest)
    if any(blocks(check) for check in checks):
        return Report({"items": manifest.num_rows}, checks=checks)
    contents = Contents(
        manifest=manifest,
        labels=to_table(labels, Label),
        classes=work.scenario.classes,
        gate_report=report.to_json(),
        card=_card(work, manifest, labels, report, signed),
    )
    version = work.ports.versions.commit(
        work.scenario.name, contents, gate=report.verdict, signed_by=signed.by, batches=batches
    )
    return Report(_summary(version, labels, manifest), preview=contents.labels.slice(0, 8), checks=checks)


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
    floor = work.scenario.spec.labeling.consensus.min_posterior
    return [newest[item] for item in sorted(newest) if newest[item].confidence >= floor]


def _manifest(work: Work, labels: list[Label]) -> pa.Table:
    """Items of the labels, in the same order, with the split and the batch that brought them."""
    items = work.lake.read_all(work.scenario.name, "curated", purpose="labeling", upto=work.batch_name)
    if items is None or not labels:
        raise NotReady(
            f"batch {work.batch_name} has no label that people are sure of",
            remedy="lower labeling.consensus.min_posterior, raise overlap, or look at the guideline",
        )
    wanted = pa.array([label.item_id for label in labels], pa.string())
    items = items.filter(pc.is_in(items["item_id"], wanted)).sort_by("item_id")
    share = work.scenario.spec.training.validation_share
    splits = [split_of(group, validation_share=share) for group in items["group"].to_pylist()]
    return items.append_column("split", pa.array(splits, pa.string()))


def _checks(work: Work, manifest: pa.Table) -> tuple[CheckResult, ...]:
    quality = work.scenario.spec.quality
    try:
        found = leaks(
            manifest,
            suite.cases(work.lake, work.scenario),
            max_bits=quality.near_duplicate_bits,
            min_cosine=quality.near_duplicate_cosine,
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
    spec = work.scenario.spec
    counts = Counter(one.answer for one in labels)
    people = sorted({who for one in labels for who in one.annotators})
    rows = "\n".join(f"| {name} | {counts[name]} |" for name in work.scenario.classes)
    reason = f" ({signed.reason})" if signed.reason else ""
    return f"""# {spec.title}

{manifest.num_rows} items of modality {spec.modality}, {len(work.scenario.classes)} classes.

- Licence of the items: {spec.source.licence}
- Consent: {spec.source.consent}
- Annotators: {", ".join(people)}
- Consensus: {spec.labeling.consensus.method}, posterior at least {spec.labeling.consensus.min_posterior:g}
- Guideline version: {work.scenario.guideline_version}
- Gate: {report.verdict}, report {report.report_hash[:12]}
- Decision: {signed.decision} by {signed.by} as {signed.role}{reason}

| class | items |
|---|---|
{rows}

`manifest.parquet` names each item's pack, offset and length; `packs/*.tar` open with any WebDataset reader;
`labels.parquet` holds one label an item with its confidence and who took part.
"""
