"""What the portal says no to; the words for each kind stand in templates/error.html."""

from collections.abc import Mapping, Sequence
from typing import Literal

Kind = Literal[
    "login",  # no or wrong name and password
    "no users",  # `trialbase up` has not written any
    "viewer",  # may look, may not sign
    "form",  # a form that was not handed out to this user by this process
    "bad form",  # a form that cannot be read
    "large form",
    "large body",
    "scenario",
    "batch",
    "item",
    "check",
    "data docs",
    "trial report",
    "address",  # no such page
    "method",
    "link",  # a media link that is not signed, or not by us
    "broken",  # our fault
]


class Refusal(Exception):
    """A request that ends in an error page; `what` names what was asked for, `known` links to what there is."""

    def __init__(
        self,
        status: int,
        kind: Kind,
        what: str = "",
        *,
        known: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {kind} {what}".rstrip())
        self.status = status
        self.kind = kind
        self.what = what
        self.known = tuple(known)  # (address, text)
        self.headers = dict(headers or {})
