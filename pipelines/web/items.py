"""Finds items and their bytes. Items of a batch never change once they are in, so their places are kept."""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lake.store import Lake

ITEM_ID = re.compile(r"[0-9a-f]{64}")
_KEPT_BATCHES = 64
_PLACE = ["item_id", "modality", "media_type", "pack", "offset", "length"]


@dataclass(frozen=True)
class Found:
    """Where an item's bytes are, and what they are."""

    item_id: str
    batch: str
    modality: str
    media_type: str
    pack: str
    offset: int
    length: int


class Items:
    """The items of one lake, by scenario and id."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._index = lru_cache(maxsize=_KEPT_BATCHES)(self._read)

    def find(self, scenario: str, item_id: str) -> Found | None:
        """An item by its whole id."""
        if not ITEM_ID.fullmatch(item_id):
            return None
        for batch in self._lake.batches(scenario):
            if batch.has("items"):
                ids, places = self._index(scenario, batch.name)
                row = int(np.searchsorted(ids, item_id.encode()))
                if row < len(ids) and ids[row] == item_id.encode():
                    return Found(batch=batch.name, **places.slice(row, 1).to_pylist()[0])
        return None

    def read(self, found: Found, start: int = 0, length: int | None = None) -> bytes:
        """The item's bytes, or `length` of them from `start` on."""
        length = found.length - start if length is None else length
        return self._lake.media(found.pack, found.offset + start, length)

    def excerpt(self, found: Found, limit: int) -> str | None:
        """The beginning of a text; None for anything else."""
        if found.modality != "text":
            return None
        head = self.read(found, 0, min(found.length, 4 * limit)).decode("utf-8", errors="ignore")
        return head if len(head) <= limit else head[:limit] + "…"

    def _read(self, scenario: str, batch: str) -> tuple[npt.NDArray[np.bytes_], pa.Table]:
        """Ids in order, and what belongs to them, row by row."""
        table = self._lake.batch(scenario, batch).read("items", _PLACE).sort_by("item_id").combine_chunks()
        return np.array(table["item_id"].to_pylist(), dtype="S64"), table
