"""Signed links to media: the portal honours them, annotators' browsers hold them."""

import hashlib
import hmac
from urllib.parse import quote

from pydantic import SecretStr

from lake.errors import SettingsError
from pipelines.settings import Settings


def media_link(settings: Settings, scenario: str, item_id: str) -> str:
    """An address of an item's bytes that opens without a login. Raises SettingsError."""
    base = settings.media_url or settings.service_url("portal")
    secret = settings.credentials().media_secret
    if base is None or secret is None:
        raise SettingsError(
            "no portal is known that could show media to annotators",
            remedy="start one with `trialbase up`; where browsers reach it elsewhere, set TRIALBASE_MEDIA_URL too",
        )
    path = f"/media/{quote(scenario, safe='')}/{quote(item_id, safe='')}"
    return f"{base.rstrip('/')}{path}?sig={media_signature(secret, scenario, item_id)}"


def media_signature(secret: SecretStr, scenario: str, item_id: str) -> str:
    """HMAC-SHA256 that opens one item's bytes to whoever holds the link; 64 hexadecimal digits."""
    key, said = secret.get_secret_value().encode(), f"{scenario}/{item_id}".encode()
    return hmac.new(key, said, hashlib.sha256).hexdigest()
