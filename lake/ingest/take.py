"""Taking a batch of deliveries into the lake: every byte is looked at once, a pack's worth at a time."""

import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import pyarrow as pa

from lake import engine, ids
from lake.answers import kind_of
from lake.errors import DeliveryError
from lake.ingest import segments
from lake.ingest.loading import Loaded, chunks_of, media_table, reads_of
from lake.ingest.reading import Fault, Part, Sample, Source, Unread
from lake.ingest.receipt import Receipt, finish, receipt_of
from lake.ingest.register import digest, orders_of
from lake.ingest.segments import Segment
from lake.ingest.sources import open_source
from lake.ingest.spec import SourceSpec
from lake.media import Limits, Media
from lake.media.examine import Examination, Measure
from lake.packs import PACK_BYTES, PackWriter, Place
from lake.records import Annotation, Item, ItemPart, Modality, Quarantined, to_table
from lake.state import BatchRow
from lake.store import Batch, Lake

CHUNK_BYTES = 64 * 2**20  # what the engine is given at once
CHUNK_ROWS = 2048
SEGMENT_ROWS = 50_000
INGEST_TIMEOUT_S = 24 * 3600.0

Progress = Callable[[int, int], None]


def measure_nothing(_data: bytes, _media: Media) -> tuple[object, ...]:
    """No probes."""
    return ()


def take(
    lake: Lake,
    scenario: str,
    batch: str,
    modality: Modality,
    spec: SourceSpec,
    *,
    classes: Collection[str] = (),
    measure: Measure = measure_nothing,
    measured: pa.Schema | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Receipt:
    """Take a registered batch in. Killed anywhere it goes on there and ends the same; done twice it adds nothing.

    classes: what may be said of an item; empty for anything. measure: probes of an item, a row of `measured`; they
    become the table `probes`. progress: bytes done, bytes in all.
    """
    folder = lake.batch(scenario, batch)
    with lake.lock(f"ingest-{scenario}", timeout_s=INGEST_TIMEOUT_S):
        if folder.has("items") and outdated(lake, folder, spec):
            folder.remove("items")
        if not folder.has("items"):
            row = lake.state.batch(scenario, batch)
            sources = [open_source(place) for place in row.paths]
            if digest(scenario, row.purpose, (one.identity() for one in sources)) != batch[-8:]:
                raise DeliveryError(
                    f"what batch {batch} names has changed since it was registered: {', '.join(row.paths)}",
                    remedy="put it back as it was; or ingest it again as it is, as a batch of its own",
                )
            limits = Limits(**{name: getattr(spec, name) for name in Limits.model_fields})
            examination = Examination(modality, limits, measure, measured or pa.schema([]))
            _Intake(lake, row, spec, examination, frozenset(classes), progress).run(sources)
        segments.clear(folder)
    return receipt_of(folder)


def outdated(lake: Lake, folder: Batch, spec: SourceSpec) -> bool:
    """Whether a batch that nothing was made of yet came in under another `source` of its scenario."""
    if not folder.has("intake") or "curated_items" in lake.state.outcomes(folder.scenario, folder.name):
        return False
    return bool(folder.read("intake")["source"][0].as_py() != _source_key(spec))


def _source_key(spec: SourceSpec) -> str:
    return ids.content_id(spec.model_dump_json().encode())[:16]


@dataclass
class _Rows:
    """What a segment has come to so far."""

    kept: list[tuple[Source, Sample, str, list[dict[str, str | int]]]] = field(default_factory=list)
    refused: list[Quarantined] = field(default_factory=list)
    said: list[Annotation] = field(default_factory=list)
    answers: list[dict[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    probes: list[pa.Table] = field(default_factory=list)
    num_bytes: int = 0


class _Intake:
    """One batch being taken in."""

    def __init__(
        self,
        lake: Lake,
        row: BatchRow,
        spec: SourceSpec,
        examination: Examination,
        classes: frozenset[str],
        progress: Progress,
    ) -> None:
        self._lake, self._row, self._spec, self._classes = lake, row, spec, classes
        self._folder = lake.batch(row.scenario, row.batch)
        self._examination = examination
        self._progress = progress
        self._known = lake.item_ids(row.scenario)
        self._identities: dict[str, str] = {}
        self._sizes: dict[tuple[str, str], int] = {}
        self._left: dict[tuple[str, str], int] = {}
        self._done_bytes = self._all_bytes = 0

    def run(self, sources: Sequence[Source]) -> None:
        """All segments that are not there yet, then the batch's own tables."""
        self._sizes = {(one.url, file.path): file.size_bytes for one in sources for file in one.files()}
        self._left, self._all_bytes = dict(self._sizes), sum(self._sizes.values())
        done = segments.kept(self._folder)
        for one in done:
            self._known.update(one.tables["items"]["item_id"].to_pylist())
        reads = done[-1].reads if done else 0
        examined = self._examined(
            chunks_of(
                islice(reads_of(sources, self._spec.reader), reads, None),
                self._spec.max_bytes,
                chunk_bytes=CHUNK_BYTES,
                chunk_rows=CHUNK_ROWS,
            )
        )
        while (segment := self._segment(examined, reads)) is not None:
            reads = segment.reads
            segments.keep(self._folder, len(done), segment)
            done.append(segment)
        self._folder.write("intake", pa.table({"source": [_source_key(self._spec)]}))
        finish(self._folder, done, [order for one in sources for order in orders_of(one)], self._examination.measured)
        self._progress(self._all_bytes, self._all_bytes)

    # --- a segment

    def _segment(self, examined: Iterator[tuple[list[Loaded], pa.Table]], reads: int) -> Segment | None:
        """The next pack's worth; None when there is nothing more."""
        rows = _Rows()
        with PackWriter(self._lake.blobs, limit_bytes=sys.maxsize) as packs:
            for chunk, found in examined:
                reads += len(chunk)
                self._settle(chunk, found, rows, packs)
                if rows.num_bytes >= PACK_BYTES or len(rows.kept) + len(rows.refused) >= SEGMENT_ROWS:
                    break
            else:
                if not (rows.kept or rows.refused or rows.faults or rows.said):
                    return None
        return Segment(reads, self._tables(rows, packs.places))

    def _settle(self, chunk: Sequence[Loaded], found: pa.Table, rows: _Rows, packs: PackWriter) -> None:
        """Decide on each read of a chunk, by what was found of its media."""
        facts = found.select(["sha256", "media_type", "modality", "size_bytes", "reason", "detail"]).to_pylist()
        mains: list[int] = []
        at = 0
        for one in chunk:
            if isinstance(one.read, Fault):
                rows.faults.append(one.read)
            elif isinstance(one.read, Unread):
                rows.refused.append(self._refuse(one.source, one.read.path, "", 0, one.read.reason, one.read.detail))
            else:
                mine = [
                    self._whole(one.source, part, data, fact)
                    for part, data, fact in zip(one.read.parts, one.data, facts[at : at + len(one.data)], strict=True)
                ]
                if self._decide(one, one.read, mine, rows, packs):
                    mains.append(at)
                at += len(one.data)
        if self._examination.measured.names:
            probes = found.take(pa.array(mains, pa.int64())).select(self._examination.measured.names)
            new = [item_id for _, _, item_id, _ in rows.kept[len(rows.kept) - len(mains) :]]
            rows.probes.append(probes.add_column(0, "item_id", pa.array(new, pa.string())))
        self._tell(chunk)

    def _examined(self, chunks: Iterator[list[Loaded]]) -> Iterator[tuple[list[Loaded], pa.Table]]:
        """Chunks, each with what was found of its media. They are read ahead of those that are settled."""
        ahead: deque[list[Loaded]] = deque()

        def tables() -> Iterator[pa.Table]:
            for chunk in chunks:
                ahead.append(chunk)
                yield media_table(chunk)

        columns = ["data", "file", "main"]
        for found in engine.map_stream(tables(), columns, self._examination, self._examination.schema):
            yield ahead.popleft(), found.drop_columns(["data"])

    def _whole(self, source: Source, part: Part, data: bytes, fact: dict[str, str | int]) -> dict[str, str | int]:
        """The facts of a medium; of one that was not read to its end, those of the whole file."""
        if len(data) <= self._spec.max_bytes:
            return fact
        size = max(self._sizes.get((source.url, part.file), 0), len(data))
        detail = f"{size} bytes, limit {self._spec.max_bytes}"
        return fact | {"sha256": "", "size_bytes": size, "reason": "oversize", "detail": detail}

    def _decide(
        self,
        one: Loaded,
        sample: Sample,
        facts: list[dict[str, str | int]],
        rows: _Rows,
        packs: PackWriter,
    ) -> bool:
        """Keep a sample or refuse all of it; whether it was kept."""
        item_id = _item_id(sample.parts, facts)
        reason, detail = self._verdict(item_id, facts)
        if reason in ("", "duplicate"):
            self._note(sample, item_id, rows)
        if reason:
            for part, fact in zip(sample.parts, facts, strict=True):
                rows.refused.append(self._refused_part(one.source, sample, part, fact, item_id, reason, detail))
            return False
        self._known.add(item_id)
        for part, fact, data in zip(sample.parts, facts, one.data, strict=True):
            packs.add(item_id, str(fact["media_type"]), data, "" if part is sample.parts[0] else part.name)
            rows.num_bytes += len(data)
        rows.kept.append((one.source, sample, item_id, facts))
        return True

    def _verdict(self, item_id: str, facts: Sequence[dict[str, str | int]]) -> tuple[str, str]:
        """Why a sample is refused; ("", "") where it is not."""
        wrong = next((fact for fact in facts if fact["reason"] is not None), None)
        if wrong is not None:
            return str(wrong["reason"]), str(wrong["detail"])
        if facts[0]["modality"] != self._examination.modality:
            return "wrong modality", f"{facts[0]['modality']}, this scenario takes {self._examination.modality}"
        if item_id in self._known:
            return "duplicate", f"same bytes as {item_id[:12]}"
        return "", ""

    def _refused_part(
        self,
        source: Source,
        sample: Sample,
        part: Part,
        fact: dict[str, str | int],
        item_id: str,
        reason: str,
        detail: str,
    ) -> Quarantined:
        if fact["reason"] is not None:
            reason, detail = str(fact["reason"]), str(fact["detail"])
        elif reason not in ("duplicate", "wrong modality"):
            reason, detail = "incomplete", f"another part of its sample is refused: {detail}"
        name = sample.source if len(sample.parts) == 1 else f"{sample.source}:{part.name or part.file}"
        duplicate = item_id if reason == "duplicate" else None
        return self._refuse(source, name, str(fact["sha256"]), int(fact["size_bytes"]), reason, detail, duplicate)

    def _refuse(
        self, source: Source, name: str, sha256: str, size: int, reason: str, detail: str, duplicate: str | None = None
    ) -> Quarantined:
        return Quarantined(
            source=name,
            delivery=self._identity(source),
            size_bytes=size,
            sha256=sha256,
            reason=reason,
            detail=detail,
            duplicate_of=duplicate,
        )

    def _note(self, sample: Sample, item_id: str, rows: _Rows) -> None:
        """What is known of a sample, as far as the scenario knows such answers."""
        answers = [one.answer for one in sample.said]
        for answer in [*answers, *([sample.expert] if sample.expert is not None else [])]:
            if not self._allowed(answer):
                rows.faults.append(Fault(sample.source, "unknown answer", f"{answer!r} is no answer of this scenario"))
        rows.said += [
            self._annotation(item_id, one.annotator, one.answer) for one in sample.said if self._allowed(one.answer)
        ]
        expected = answers[0] if self._row.purpose == "trial" and len(set(answers)) == 1 else None
        right = sample.expert if sample.expert is not None else expected
        if right is not None and self._allowed(right):
            rows.answers.append({"item_id": item_id, "answer": right})

    def _allowed(self, answer: str) -> bool:
        return not self._classes or kind_of(answer) != "text" or answer in self._classes

    def _annotation(self, item_id: str, annotator: str, answer: str) -> Annotation:
        return Annotation(
            annotation_id=ids.key(item_id, annotator, answer)[:32],
            updated_at=self._row.registered_at,
            task_id="",
            item_id=item_id,
            annotator=annotator,
            answer=answer,
            lead_time_s=0.0,
            guideline_version="as delivered",
            cancelled=False,
            gold=False,
        )

    def _tell(self, chunk: Sequence[Loaded]) -> None:
        """How many bytes of the delivered files have been looked at, and of how many."""
        for one in chunk:
            for part in one.read.parts if isinstance(one.read, Sample) else ():
                self._done_bytes += self._left.pop((one.source.url, part.file), 0)
        self._progress(self._done_bytes, self._all_bytes)

    # --- tables

    def _tables(self, rows: _Rows, places: dict[str, Place]) -> dict[str, pa.Table]:
        items = [self._item(source, sample, item_id, facts, places) for source, sample, item_id, facts in rows.kept]
        empty = segments.empty_tables(self._examination.measured)
        return {
            "answers": pa.Table.from_pylist(rows.answers, schema=segments.ANSWERS),
            "said": to_table(rows.said, Annotation),
            "faults": segments.fault_table(rows.faults),
            "probes": pa.concat_tables([empty["probes"], *rows.probes]),
            "quarantine": to_table(rows.refused, Quarantined),
            "items": to_table(items, Item),
        }

    def _item(
        self,
        source: Source,
        sample: Sample,
        item_id: str,
        facts: Sequence[dict[str, str | int]],
        places: dict[str, Place],
    ) -> Item:
        main, place = facts[0], places[item_id]
        above = sample.source.rpartition("#")[0] if "#" in sample.source else sample.source.rpartition("/")[0] or "."
        parts = [
            _part(part, fact, places[f"{item_id}.{part.name}"])
            for part, fact in zip(sample.parts[1:], facts[1:], strict=True)
        ]
        return Item(
            item_id=item_id,
            modality=self._examination.modality,
            media_type=str(main["media_type"]),
            size_bytes=int(main["size_bytes"]),
            pack=place.pack,
            offset=place.offset,
            length=place.length,
            source=f"{source.name}/{sample.source}",
            delivery=self._identity(source),
            licence=self._spec.licence,
            consent=self._spec.consent,
            group=sample.group or (item_id if self._spec.group_by == "file" else above),
            captured_at=sample.captured_at,
            attributes=tuple(sorted(f"{name}={value}" for name, value in sample.attributes.items())),
            parts=tuple(sorted(parts, key=lambda part: part.name)),
        )

    def _identity(self, source: Source) -> str:
        if source.url not in self._identities:
            self._identities[source.url] = source.identity()
        return self._identities[source.url]


def _item_id(parts: Sequence[Part], facts: Sequence[dict[str, str | int]]) -> str:
    """The identity of a sample: of its only medium, or of all of them with what they are in it."""
    if len(parts) == 1:
        return str(facts[0]["sha256"])
    named = sorted((part.name, str(fact["sha256"])) for part, fact in zip(parts, facts, strict=True))
    return ids.key(*(text for pair in named for text in pair))


def _part(part: Part, fact: dict[str, str | int], place: Place) -> ItemPart:
    return ItemPart(
        name=part.name,
        modality=fact["modality"],  # type: ignore[arg-type]
        media_type=str(fact["media_type"]),
        sha256=str(fact["sha256"]),
        size_bytes=int(fact["size_bytes"]),
        pack=place.pack,
        offset=place.offset,
        length=place.length,
    )
