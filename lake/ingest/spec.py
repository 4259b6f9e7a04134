"""What a scenario says of its source."""

from typing import Literal

from pydantic import Field

from lake.ingest.reading import ReaderSpec
from lake.media import Limits


class SourceSpec(Limits):
    """Where items come from, how they are read, and what they may cost."""

    licence: str
    consent: str
    group_by: Literal["file", "folder"] = "file"  # what a delivery says of groups goes before this
    reader: ReaderSpec | None = Field(
        default=None, description="how deliveries are read; found out where it is not said"
    )
