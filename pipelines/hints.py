"""When to pull: at once after a hint that something changed, else every half minute."""

import datetime as dt

from lake.state import State

PULL_EVERY = dt.timedelta(seconds=30)


def hint(state: State, scenario: str, at: dt.datetime) -> None:
    """Note that something changed in a scenario's project; to say it again, late or in another order does no harm."""
    state.move_cursor(_hinted(scenario), at)


def is_due(state: State, scenario: str, now: dt.datetime) -> bool:
    """Whether to pull: there was a hint since the last pull began, or that was half a minute ago."""
    pulled, hinted = state.cursor(_pulled(scenario)), state.cursor(_hinted(scenario))
    return pulled is None or now - pulled >= PULL_EVERY or (hinted is not None and hinted >= pulled)


def note_pull(state: State, scenario: str, began: dt.datetime) -> None:
    """Note when a pull began: what was hinted at before is in it."""
    state.move_cursor(_pulled(scenario), began)


def _hinted(scenario: str) -> str:
    return f"hinted:{scenario}"


def _pulled(scenario: str) -> str:
    return f"pulled:{scenario}"
