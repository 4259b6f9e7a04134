"""Near-duplicates on the page of a batch."""

from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from assets.loop import BY_NAME
from assets.stage import Work, carry_out
from lake.ingest import register
from tests.integration.portal.asking import page_of
from tests.integration.portal.home import SCENARIO, open_batch

pytestmark = pytest.mark.integration


def second_batch(home: Path) -> Work:
    """Pictures 001 to 003 again, each a grey level or two brighter, and one of them twice."""
    first = open_batch(home)
    folder = home / "inbox" / "second scans"
    folder.mkdir()
    for name, levels in (("001.png", 1), ("002.png", 1), ("003.png", 1), ("003.png", 2)):
        with Image.open(home / "inbox" / "first pictures" / name) as picture:
            brighter = picture.point([min(255, level + levels) for level in range(256)] * 3)
        sink = BytesIO()
        brighter.save(sink, "PNG")
        (folder / f"{levels} {name}").write_bytes(sink.getvalue())
    register(first.lake, SCENARIO, [folder])
    name = first.lake.state.batches(SCENARIO)[-1].batch
    work = Work(first.ports, first.scenario, name)
    carry_out(BY_NAME["raw_items"], work)
    carry_out(BY_NAME["curated_items"], work)
    return work


def test_near_duplicates_stand_side_by_side_with_what_stays(home: Path, client: httpx.Client) -> None:
    first, work = open_batch(home), second_batch(home)
    table = work.batch.read("duplicates")
    held = table.filter(table["representative"])
    assert held["held_by"].to_pylist() == [first.batch_name] * 3
    assert work.batch.read("dropped").num_rows == 4
    assert work.batch.read("curated").num_rows == 0
    text = client.get(page_of(work)).text
    assert "3 clusters of near-duplicates" in text
    assert text.count("✓ stays") == 3
    assert text.count(f"held by {first.batch_name}") == 3
    for row in table.to_pylist():
        assert f'src="/media/{SCENARIO}/{row["item_id"]}"' in text
        assert row["representative"] or f"{row['bits']} bits apart, cosine {row['cosine']:.4f}" in text


def test_a_batch_without_near_duplicates_says_nothing_of_them(reading: httpx.Client, batch: Work) -> None:
    assert batch.batch.read("duplicates").num_rows == 0
    assert 'id="clusters"' not in reading.get(page_of(batch)).text
