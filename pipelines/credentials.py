"""What is secret about an installation: one file, readable by its owner alone."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SecretStr, ValidationError

from lake.errors import SettingsError

Role = Literal["steward", "viewer"]
Secret = Annotated[SecretStr, PlainSerializer(SecretStr.get_secret_value, when_used="json")]


class Account(BaseModel):
    """One user of the portal."""

    model_config = ConfigDict(frozen=True)

    password: Secret = Field(min_length=1)
    role: Role


class Credentials(BaseModel):
    """All generated credentials; None where there is none yet."""

    model_config = ConfigDict(frozen=True)

    portal_users: dict[str, Account] = {}
    media_secret: Secret | None = Field(default=None, min_length=16)
    label_studio_user: str | None = None
    label_studio_password: Secret | None = None
    label_studio_token: Secret | None = None


def read_credentials(path: Path) -> Credentials:
    """The credentials as they are now; empty where `trialbase up` never ran. Raises SettingsError."""
    try:
        return Credentials.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValidationError) as error:
        # the message of a ValidationError would quote what the file holds
        raise SettingsError(
            f"{path} cannot be used as credentials ({type(error).__name__})",
            remedy="remove it and run `trialbase up` again: it writes a new one",
        ) from error


def write_credentials(path: Path, credentials: Credentials) -> None:
    """Replace the file at once; only its owner may read it, from its first byte on."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(credentials.model_dump_json(indent=2, exclude_none=True))
        new.replace(path)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}", remedy="correct TRIALBASE_HOME, or that folder's rights"
        ) from error
