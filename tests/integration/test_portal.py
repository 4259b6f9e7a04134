"""The portal against a real home, over real HTTP: what it shows, what it refuses, and how a batch is signed."""

import base64
import contextlib
import http.client
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from assets.labels import gate_report
from assets.sign import sign
from assets.stage import Work
from lake.errors import GateError, NotReady, SettingsError
from lake.records import Label
from lake.state import Outcome
from pipelines.web.app import media_link
from tests.integration.portal_home import (
    HOOK_SECRET,
    ODD_CLASS,
    ODD_NAME,
    ODD_TEXT,
    PASSWORDS,
    SCENARIO,
    build_home,
    open_batch,
    rejudge,
    served,
    settings_of,
    with_more,
)

pytestmark = pytest.mark.integration
STEWARD, VIEWER = ("sofia", PASSWORDS["sofia"]), ("victor", PASSWORDS["victor"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that nobody writes to."""
    home = tmp_path_factory.mktemp("portal") / "home"
    build_home(home)
    return home


@pytest.fixture(scope="module")
def reading(made: Path) -> Iterator[httpx.Client]:
    """A steward's client of the home that nobody writes to."""
    with served(made) as url, httpx.Client(base_url=url, auth=STEWARD, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def batch(made: Path) -> Work:
    return open_batch(made)


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A home of this test's own."""
    return Path(shutil.copytree(made, tmp_path / "home"))


@pytest.fixture
def client(home: Path) -> Iterator[httpx.Client]:
    with served(home) as url, httpx.Client(base_url=url, auth=STEWARD, trust_env=False) as client:
        yield client


def page_of(work: Work) -> str:
    return f"/scenarios/{work.scenario.name}/batches/{work.batch_name}"


def form_of(page: httpx.Response) -> dict[str, str]:
    """The hidden fields that a browser would send back."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)">', page.text))


def waive(client: httpx.Client, work: Work, *, reason: str = "drawn pale on purpose", **changes: str) -> httpx.Response:
    form = form_of(client.get(page_of(work)))
    return client.post(f"{page_of(work)}/sign", data={**form, "decision": "waive", "reason": reason, **changes})


def status_of_raw(client: httpx.Client, address: str) -> int:
    """Ask for an address as it is written: httpx would tidy it up."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port or 80, timeout=20)
    login = base64.b64encode(":".join(STEWARD).encode()).decode()
    with contextlib.closing(connection):
        connection.request("GET", address, headers={"Authorization": f"Basic {login}"})
        return connection.getresponse().status


def signoffs(home: Path) -> list[tuple[str, str, str]]:
    work = open_batch(home)
    rows = work.lake.state.signoffs(SCENARIO, work.batch_name)
    return [(row.by, row.decision, row.reason) for row in rows]


# --- what it shows


def test_home_says_where_each_batch_stands_and_what_to_type(reading: httpx.Client, batch: Work) -> None:
    text = reading.get("/").text
    assert "One batch waits for a signature" in text
    assert page_of(batch) in text
    assert f"trialbase sign {SCENARIO} {batch.batch_name} --as NAME --waive" in text
    assert "trialbase run phrases" in text
    assert "MLflow: not started here" in text


def test_batch_page_shows_funnel_gate_labels_and_people(reading: httpx.Client, batch: Work) -> None:
    text = reading.get(page_of(batch)).text
    for reason in ("duplicate", "empty", "mistyped", "unreadable", "unsupported"):
        assert f"quarantined: {reason}" in text
    assert re.search(r"Files delivered.*?>75<", text, re.S)
    assert "probe_brightness at most 0.9" in text
    assert "ada@simulated.example" in text
    assert text.count('class="thumb"') == 50
    assert "Page 1 of 2" in text
    for check in gate_report(batch).checks:
        assert check.observed in text


def test_labels_are_paged_and_each_is_there_once(reading: httpx.Client, batch: Work) -> None:
    pages = [reading.get(page_of(batch), params={"page": page, "order": "item"}).text for page in (1, 2)]
    shown = [item for page in pages for item in re.findall(r'alt="Item (\w{8})"', page)]
    assert shown == [label.item_id[:8] for label in batch.batch.records("labels", Label)]
    assert reading.get(page_of(batch), params={"page": 10**30}).status_code == 200
    doubtful = reading.get(page_of(batch)).text
    confidences = [float(one) for one in re.findall(r'<td class="num">([\d.]+) %<?', doubtful)][6:]
    assert confidences == sorted(confidences)


def test_failing_items_of_a_check_can_be_looked_at(reading: httpx.Client, batch: Work) -> None:
    checks = gate_report(batch).checks
    (number,) = (n for n, check in enumerate(checks, 1) if not check.passed)
    text = reading.get(f"{page_of(batch)}/checks/{number}").text
    for item_id in checks[number - 1].failing_item_ids:
        assert f"/scenarios/{SCENARIO}/items/{item_id}" in text
    assert reading.get(f"{page_of(batch)}/checks/99").status_code == 404


def test_item_page_tells_the_whole_story(reading: httpx.Client, batch: Work) -> None:
    (row,) = (row for row in batch.batch.read("items").to_pylist() if row["source"].endswith("/010.png"))
    label = next(one for one in batch.batch.records("labels", Label) if one.item_id == row["item_id"])
    text = reading.get(f"/scenarios/{SCENARIO}/items/{row['item_id']}").text
    for said in ("first pictures/010.png", "CC-BY-4.0", "drawn for a test", "brightness", *label.annotators):
        assert said in text
    assert batch.scenario.guideline_version in text
    assert "None yet." in text  # dataset versions


def test_text_items_are_shown_as_text(reading: httpx.Client, made: Path) -> None:
    texts = open_batch(made, "phrases")
    (item_id,) = texts.batch.read("items")["item_id"].to_pylist()
    page = reading.get(f"/scenarios/phrases/items/{item_id}")
    assert "&lt;script&gt;alert(&#39;text&#39;)&lt;/script&gt; 你好，世界" in page.text
    media = reading.get(f"/media/phrases/{item_id}")
    assert media.headers["content-type"] == "text/plain; charset=utf-8"
    assert media.text == ODD_TEXT
    assert reading.get(page_of(texts)).status_code == 200  # taken in, nothing else


def test_nothing_that_was_delivered_or_said_becomes_markup(home: Path, client: httpx.Client) -> None:
    work = open_batch(home)
    rows = work.batch.read("items").to_pylist()
    (odd,) = (row for row in rows if row["source"].endswith(ODD_NAME))
    assert waive(client, work, reason="<script>alert('reason')</script>").status_code == 303
    batch_page = client.get(page_of(work)).text
    item_page = client.get(f"/scenarios/{SCENARIO}/items/{odd['item_id']}").text
    assert "&lt;script&gt;alert(&#39;reason&#39;)&lt;/script&gt;" in batch_page
    assert "&lt;script&gt;alert(&#39;class&#39;)&lt;/script&gt;" in batch_page
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; 圆.png" in item_page
    for page in (batch_page, item_page):
        assert "<script" not in page
        assert ODD_NAME not in page
        assert ODD_CLASS not in page


def test_unknown_names_end_in_a_page_that_says_what_there_is(reading: httpx.Client, batch: Work) -> None:
    for address, known in (
        ("/scenarios/nothing/batches/x", SCENARIO),
        (f"/scenarios/{SCENARIO}/batches/x", batch.batch_name),
        (f"/scenarios/{SCENARIO}/items/abc", "trialbase lineage --item"),
        (f"/scenarios/{SCENARIO}/items/{'0' * 64}", "trialbase lineage --item"),
        (f"/reports/{SCENARIO}/{batch.batch_name}", "no trial report yet"),
        ("/nowhere", "no such page"),
        (f"{page_of(batch)}?page=first", "no such page"),
        (f"{page_of(batch)}?order=random", "no such page"),
        (f"/media/{SCENARIO}/%00", "There is no item"),
        ("/scenarios/%00/batches/%ff", "There is no scenario"),
    ):
        response = reading.get(address)
        assert response.status_code == 404, address
        assert known in response.text, address
    assert reading.put("/").status_code == 405


def test_a_wrong_scenario_is_shown_beside_the_others(home: Path, client: httpx.Client) -> None:
    wrong = home / "scenarios" / "phrases" / "scenario.yaml"
    wrong.write_text("name: phrases\n")
    text = client.get("/").text
    assert "add " in text
    assert "scenario.yaml:1" in text
    assert page_of(open_batch(home)) in text
    assert client.get("/scenarios/phrases/batches/x").status_code == 409


def test_data_docs_are_listed_and_served_without_scripts(reading: httpx.Client, batch: Work) -> None:
    base = f"/data-docs/{SCENARIO}/{batch.batch_name}"
    listing = reading.get(f"{base}/")
    pages = re.findall(rf'href="({base}/validations/[^"]+)"', listing.text)
    assert len(pages) == 6  # three stages, row by row and as a whole
    assert reading.get(f"{base}/index.html").text == listing.text
    page = reading.get(pages[0])
    assert page.status_code == 200
    assert "/static/data-docs.css" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert reading.get(f"{base}/static/styles/data_docs_default_styles.css").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "../great_expectations.yml",
        "..%2fgreat_expectations.yml",
        "static/..%2f..%2f..%2f..%2f..%2fcredentials.json",
        "%2fetc%2fpasswd",
        "..%5c..%5ccredentials.json",
        "link",
        "%00",
        "a" * 5000,
        "static",
    ],
)
def test_nothing_beside_the_data_docs_is_served(reading: httpx.Client, batch: Work, made: Path, path: str) -> None:
    site = made / "data-docs" / SCENARIO / batch.batch_name / "site"
    with contextlib.suppress(FileExistsError):
        (site / "link").symlink_to(made / "credentials.json")
    for address in (f"/data-docs/{SCENARIO}/{batch.batch_name}/{path}", f"/static/{path}"):
        assert status_of_raw(reading, address) == 404


# --- who may see


@pytest.mark.parametrize(
    "auth",
    [None, ("sofia", "wrong"), ("nobody", ""), ("", ""), ("sofia", PASSWORDS["victor"]), ("label_studio_token", "x")],
)
def test_nobody_sees_anything_without_the_right_password(
    reading: httpx.Client, batch: Work, auth: tuple[str, str] | None
) -> None:
    item_id = batch.batch.read("items")["item_id"][0].as_py()
    for address in ("/", page_of(batch), f"/media/{SCENARIO}/{item_id}", f"/data-docs/{SCENARIO}/{batch.batch_name}/"):
        response = httpx.get(reading.base_url.join(address), auth=auth, trust_env=False)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Basic ")
        assert batch.batch_name not in response.text


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic /w==", "Bearer x", "Basic " + "A" * 4000])
def test_a_malformed_login_is_refused(reading: httpx.Client, header: str) -> None:
    response = httpx.get(reading.base_url, headers={"Authorization": header}, trust_env=False)
    assert response.status_code == 401


def test_health_is_open_to_all(reading: httpx.Client) -> None:
    response = httpx.get(reading.base_url.join("/healthz"), trust_env=False)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_every_answer_carries_the_security_headers(reading: httpx.Client, batch: Work) -> None:
    for address in ("/", page_of(batch), "/healthz", "/static/style.css", "/nowhere"):
        headers = reading.get(address).headers
        assert "script-src 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_damaged_credentials_let_nobody_in_and_quote_nothing(home: Path, client: httpx.Client) -> None:
    (home / "credentials.json").write_text('{"portal_users": {"sofia": {"password": "s3cret", "role": "king"}}}')
    response = client.get("/")
    assert response.status_code == 409
    assert "trialbase up" in response.text
    assert "s3cret" not in response.text
    (home / "credentials.json").unlink()
    assert "Nobody can log in yet" in client.get("/").text


# --- signing


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


# --- media and hooks


def test_a_media_link_opens_one_item_and_no_other(made: Path, reading: httpx.Client, batch: Work) -> None:
    row, other = batch.batch.read("items").slice(0, 2).to_pylist()
    elsewhere = settings_of(made).model_copy(update={"media_url": f"{str(reading.base_url).rstrip('/')}/"})
    link = media_link(elsewhere, SCENARIO, row["item_id"])
    opened = httpx.get(link, trust_env=False)
    assert opened.status_code == 200
    assert opened.content == batch.lake.media(row["pack"], row["offset"], row["length"])
    assert opened.headers["content-type"] == "image/png"
    assert opened.headers["access-control-allow-origin"] == "*"
    assert opened.headers["content-disposition"] == "inline"
    assert opened.headers["x-content-type-options"] == "nosniff"
    forged = link[:-1] + ("0" if link[-1] != "0" else "1")
    for wrong in (forged, link.replace(row["item_id"], other["item_id"]), link.partition("?")[0] + "?sig="):
        assert httpx.get(wrong, trust_env=False).status_code == 403
    assert httpx.get(link.partition("?")[0], trust_env=False).status_code == 401
    assert reading.get(link.partition("?")[0]).status_code == 200
    with pytest.raises(SettingsError, match="no portal is known"):
        media_link(settings_of(made), SCENARIO, row["item_id"])


@pytest.mark.parametrize(
    ("header", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=10-", 206, 10, None),
        ("bytes=-7", 206, -7, None),
        ("bytes=0-999999", 206, 0, None),
        ("bytes=-999999", 206, 0, None),
        ("bytes=9-3", 200, 0, None),
        ("bytes=0-1,4-5", 200, 0, None),
        ("nonsense", 200, 0, None),
        ("bytes=999999-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
def test_parts_of_an_item_can_be_asked_for(
    reading: httpx.Client, batch: Work, header: str, status: int, start: int, end: int | None
) -> None:
    row = batch.batch.read("items").slice(0, 1).to_pylist()[0]
    data = batch.lake.media(row["pack"], row["offset"], row["length"])
    response = reading.get(f"/media/{SCENARIO}/{row['item_id']}", headers={"Range": header})
    assert (response.status_code, response.content) == (status, data[start:end])
    if status == 206:
        first = start % len(data)
        assert response.headers["content-range"] == f"bytes {first}-{first + len(response.content) - 1}/{len(data)}"


def test_media_are_kept_by_browsers(reading: httpx.Client, batch: Work) -> None:
    row = batch.batch.read("items").slice(0, 1).to_pylist()[0]
    address = f"/media/{SCENARIO}/{row['item_id']}"
    head = reading.head(address)
    assert (head.headers["content-length"], head.content) == (str(row["length"]), b"")
    assert reading.get(address, headers={"If-None-Match": head.headers["etag"]}).status_code == 304


def test_a_webhook_leaves_a_hint(home: Path, client: httpx.Client) -> None:
    address = client.base_url.join("/webhooks/label-studio")
    for secret in ("", "wrong", "ü".encode()):
        assert httpx.post(address, headers={"X-Trialbase-Secret": secret}, trust_env=False).status_code == 403
    assert not (home / "hints").exists()
    for scenario in (SCENARIO, "../../outside", None):
        response = httpx.post(
            address,
            params={"scenario": scenario} if scenario else {},
            headers={"X-Trialbase-Secret": HOOK_SECRET},
            content=b"x" * 3_000_000,  # it is not read, so it need not be anything
            trust_env=False,
        )
        assert response.status_code == 204
    assert sorted(path.name for path in (home / "hints").iterdir()) == ["any", SCENARIO]
