"""The first state: batches, stages, sign-offs, ledger, runs, trials, cursors, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    text, time = sa.String, sa.DateTime(timezone=True)
    op.create_table(
        "batches",
        sa.Column("scenario", text, primary_key=True),
        sa.Column("batch", text, primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("purpose", text, nullable=False),
        sa.Column("paths", sa.JSON, nullable=False),
        sa.Column("registered_at", time, nullable=False),
    )
    op.create_table(
        "stages",
        sa.Column("scenario", text, primary_key=True),
        sa.Column("batch", text, primary_key=True),
        sa.Column("stage", text, primary_key=True),
        sa.Column("summary", sa.JSON, nullable=False),
        sa.Column("done_at", time, nullable=False),
    )
    op.create_table(
        "signoffs",
        sa.Column("id", sa.Integer, primary_key=True),
        *[
            sa.Column(name, text, nullable=False)
            for name in ("scenario", "batch", "report_hash", "by", "role", "decision", "reason")
        ],
        sa.Column("at", time, nullable=False),
        sa.UniqueConstraint("scenario", "batch", "report_hash", "by", "at", name="signoffs_said_once"),
    )
    op.create_index("signoffs_of_batch", "signoffs", ["scenario", "batch"])
    op.create_table(
        "ledger",
        sa.Column("key", text, primary_key=True),
        sa.Column("at", time, nullable=False),
        *[
            sa.Column(name, text, nullable=False, index=name == "scenario")
            for name in (
                "scenario",
                "batch",
                "kind",
                "who",
                "subject",
                "quantity",
                "unit",
                "amount",
                "currency",
            )
        ],
        sa.Column("voucher", text, nullable=True),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", text, primary_key=True),
        *[
            sa.Column(name, text, nullable=False, index=name == "scenario")
            for name in ("scenario", "batch", "dataset", "dataset_hash", "recipe", "provider", "state")
        ],
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("model", text, nullable=True),
    )
    op.create_table(
        "trials",
        sa.Column("trial_id", text, primary_key=True),
        *[
            sa.Column(name, text, nullable=False, index=name == "scenario")
            for name in ("scenario", "batch", "model", "suite")
        ],
        sa.Column("accuracy", sa.Float, nullable=False),
        sa.Column("worst_slice", text, nullable=False),
        sa.Column("verdict", text, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("num_failures", sa.Integer, nullable=False),
        sa.Column("champion", text, nullable=True),
    )
    op.create_table("cursors", sa.Column("name", text, primary_key=True), sa.Column("at", time, nullable=False))
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *[
            sa.Column(name, text, nullable=False)
            for name in ("at", "who", "action", "subject", "detail", "previous", "hash")
        ],
    )
    op.create_table(
        "audit_head", sa.Column("sequence", sa.Integer, primary_key=True), sa.Column("hash", text, nullable=False)
    )


def downgrade() -> None:
    for table in ("audit_head", "audit", "cursors", "trials", "runs", "ledger", "signoffs", "stages", "batches"):
        op.drop_table(table)
