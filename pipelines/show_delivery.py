"""What deliveries would bring in, for a dry run."""

import dataclasses
from collections.abc import Mapping, Sequence

from lake.ingest.describe import Summary, describe
from lake.ingest.readers import reader_for
from lake.ingest.reading import ReaderSpec
from lake.ingest.sources import open_source
from pipelines.show import Table, print_json, print_table


def show_delivery(places: Sequence[str], spec: ReaderSpec | None, *, as_json: bool) -> None:
    """Print what each place holds; no medium is read and nothing is kept."""
    for place in places:
        source = open_source(place)
        found = describe(source, reader_for(source, spec))
        if as_json:
            facts = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
            facts["first"] = [one.source for one in found.first]
            facts["examples"] = [dataclasses.asdict(one) for one in found.examples]
            print_json({"place": source.url} | facts)
        else:
            print_table(Table((source.name, ""), _rows(found)))
            print("nothing was taken in: this was a dry run")


def _rows(found: Summary) -> list[tuple[str, str]]:
    rows = [
        ("read as", found.reader),
        ("files", f"{found.files}, {found.size_bytes / 2**20:.1f} MiB"),
        ("samples", f"{found.samples}"),
        ("media", _counts(found.parts)),
        ("answers", _counts(found.answers)),
        ("in them", _counts(found.shapes)),
        ("annotators", f"{len(found.annotators)}"),
        ("known to be right", f"{found.experts}"),
        ("groups", f"{found.groups}"),
        ("files beside", f"{found.beside}"),
        ("faults", _counts(found.faults)),
        ("quarantined", _counts(found.unread)),
        ("first", ", ".join(one.source for one in found.first)),
    ]
    return rows + [(f"such as {one.reason}", one.detail) for one in found.examples]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
