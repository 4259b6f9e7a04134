"""What happened and who decided, in SQLite or PostgreSQL; every write may be repeated."""

from lake.state.database import BatchRow, Outcome, SignOffRow, State, TrialRow, open_state

__all__ = ["BatchRow", "Outcome", "SignOffRow", "State", "TrialRow", "open_state"]
