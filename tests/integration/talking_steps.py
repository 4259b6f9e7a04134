"""Two assets that print, run as the project's own executor runs steps."""

import sys

import dagster as dg

from pipelines.executor import executor


@dg.asset
def first() -> None:
    """Prints."""
    print("first speaks")


@dg.asset(deps=[first])
def second() -> None:
    """Prints to the other stream."""
    print("second warns", file=sys.stderr)


defs = dg.Definitions(assets=[first, second], executor=executor("tests.integration.talking_steps"))
