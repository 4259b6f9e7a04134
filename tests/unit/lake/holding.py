"""Dataset versions of a few hand-made items, and the batches that they come from."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from lake import ids
from lake.packs import PackWriter
from lake.records import DatasetVersion, Item, ItemPart, Label, Modality, to_table
from lake.store import Lake
from lake.versions import Contents, DvcVersions


@dataclass(frozen=True)
class Made:
    """One item: its bytes, what is said of it, and a further medium (name, modality, type, bytes) where it has one."""

    data: bytes
    answer: str = ""
    split: str = "train"
    modality: Modality = "image"
    media_type: str = "image/png"
    part: tuple[str, Modality, str, bytes] | None = None

    @property
    def item_id(self) -> str:
        return ids.content_id(self.data)


def hold(lake: Lake, made: Sequence[Made], batch: str = "b", scenario: str = "s") -> list[Item]:
    """Items in packs and in the table of a batch, as ingest leaves them; by item_id."""
    ordered = sorted(made, key=lambda one: one.item_id)
    with PackWriter(lake.blobs) as packs:
        for one in ordered:
            packs.add(one.item_id, one.media_type, one.data)
            if one.part:
                packs.add(one.item_id, one.part[2], one.part[3], one.part[0])
    items = []
    for one in ordered:
        place = packs.places[one.item_id]
        items.append(
            Item(
                item_id=one.item_id,
                modality=one.modality,
                media_type=one.media_type,
                size_bytes=len(one.data),
                pack=place.pack,
                offset=place.offset,
                length=place.length,
                source=f"in/{one.item_id[:6]}",
                delivery="d" * 64,
                licence="CC0",
                consent="none needed",
                group=one.item_id,
                parts=() if one.part is None else (_part(one, packs),),
            )
        )
    lake.batch(scenario, batch).write("items", to_table(items, Item))
    return items


def _part(one: Made, packs: PackWriter) -> ItemPart:
    assert one.part is not None
    name, modality, media_type, data = one.part
    place = packs.places[f"{one.item_id}.{name}"]
    return ItemPart(
        name=name,
        modality=modality,
        media_type=media_type,
        sha256=ids.content_id(data),
        size_bytes=len(data),
        pack=place.pack,
        offset=place.offset,
        length=place.length,
    )


def contents_of(lake: Lake, made: Sequence[Made], classes: Sequence[str], batch: str = "b") -> Contents:
    """What a version of these items holds; their batch is written too."""
    by_id = {one.item_id: one for one in made}
    items = hold(lake, made, batch)
    manifest = (
        to_table(items, Item)
        .append_column("batch", pa.array([batch] * len(items), pa.string()))
        .append_column("split", pa.array([by_id[item.item_id].split for item in items], pa.string()))
    )
    labels = [
        Label(
            item_id=item.item_id,
            schema_version="1",
            answer=by_id[item.item_id].answer,
            confidence=0.9,
            agreement=1.0,
            method="majority",
            annotators=("Ada", "Bob"),
        )
        for item in items
    ]
    return Contents(
        manifest=manifest,
        labels=to_table(labels, Label),
        classes=tuple(classes),
        gate_report="{}",
        card="# A card\n",
    )


def commit(versions: DvcVersions, contents: Contents, name: str = "data") -> DatasetVersion:
    return versions.commit(name, contents, gate="pass", signed_by="Ada", batches=["b"])
