"""The form under a gate report, from its bytes to a recorded decision."""

import re
from dataclasses import dataclass
from typing import get_args
from urllib.parse import parse_qs

from fastapi import Request

from assets.sign import present_report, sign
from assets.stage import Work
from lake.errors import TrialbaseError
from lake.records import Decision
from pipelines.web.access import Guard, User
from pipelines.web.refusal import Refusal

MAX_FORM_BYTES = 64 * 1024
MAX_REASON_CHARS = 4000
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_DECISIONS: dict[str, Decision] = {decision: decision for decision in get_args(Decision)}


@dataclass(frozen=True)
class Form:
    """What a steward sent."""

    decision: Decision | None
    reason: str
    report_hash: str
    token: str


@dataclass(frozen=True)
class Refused:
    """A decision that was not recorded, and why."""

    form: Form
    stale: bool  # the report changed since it was shown
    error: TrialbaseError | None  # None where no decision was chosen, or the report changed


async def read_form(request: Request) -> Form:
    """The fields of the signing form. Raises a Refusal (400, 413)."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM_BYTES:
            raise Refusal(413, "large form")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=16)
    except ValueError as error:
        raise Refusal(400, "bad form") from error
    value = {name: values[-1] for name, values in fields.items()}
    reason = _CONTROLS.sub("", value.get("reason", "").replace("\r\n", "\n")).strip()
    return Form(
        decision=_DECISIONS.get(value.get("decision", "")),
        reason=reason[:MAX_REASON_CHARS],
        report_hash=value.get("report_hash", ""),
        token=value.get("token", ""),
    )


def decide(work: Work, guard: Guard, user: User, form: Form) -> Refused | None:
    """Record the decision; None when it stands. Raises a Refusal (403) for who may not sign or a foreign form."""
    if not user.may_sign:
        raise Refusal(403, "viewer", user.name)
    guard.check_form(user, form.report_hash, form.token)
    report = present_report(work)
    if report is not None and report.report_hash != form.report_hash:
        return Refused(form, stale=True, error=None)
    if form.decision is None:
        return Refused(form, stale=False, error=None)
    try:
        sign(
            work,
            by=user.name,
            role=user.role,
            decision=form.decision,
            reason=form.reason,
            report_hash=form.report_hash,
        )
    except TrialbaseError as error:
        return Refused(form, stale=False, error=error)
    return None
