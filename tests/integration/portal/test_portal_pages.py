"""What the portal shows of a real home, over real HTTP."""

import html
import re
from pathlib import Path

import httpx
import pytest

from assets.labels import gate_report
from assets.stage import Work
from lake.records import Label
from tests.integration.portal.asking import page_of, waive
from tests.integration.portal.home import (
    ODD_CLASS,
    ODD_NAME,
    ODD_TEXT,
    SCENARIO,
    open_batch,
)

pytestmark = pytest.mark.integration


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


def test_quarantine_page_names_every_file_and_why(reading: httpx.Client, batch: Work) -> None:
    refused = batch.batch.read("quarantine").to_pylist()
    assert f"{page_of(batch)}/quarantine" in reading.get(page_of(batch)).text
    text = reading.get(f"{page_of(batch)}/quarantine").text
    for row in refused:
        assert html.escape(row["source"]) in text
        assert html.escape(row["detail"]).replace("&#x27;", "&#39;") in text
    reason = refused[0]["reason"]
    narrowed = reading.get(f"{page_of(batch)}/quarantine", params={"reason": reason}).text
    for row in refused:
        assert (html.escape(row["source"]) in narrowed) == (row["reason"] == reason)
    assert "No file was quarantined for this reason" in reading.get(f"{page_of(batch)}/quarantine?reason=none").text


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
