"""The one visible table of what assets stand on."""

import dagster as dg

from pipelines.ports import open_ports
from pipelines.settings import Settings


@dg.resource(description="The lake, the annotation platform, the tracker, machines and versions of this installation.")
def ports(_context: dg.InitResourceContext) -> object:
    """Settings are read when a run starts; no connection and no secret is kept."""
    return open_ports(Settings.load())


RESOURCES: dict[str, object] = {"ports": ports}
