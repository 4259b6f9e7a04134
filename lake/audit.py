"""An append-only log of decisions; each entry carries the hash of the one before it."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from lake import ids
from lake.errors import LakeError

_FIRST = "0" * 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One decision."""

    sequence: int
    at: str  # ISO 8601, UTC
    who: str
    action: str
    subject: str
    detail: str
    previous: str
    hash: str


def append(connection: sa.Connection, who: str, action: str, subject: str, detail: str) -> None:
    """Add an entry inside the caller's transaction, so that a decision and its record stand or fall together."""
    from lake.state.schema import audit, audit_head

    hold(connection)
    last = connection.execute(sa.select(audit).order_by(audit.c.sequence.desc()).limit(1)).mappings().first()
    sequence, previous = (last["sequence"] + 1, last["hash"]) if last else (1, _FIRST)
    at = dt.datetime.now(dt.UTC).isoformat()
    hashed = ids.key(sequence, at, who, action, subject, detail, previous)
    connection.execute(
        sa.insert(audit).values(
            sequence=sequence,
            at=at,
            who=who,
            action=action,
            subject=subject,
            detail=detail,
            previous=previous,
            hash=hashed,
        )
    )
    connection.execute(sa.delete(audit_head))
    connection.execute(sa.insert(audit_head).values(sequence=sequence, hash=hashed))


def hold(connection: sa.Connection) -> None:
    """Keep other writers from the log until the transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE audit IN EXCLUSIVE MODE"))


def verify(entries: Sequence[Entry]) -> int:
    """How many entries stand unbroken; raises LakeError at the first that was changed, added or removed.

    The chain alone does not know its end: `State.verify_audit` also finds entries removed there.
    """
    previous = _FIRST
    for number, entry in enumerate(entries, 1):
        due = ids.key(number, entry.at, entry.who, entry.action, entry.subject, entry.detail, previous)
        if entry.sequence != number or entry.previous != previous or entry.hash != due:
            raise LakeError(
                f"the audit log was changed at entry {number} ({entry.action} of {entry.subject})",
                remedy="compare it with a backup: decisions from this entry on cannot be relied upon",
            )
        previous = entry.hash
    return len(entries)
