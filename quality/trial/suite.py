"""A suite is a specification and its cases; either changing makes it another version."""

import dataclasses
from collections.abc import Iterable

from lake.ids import key, set_id
from quality.spec import SuiteSpec


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One item that a model is tried on, and the right answer."""

    item_id: str
    expected: str


def suite_version(spec: SuiteSpec, cases: Iterable[Case]) -> str:
    """`name@<12 hexadecimal digits>`, the same whatever order the cases come in."""
    members = set_id(key(case.item_id, case.expected) for case in cases)
    return f"{spec.name}@{key('suite', spec.model_dump_json(), members)[:12]}"
