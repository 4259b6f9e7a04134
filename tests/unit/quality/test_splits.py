"""Splits: by group and by near-duplicates, and for ever."""

from collections import defaultdict
from dataclasses import dataclass, field
from random import Random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.splits import IN_BOTH, assign, split_of

SHARE = 0.4
Row = tuple[str, str, str | None, str | None]  # item, group, cluster, split


def table(rows: list[Row]) -> pa.Table:
    names = ("item_id", "group", "cluster", "split")
    return pa.table({name: pa.array([row[at] for row in rows], pa.string()) for at, name in enumerate(names)})


def assigned(rows: list[Row]) -> dict[str, str | None]:
    found = assign(table(rows), validation_share=SHARE)
    assert found["item_id"].to_pylist() == [row[0] for row in rows]
    for row in found.to_pylist():
        assert (row["split"] is None) == bool(row["reason"])
    return dict(zip(found["item_id"].to_pylist(), found["split"].to_pylist(), strict=True))


@dataclass
class Growing:
    """A data set that grows batch by batch; `near` are pairs of items that nearly equal each other."""

    groups: dict[str, str] = field(default_factory=dict)
    near: list[tuple[str, str]] = field(default_factory=list)
    decided: dict[str, str | None] = field(default_factory=dict)

    def clusters(self) -> dict[str, str]:
        smallest = {item: item for item in self.groups}
        for _ in self.near:
            for a, b in self.near:
                smallest[a] = smallest[b] = min(smallest[a], smallest[b])
        return smallest

    def add(self, batch: dict[str, str], near: list[tuple[str, str]]) -> None:
        self.groups |= batch
        self.near += near
        clusters = self.clusters()
        rows: list[Row] = [(one, group, clusters[one], self.decided.get(one)) for one, group in self.groups.items()]
        found = assigned(rows)
        self.decided |= {item: found[item] for item in batch}


@st.composite
def growth(draw: st.DrawFn) -> list[tuple[dict[str, str], list[tuple[str, str]]]]:
    """Batches of items of few groups, and what nearly equals what, of the same batch or an earlier one."""
    batches, seen = [], []
    for number in range(draw(st.integers(1, 4))):
        groups = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6))
        batch = {f"{number}-{place}": group for place, group in enumerate(groups)}
        seen += list(batch)
        pairs = draw(st.lists(st.tuples(st.sampled_from(sorted(batch)), st.sampled_from(seen)), max_size=4))
        batches.append((batch, pairs))
    return batches


@given(growth())
@settings(deadline=None, max_examples=400)
def test_however_data_grow_no_group_spans_two_splits_and_nothing_joins_a_near_duplicate_in_the_other(
    batches: list[tuple[dict[str, str], list[tuple[str, str]]]],
) -> None:
    growing = Growing()
    for batch, near in batches:
        before = dict(growing.decided)
        growing.add(batch, near)
        assert before.items() <= growing.decided.items()
        of_group = defaultdict(set)
        for item, split in growing.decided.items():
            of_group[growing.groups[item]].add(split)
        assert all(len(splits - {None}) <= 1 for splits in of_group.values())
        clusters = growing.clusters()
        for item in batch:
            if growing.decided[item] is not None:
                others = {split for other, split in growing.decided.items() if clusters[other] == clusters[item]}
                assert others - {None} == {growing.decided[item]}


@given(growth(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_the_order_of_rows_decides_nothing(
    batches: list[tuple[dict[str, str], list[tuple[str, str]]]], order: Random
) -> None:
    growing = Growing()
    for batch, near in batches[:-1]:
        growing.add(batch, near)
    last, near = batches[-1]
    growing.groups |= last
    growing.near += near
    clusters = growing.clusters()
    rows: list[Row] = [(one, group, clusters[one], growing.decided.get(one)) for one, group in growing.groups.items()]
    expected = assigned(rows)
    order.shuffle(rows)
    assert assigned(rows) == expected


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=20))
def test_without_near_duplicates_a_group_goes_where_its_name_says(groups: list[str]) -> None:
    rows: list[Row] = [(f"{place}", group, None, None) for place, group in enumerate(groups)]
    found = assigned(rows)
    assert [found[row[0]] for row in rows] == [split_of(group, validation_share=SHARE) for group in groups]


def test_groups_that_a_duplicate_joins_go_together() -> None:
    train, validation = named("train"), named("validation")
    found = assigned([("1", train, "x", None), ("2", validation, "x", None), ("3", validation, None, None)])
    assert set(found.values()) == {split_of(min(train, validation), validation_share=SHARE)}


def test_a_new_group_follows_what_its_item_nearly_equals() -> None:
    for split in ("train", "validation"):
        rows: list[Row] = [
            ("old", "a", "x", split),
            ("new", "b", "x", None),
            ("its neighbour", "b", "y", None),
            ("and its copy", "c", "y", None),
        ]
        assert set(assigned(rows).values()) == {split}


def test_an_item_that_would_bridge_two_splits_stays_out_with_a_reason() -> None:
    rows: list[Row] = [
        ("1", "a", "x", "train"),
        ("2", "b", "y", "validation"),
        ("3", "a", "y", None),  # of one's group, nearly equals the other
        ("4", "a", None, None),
        ("5", "b", None, None),
        ("6", "b", "z", "validation"),
        ("7", "a", "z", "train"),  # both are in versions already
        ("8", "c", "z", None),
    ]
    found = assign(table(rows), validation_share=SHARE).to_pylist()
    assert [row["split"] for row in found] == [
        "train", "validation", None, "train", "validation", "validation", "train", None,
    ]  # fmt: skip
    assert found[2]["reason"] == "its group is in train, and what it nearly equals in validation"
    assert found[7]["reason"] == IN_BOTH


def test_a_new_group_between_two_splits_loses_only_what_is_near_the_other_one() -> None:
    rows: list[Row] = [("1", "a", "x", "train"), ("2", "b", "y", "validation")]
    rows += [("near a", "new", "x", None), ("near b", "new", "y", None), ("near none", "new", None, None)]
    found = assigned(rows)
    out = [item for item, split in found.items() if split is None]
    assert out in (["near a"], ["near b"])
    assert found["near none"] is not None


def test_nothing_is_nothing() -> None:
    assert assign(table([]), validation_share=SHARE).num_rows == 0


@given(st.text(), st.floats(0.01, 0.98))
def test_a_group_stays_in_its_split_while_the_share_grows(group: str, share: float) -> None:
    assert split_of(group, validation_share=share) == split_of(group, validation_share=share)
    if split_of(group, validation_share=share) == "validation":
        assert split_of(group, validation_share=share + 0.01) == "validation"


def test_the_share_is_about_right() -> None:
    splits = [split_of(f"cell {number}", validation_share=0.2) for number in range(2000)]
    assert 0.17 < splits.count("validation") / len(splits) < 0.23


def named(split: str) -> str:
    """A group that is drawn into a split."""
    return next(name for name in "abcdefghijklmnopqrstuvwxyz" if split_of(name, validation_share=SHARE) == split)
