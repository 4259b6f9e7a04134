"""Who may see and who may sign: HTTP Basic, form tokens, signed links, and the credentials behind them."""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from lake.errors import SettingsError
from pipelines.settings import Settings
from pipelines.web.refusal import Refusal

Role = Literal["steward", "viewer"]


class Account(BaseModel):
    """One user of the portal, as `trialbase up` wrote it."""

    model_config = ConfigDict(frozen=True)

    password: SecretStr = Field(min_length=1)
    role: Role


class Credentials(BaseModel):
    """The part of credentials.json that the portal needs; other services keep theirs beside it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    portal_users: dict[str, Account] = {}
    media_secret: SecretStr | None = Field(default=None, min_length=16)
    webhook_secret: SecretStr | None = Field(default=None, min_length=16)


def read_credentials(settings: Settings) -> Credentials:
    """The credentials as they are now; none where `trialbase up` never ran. Raises SettingsError."""
    path = settings.credentials_file
    try:
        return Credentials.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValidationError) as error:
        # the message of a ValidationError would quote what the file holds
        raise SettingsError(
            f"{path} cannot be used as credentials of the portal ({type(error).__name__})",
            remedy="remove it and run `trialbase up` again: it writes a new one",
        ) from error


@dataclass(frozen=True)
class User:
    """Who is logged in."""

    name: str
    role: Role

    @property
    def may_sign(self) -> bool:
        return self.role != "viewer"


class Guard:
    """Tells who asks, and whether a form was ours. Its secret lives as long as the process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = secrets.token_bytes(32)

    def user(self, request: Request) -> User:
        """Who is logged in. Raises a Refusal (401) for anyone else."""
        name, password = _basic(request.headers.get("authorization", ""))
        accounts = read_credentials(self._settings).portal_users
        account = accounts.get(name)
        due = account.password.get_secret_value() if account else secrets.token_hex(16)
        right = same(password, due)  # asked for unknown names too
        if account is None or not right:
            raise Refusal(
                401,
                "login" if accounts else "no users",
                headers={"WWW-Authenticate": 'Basic realm="Trialbase", charset="UTF-8"'},
            )
        return User(name, account.role)

    def form_token(self, user: User, report_hash: str) -> str:
        """Goes into a form, so that no other site can send it in this user's name."""
        return _mac(self._secret, "form", user.name, report_hash)

    def check_form(self, user: User, report_hash: str, token: str) -> None:
        """Raises a Refusal (403) for a form that this process did not hand to this user."""
        if not same(token, self.form_token(user, report_hash)):
            raise Refusal(403, "form")


def media_signature(secret: SecretStr, scenario: str, item_id: str) -> str:
    """HMAC-SHA256 that opens one item's bytes to whoever holds the link; 64 hexadecimal digits."""
    return _mac(secret.get_secret_value().encode(), f"{scenario}/{item_id}")


def same(given: str, due: str) -> bool:
    """Equality that takes as long whatever is given."""
    return hmac.compare_digest(given.encode(), due.encode())


def _basic(header: str) -> tuple[str, str]:
    """Name and password of an Authorization header; two empty strings where it is none of ours."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


def _mac(secret: bytes, *parts: str) -> str:
    return hmac.new(secret, "\0".join(parts).encode(), hashlib.sha256).hexdigest()
