"""The credentials' file: private, whole, and never quoted."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from lake.errors import SettingsError
from pipelines.credentials import Account, Credentials, read_credentials, write_credentials


def test_credentials_come_back_and_their_owner_alone_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "home" / "credentials.json"
    assert read_credentials(path) == Credentials()
    account = Account(password=SecretStr("p"), role="steward")
    made = Credentials(portal_users={"steward": account}, media_secret=SecretStr("m" * 16))
    for _ in range(2):
        write_credentials(path, made)
    assert read_credentials(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert "mmm" not in repr(made)


@pytest.mark.parametrize("text", ["{", "[]", '{"media_secret": "s3cret"}'])
def test_a_damaged_file_is_named_and_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "credentials.json").write_text(text)
    with pytest.raises(SettingsError, match=r"credentials\.json cannot be used") as caught:
        read_credentials(tmp_path / "credentials.json")
    assert "s3cret" not in str(caught.value)
