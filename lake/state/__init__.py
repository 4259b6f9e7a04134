"""What happened and who decided, in SQLite or PostgreSQL; every write may be repeated."""

from lake.state.database import State, open_state
from lake.state.rows import BatchRow, Outcome

__all__ = ["BatchRow", "Outcome", "State", "open_state"]
