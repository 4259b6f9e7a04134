"""The data card of a version: what it is, for whoever checks it out.

Source: Gebru et al. 2021, "Datasheets for Datasets".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from lake.changes import class_counts

MAX_ROWS = 50


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a card says beside what its tables say themselves."""

    title: str
    manifest: pa.Table
    labels: pa.Table  # in the rows' order of the manifest
    classes: tuple[str, ...]
    made: Mapping[str, str]  # how labels came about and who let them pass: consensus, guideline, gate, decision
    left_out: Mapping[str, int]  # what was delivered and is not in the version, by reason


def card_text(facts: Facts) -> str:
    """The card as Markdown; the same facts give the same text."""
    sections = [
        ("Items", _items(facts)),
        ("How it was made", [f"- {name}: {says}" for name, says in facts.made.items()]),
        ("Classes and splits", _classes(facts)),
        ("Media", _media(facts.manifest)),
        ("Licences and consent", _counted(facts.manifest, {"licence": "licence", "consent": "consent"})),
        ("Where items are from", _counted(facts.manifest, {"batch": "batch", "delivery": "delivery"})),
        ("Who labelled", _people(facts.labels)),
        ("Known gaps", _gaps(facts)),
        ("How to read it", [_READ]),
    ]
    body = "\n\n".join(f"## {name}\n\n" + "\n".join(lines) for name, lines in sections)
    return f"# {_plain(facts.title)}\n\n{body}\n"


_READ = """`manifest.parquet` has a row an item: its pack, offset and length, its origin, its split and its probes.
`labels.parquet` has a row an item in the same order: the answer, its confidence, and who took part.
`packs/*.tar` are plain tar files.

```python
import json, pandas, webdataset
manifest, labels = pandas.read_parquet("manifest.parquet"), pandas.read_parquet("labels.parquet")
classes = json.load(open("classes.json"))
samples = webdataset.WebDataset("packs/" + manifest.pack[0] + ".tar", shardshuffle=False)  # __key__ is the item_id
```"""


def _items(facts: Facts) -> Iterator[str]:
    manifest = facts.manifest
    groups = pc.count_distinct(manifest["group"]).as_py()
    yield f"{manifest.num_rows:,} items in {groups:,} groups, {len(facts.classes)} classes."
    yield f"{(pc.sum(manifest['size_bytes']).as_py() or 0) / 2**20:,.1f} MiB of media."


def _classes(facts: Facts) -> Iterator[str]:
    """How often each class is given, in all and a split."""
    splits = sorted(facts.manifest["split"].unique().to_pylist())
    answers = facts.labels["answer"]
    by_split = {one: class_counts(answers.filter(pc.equal(facts.manifest["split"], one))) for one in splits}
    counts = class_counts(answers)
    rows = [
        (name or "(no answer)", counts[name], *(by_split[one][name] for one in splits))
        for name in [*facts.classes, *sorted(set(counts) - set(facts.classes))]
    ]
    sizes = [pc.sum(pc.equal(facts.manifest["split"], one)).as_py() for one in splits]
    yield from _table(("class", "in all", *splits), [*_few(rows), ("**items**", facts.manifest.num_rows, *sizes)])


def _media(manifest: pa.Table) -> Iterator[str]:
    yield from _counted(manifest, {"modality": "modality", "media_type": "media type"})
    rows = []
    for name in manifest.column_names:
        column = manifest[name]
        if name.startswith("probe_") and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            limits, middle = pc.min_max(column), pc.approximate_median(column)
            unknown = column.null_count
            values = (limits["min"].as_py(), middle.as_py(), limits["max"].as_py())
            rows.append((name.removeprefix("probe_"), *(f"{_number(value)}" for value in values), unknown))
    if rows:
        yield ""
        yield from _table(("probe", "least", "median", "greatest", "not known"), rows)


def _people(labels: pa.Table) -> Iterator[str]:
    methods = _values(labels["method"]) if "method" in labels.column_names else []
    yield f"- Method: {', '.join(f'{name} ({count:,})' for name, count in methods) or 'not known'}"
    if "confidence" in labels.column_names and labels.num_rows:
        confidence = labels["confidence"]
        yield f"- Confidence: {pc.mean(confidence).as_py():.3f} on average, {pc.min(confidence).as_py():.3f} at least"
    if "adjudicated_by" in labels.column_names:
        yield f"- Adjudicated: {labels.num_rows - labels['adjudicated_by'].null_count:,} labels"
    yield ""
    shares = _values(pc.list_flatten(labels["annotators"]))
    rows = [(name, count, f"{count / labels.num_rows:.1%}") for name, count in shares]
    yield from _table(("annotator", "labels", "share of all labels"), _few(rows))


def _gaps(facts: Facts) -> Iterator[str]:
    unsaid = pc.sum(pc.equal(facts.labels["answer"], "")).as_py() or 0
    rows = [(name, count) for name, count in facts.left_out.items() if count]
    if unsaid:
        yield f"- {unsaid:,} items have no answer."
    never = [name for name in facts.classes if not class_counts(facts.labels["answer"])[name]]
    if never:
        yield f"- Classes that no item has: {', '.join(map(_plain, never[:MAX_ROWS]))}."
    if rows:
        yield from _table(("delivered, and not in here", "files or items"), rows)
    if not (unsaid or never or rows):
        yield "None is known."


def _counted(table: pa.Table, columns: Mapping[str, str]) -> Iterator[str]:
    """How often each combination of values stands there."""
    groups = table.group_by(list(columns)).aggregate([([], "count_all")]).to_pylist()
    rows = sorted((*(str(row[name]) for name in columns), row["count_all"]) for row in groups)
    yield from _table((*columns.values(), "items"), _few(rows))


def _values(column: pa.ChunkedArray) -> list[tuple[str, int]]:
    """The values of a column and how often, the most frequent first."""
    counts = [(row["values"], row["counts"]) for row in pc.value_counts(column).to_pylist()]
    return sorted(counts, key=lambda pair: (-pair[1], str(pair[0])))


def _few(rows: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """At most MAX_ROWS rows; the last one says how many more there are."""
    if len(rows) <= MAX_ROWS:
        return list(rows)
    return [*rows[:MAX_ROWS], (f"... and {len(rows) - MAX_ROWS} more", *("" for _ in rows[0][1:]))]


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(f'{one:,}' if isinstance(one, int) else _plain(str(one)) for one in row)} |"


def _plain(text: str) -> str:
    """A text that cannot break out of its cell or begin a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
