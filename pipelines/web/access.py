"""Who may see and who may sign: HTTP Basic, form tokens, signed links."""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from fastapi import Request

from pipelines.credentials import Role
from pipelines.settings import Settings
from pipelines.web.refusal import Refusal


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
        accounts = self._settings.credentials().portal_users
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
