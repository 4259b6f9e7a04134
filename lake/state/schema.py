"""The tables of the state database. Alembic's migrations create them; a test compares the two."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


class UtcTime(sa.types.TypeDecorator[dt.datetime]):
    """A moment in UTC; SQLite forgets the zone and PostgreSQL answers in its own, so it is put back."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value!r}")
        return None if value is None else value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


batches = sa.Table(
    "batches",
    metadata,
    sa.Column("scenario", sa.String, primary_key=True),
    sa.Column("batch", sa.String, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),  # order of registration in its scenario
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("paths", sa.JSON, nullable=False),
    sa.Column("registered_at", UtcTime, nullable=False),
)

stages = sa.Table(
    "stages",
    metadata,
    sa.Column("scenario", sa.String, primary_key=True),
    sa.Column("batch", sa.String, primary_key=True),
    sa.Column("stage", sa.String, primary_key=True),
    sa.Column("summary", sa.JSON, nullable=False),
    sa.Column("done_at", UtcTime, nullable=False),
)

signoffs = sa.Table(
    "signoffs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("scenario", sa.String, nullable=False),
    sa.Column("batch", sa.String, nullable=False),
    sa.Column("report_hash", sa.String, nullable=False),
    sa.Column("by", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("decision", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index("signoffs_of_batch", "scenario", "batch"),
    sa.UniqueConstraint("scenario", "batch", "report_hash", "by", "at", name="signoffs_said_once"),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("scenario", sa.String, nullable=False, index=True),
    sa.Column("batch", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("quantity", sa.String, nullable=False),  # decimal text: SQLite has no exact numbers
    sa.Column("unit", sa.String, nullable=False),
    sa.Column("amount", sa.String, nullable=False),
    sa.Column("currency", sa.String, nullable=False),
    sa.Column("voucher", sa.String, nullable=True),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("scenario", sa.String, nullable=False, index=True),
    sa.Column("batch", sa.String, nullable=False),
    sa.Column("dataset", sa.String, nullable=False),
    sa.Column("dataset_hash", sa.String, nullable=False),
    sa.Column("recipe", sa.String, nullable=False),
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("model", sa.String, nullable=True),
)

trials = sa.Table(
    "trials",
    metadata,
    sa.Column("trial_id", sa.String, primary_key=True),
    sa.Column("scenario", sa.String, nullable=False, index=True),
    sa.Column("batch", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("suite", sa.String, nullable=False),
    sa.Column("accuracy", sa.Float, nullable=False),
    sa.Column("worst_slice", sa.String, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("num_failures", sa.Integer, nullable=False),
    sa.Column("champion", sa.String, nullable=True),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("at", sa.String, nullable=False),  # ISO 8601 UTC: part of what is hashed
    sa.Column("who", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("detail", sa.String, nullable=False),
    sa.Column("previous", sa.String, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
)

audit_head = sa.Table(  # one row: where the log ends, so that a log cut short is found
    "audit_head",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("hash", sa.String, nullable=False),
)
