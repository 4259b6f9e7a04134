"""Three small assets, one of which fails."""

import dagster as dg


@dg.asset
def good() -> None:
    """Does nothing."""


@dg.asset(deps=[good])
def after() -> None:
    """Comes after the first, and prints a line."""
    print("a step speaks")


@dg.asset
def bad() -> None:
    """Fails."""
    raise ZeroDivisionError("on purpose")


defs = dg.Definitions(assets=[good, after, bad])
