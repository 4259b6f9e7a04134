"""Ids: stable for ever, and of content alone."""

import hashlib
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lake import ids

parts = st.lists(st.text() | st.integers(), max_size=5)


def test_ids_are_what_they_were_when_the_first_lake_was_written() -> None:
    assert ids.content_id(b"abc") == hashlib.sha256(b"abc").hexdigest()
    assert ids.key("a", 1, "ü") == hashlib.sha256('["a", 1, "ü"]'.encode()).hexdigest()
    assert ids.set_id(["b", "a"]) == ids.key("a", "b")
    assert ids.unit_interval("a", 7) == 0.5630995422259868


@given(parts, parts)
def test_different_parts_have_different_keys(first: list[str | int], second: list[str | int]) -> None:
    assert (ids.key(*first) == ids.key(*second)) == (first == second)


def test_a_boundary_between_parts_is_part_of_the_key() -> None:
    assert len({ids.key("a", "bc"), ids.key("ab", "c"), ids.key("abc"), ids.key("a", "b", "c")}) == 4
    assert ids.key("1") != ids.key(1)


def test_names_that_are_not_utf8_have_keys_too() -> None:
    assert ids.key("caf\udce9.png") != ids.key("cafe.png")


@given(st.lists(st.text()))
def test_a_set_has_one_id_whatever_its_order_and_repetitions(members: list[str]) -> None:
    assert ids.set_id(members) == ids.set_id([*reversed(members), *members]) == ids.set_id(set(members))


@given(st.text())
def test_the_unit_interval_is_half_open_and_the_same_every_time(part: str) -> None:
    assert 0 <= ids.unit_interval(part) < 1
    assert ids.unit_interval(part) == ids.unit_interval(part)


def test_draws_from_the_unit_interval_are_spread_evenly() -> None:
    tenths = [int(ids.unit_interval("seed", number) * 10) for number in range(10_000)]
    assert all(900 < tenths.count(tenth) < 1100 for tenth in range(10))


@given(st.text())
def test_a_slug_fits_folders_and_urls(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", ids.slug(text))


def test_a_slug_keeps_what_it_can_of_a_name() -> None:
    assert ids.slug("Ward 7: Röntgen (März)") == "ward-7-rontgen-marz"
    assert ids.slug("骨折 三月") == "guzhe-sanyue"
    assert ids.slug("a" * 39 + "-b") == "a" * 39


def test_a_file_has_the_id_of_its_bytes(tmp_path: Path) -> None:
    data = b"x" * (3 * 2**20 + 17)  # several pieces and a rest
    (tmp_path / "file").write_bytes(data)
    assert ids.file_id(tmp_path / "file") == ids.content_id(data)
