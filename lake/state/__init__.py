"""What happened and who decided, in SQLite or PostgreSQL; every write may be repeated."""

from lake.state.database import State, open_state
from lake.state.rows import BatchRow, Outcome, SignOffRow, TrialRow

__all__ = ["BatchRow", "Outcome", "SignOffRow", "State", "TrialRow", "open_state"]
