"""How a batch is signed in the portal, and what is refused."""

from pathlib import Path

import httpx
import pytest

from assets.labels import gate_report
from assets.sign import sign
from assets.stage import Work
from lake.errors import GateError, NotReady
from lake.state import Outcome
from tests.integration.portal.asking import VIEWER, form_of, page_of, signoffs, waive
from tests.integration.portal.home import (
    PASSWORDS,
    SCENARIO,
    open_batch,
    rejudge,
    with_more,
)

pytestmark = pytest.mark.integration


def test_a_steward_signs_and_it_is_kept(home: Path, client: httpx.Client) -> None:
    work = open_batch(home)
    for _ in range(2):  # a browser that sends twice records once
        answer = waive(client, work)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{page_of(work)}#decision")
    assert signoffs(home) == [("sofia", "waive", "drawn pale on purpose")]
    text = client.get(page_of(work)).text
    assert "drawn pale on purpose" in text
    assert "signed by sofia" in text


def test_a_decision_on_a_report_that_changed_is_refused_and_the_new_one_shown(home: Path, client: httpx.Client) -> None:
    work = open_batch(home)
    old = form_of(client.get(page_of(work)))
    now = rejudge(work, [with_more(check) for check in gate_report(work).checks])
    answer = client.post(f"{page_of(work)}/sign", data={**old, "decision": "waive", "reason": "seen it"})
    assert answer.status_code == 409
    assert "The report has changed since you opened it" in answer.text
    assert ">seen it</textarea>" in answer.text
    assert form_of(answer)["report_hash"] == now
    assert signoffs(home) == []
    again = client.post(f"{page_of(work)}/sign", data={**form_of(answer), "decision": "waive", "reason": "seen it"})
    assert again.status_code == 303


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"decision": "approve"}, "a plain approval is not enough"),
        ({"reason": "  \u0000\r\n "}, "gives no reason"),
        ({"decision": "bless"}, "no decision was chosen"),
        ({"decision": ""}, "no decision was chosen"),
    ],
)
def test_what_the_rules_refuse_is_not_recorded(
    home: Path, client: httpx.Client, changes: dict[str, str], says: str
) -> None:
    answer = waive(client, open_batch(home), **changes)
    assert answer.status_code == 409
    assert says in answer.text
    assert signoffs(home) == []


def test_a_form_of_somebody_else_is_refused(home: Path, client: httpx.Client) -> None:
    work = open_batch(home)
    mara = httpx.Client(base_url=client.base_url, auth=("mara", PASSWORDS["mara"]), trust_env=False)
    with mara:
        foreign = form_of(mara.get(page_of(work)))["token"]
    for token in ("", "0" * 64, "ü", foreign):
        assert waive(client, work, token=token).status_code == 403
    assert client.post(f"{page_of(work)}/sign", data={"decision": "waive", "reason": "x"}).status_code == 403
    other = {**form_of(client.get(page_of(work))), "report_hash": "0" * 64}
    assert client.post(f"{page_of(work)}/sign", data={**other, "decision": "waive"}).status_code == 403
    assert signoffs(home) == []


def test_a_viewer_may_look_and_not_sign(home: Path, client: httpx.Client) -> None:
    work = open_batch(home)
    form = form_of(client.get(page_of(work)))
    with httpx.Client(base_url=client.base_url, auth=VIEWER, trust_env=False) as viewer:
        page = viewer.get(page_of(work))
        assert page.status_code == 200
        assert "<form" not in page.text
        answer = viewer.post(f"{page_of(work)}/sign", data={**form, "decision": "waive", "reason": "x"})
    assert answer.status_code == 403
    assert signoffs(home) == []


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"x" * 70_000, 413), (b"\xff\xfe", 400), (b"&".join(b"a=b" for _ in range(99)), 400), (b"", 403)],
)
def test_a_form_that_is_none_is_refused(reading: httpx.Client, batch: Work, content: bytes, status: int) -> None:
    assert reading.post(f"{page_of(batch)}/sign", content=content).status_code == status


def test_sign_is_idempotent_and_minds_what_was_committed(home: Path) -> None:
    work = open_batch(home)
    rejudge(work, [check for check in gate_report(work).checks if check.passed])
    report_hash = gate_report(work).report_hash
    first = sign(work, by="sofia", role="steward", decision="approve", reason="", report_hash=report_hash)
    assert sign(work, by="sofia", role="steward", decision="approve", reason="", report_hash=None) == first
    sign(work, by="mara", role="steward", decision="reject", reason="no", report_hash=None)
    sign(work, by="sofia", role="steward", decision="approve", reason="", report_hash=None)
    assert [decision for _, decision, _ in signoffs(home)] == ["approve", "reject", "approve"]
    work.lake.state.finish(
        Outcome(scenario=SCENARIO, batch=work.batch_name, stage="dataset", summary={"version": "shapes@v1"})
    )
    assert sign(work, by="sofia", role="steward", decision="approve", reason="", report_hash=None).by == "sofia"
    with pytest.raises(GateError, match="is in shapes@v1 already"):
        sign(work, by="mara", role="steward", decision="reject", reason="late", report_hash=None)
    with pytest.raises(GateError, match="another report"):
        sign(work, by="mara", role="steward", decision="reject", reason="late", report_hash="0" * 64)
    texts = open_batch(home, "phrases")
    with pytest.raises(NotReady, match="no gate report yet"):
        sign(texts, by="mara", role="steward", decision="reject", reason="early", report_hash=None)
    assert len(signoffs(home)) == 3
