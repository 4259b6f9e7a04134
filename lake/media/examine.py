"""One medium looked at, wherever the engine lets it happen: what it is, or why it is refused, and its probes."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from lake import ids
from lake.media import Limits, Media, Refused, inspect
from lake.records import Modality

Measure = Callable[[bytes, Media], tuple[object, ...]]

_FOUND = pa.schema(
    [
        ("sha256", pa.string()),
        ("media_type", pa.string()),
        ("modality", pa.string()),
        ("size_bytes", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Examination:
    """What is done to each medium. Picklable: it travels to the engine's workers.

    measure: probes of a medium that is a sample's main one and of the wanted modality; a row of `measured`.
    """

    modality: Modality
    limits: Limits
    measure: Measure
    measured: pa.Schema

    @property
    def schema(self) -> pa.Schema:
        """Columns of a result: sha256, media_type, modality, size_bytes, reason, detail, and those of `measured`."""
        return pa.schema([*_FOUND, *self.measured])

    def __call__(self, data: bytes, file: str, main: bool) -> tuple[object, ...]:
        """One row. data: at most max_bytes + 1 bytes, one more than allowed stands for all that were left out."""
        sha256, size = ids.content_id(data), len(data)
        nothing = (None,) * len(self.measured)
        try:
            media = inspect(data, file, self.limits, self.modality)
        except Refused as refusal:
            return (sha256, None, None, size, refusal.reason, refusal.detail, *nothing)
        probes = self.measure(data, media) if main and media.modality == self.modality else nothing
        return (sha256, media.media_type, media.modality, size, None, None, *probes)
