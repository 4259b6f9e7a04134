"""Errors: each says what is wrong and how to mend it, also after a journey between processes."""

import pickle

import pytest

from lake import errors
from lake.errors import LakeError, NotFound, TrialbaseError
from lake.media import Refused

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TrialbaseError)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_shows_what_and_remedy_and_survives_pickling(kind: type[TrialbaseError]) -> None:
    error = pickle.loads(pickle.dumps(kind("the disk is full", remedy="free some")))
    assert type(error) is kind
    assert str(error) == "the disk is full\n  to mend it: free some"
    assert (error.what, error.remedy) == ("the disk is full", "free some")


def test_an_error_with_facts_of_its_own_keeps_them() -> None:
    error = pickle.loads(pickle.dumps(Refused("empty", "0 bytes")))
    assert (error.reason, error.detail) == ("empty", "0 bytes")


def test_the_tree_in_the_docstring_is_the_tree_of_the_code() -> None:
    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in KINDS)
    assert issubclass(NotFound, LakeError)
