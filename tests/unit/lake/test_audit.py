"""The audit log: whatever is changed, removed, added or moved in it is found."""

import dataclasses
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from lake import audit, ids
from lake.audit import Entry
from lake.errors import LakeError
from lake.state import State, open_state, schema
from lake.state.connect import open_engine

TEXTS = [field.name for field in dataclasses.fields(Entry) if field.type is str]


def chain(count: int) -> list[Entry]:
    """A log as `append` writes it."""
    entries: list[Entry] = []
    previous = "0" * 64
    for number in range(1, count + 1):
        facts = (f"2026-03-01T12:00:{number:02}+00:00", "Ada", "sign-off", f"s/{number}", "approve")
        hashed = ids.key(number, *facts, previous)
        entries.append(Entry(**dict(zip(TEXTS, (*facts, previous, hashed), strict=True)), sequence=number))
        previous = hashed
    return entries


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


def noted(url: str, count: int) -> State:
    state = open_state(url)
    for number in range(count):
        state.note("Ada", "promote", f"model/{number}", "better; 更好")
    return state


def test_an_untouched_log_stands(url: str) -> None:
    state = noted(url, 5)
    assert audit.verify(state.audit_entries()) == state.verify_audit() == 5
    assert [entry.sequence for entry in state.audit_entries()] == [1, 2, 3, 4, 5]
    assert state.audit_entries()[0].at.endswith("+00:00")
    state.close()


def test_an_empty_log_stands(url: str) -> None:
    state = open_state(url)
    assert audit.verify([]) == state.verify_audit() == 0
    state.close()


@settings(max_examples=200)
@given(st.data())
def test_any_change_of_any_field_is_found_at_its_entry(data: st.DataObject) -> None:
    entries = chain(8)
    at = data.draw(st.integers(0, 7))
    name = data.draw(st.sampled_from(TEXTS))
    value = data.draw(st.text(max_size=70).filter(lambda text: text != getattr(entries[at], name)))
    entries[at] = Entry(**(vars(entries[at]) | {name: value}))
    with pytest.raises(LakeError, match=f"changed at entry {at + 1} "):
        audit.verify(entries)


@settings(max_examples=200)
@given(st.permutations(range(8)), st.lists(st.integers(0, 7), max_size=2), st.sets(st.integers(0, 7), max_size=3))
def test_moved_repeated_and_removed_entries_are_found(order: list[int], again: list[int], gone: set[int]) -> None:
    entries = chain(8)
    meddled = [entries[at] for at in [*order, *again] if at not in gone]
    if meddled == entries[: len(meddled)]:  # only the end is gone: State.verify_audit
        assert audit.verify(meddled) == len(meddled)
        return
    with pytest.raises(LakeError, match="the audit log was changed at entry"):
        audit.verify(meddled)


def test_a_hash_cannot_be_mended_by_moving_words_between_fields() -> None:
    entries = chain(1)
    moved = dataclasses.replace(entries[0], who="Ad", action="asign-off")
    with pytest.raises(LakeError, match="entry 1"):
        audit.verify([moved])


MEDDLING = {
    "a changed row": "UPDATE audit SET detail = 'worse' WHERE sequence = 3",
    "a changed row at the end": "UPDATE audit SET who = 'Bob' WHERE sequence = 5",
    "a row removed inside": "DELETE FROM audit WHERE sequence = 2",
    "the first row removed": "DELETE FROM audit WHERE sequence = 1",
    "the last row removed": "DELETE FROM audit WHERE sequence = 5",
    "the whole end removed": "DELETE FROM audit WHERE sequence > 2",
    "everything removed": "DELETE FROM audit",
    "a row added": "INSERT INTO audit SELECT 6, at, who, action, subject, detail, hash, 'x' FROM audit LIMIT 1",
    "a row repeated": "INSERT INTO audit SELECT 7, at, who, action, subject, detail, previous, hash FROM audit LIMIT 1",
    "the noted end removed": "DELETE FROM audit_head",
    "the noted end changed": "UPDATE audit_head SET sequence = 4",
}


@pytest.mark.parametrize("case", MEDDLING)
def test_meddling_with_the_database_is_found(url: str, case: str) -> None:
    noted(url, 5).close()
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(MEDDLING[case]))
    engine.dispose()
    state = open_state(url)
    with pytest.raises(LakeError, match="the audit log"):
        state.verify_audit()
    state.close()


def test_a_well_made_entry_that_was_not_appended_is_found(url: str) -> None:
    state = noted(url, 2)
    last = state.audit_entries()[-1]
    facts = (3, last.at, "Eve", "sign-off", "s/b", "approve", last.hash)
    names = ("sequence", "at", "who", "action", "subject", "detail", "previous")
    row = dict(zip(names, facts, strict=True)) | {"hash": ids.key(*facts)}
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.insert(schema.audit), row)
    engine.dispose()
    assert audit.verify(state.audit_entries()) == 3
    with pytest.raises(LakeError, match="does not end where it did"):
        state.verify_audit()
    state.close()
