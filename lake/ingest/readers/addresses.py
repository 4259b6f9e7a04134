"""Media that a table names: files of the delivery, data URIs, and addresses on other machines that are allowed."""

import base64
import binascii
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote, unquote_to_bytes

from lake.errors import DeliveryError
from lake.ingest.readers.paths import Places
from lake.ingest.reading import Damaged, Part, ReaderSpec, Source, inline, medium
from lake.ingest.sources.guard import member
from lake.ingest.sources.remote import BucketSource, RemoteFile, is_remote

_ENDINGS = {"image/jpeg": "jpg", "image/svg+xml": "svg", "text/plain": "txt", "audio/mpeg": "mp3", "audio/x-wav": "wav"}


class Addresses:
    """Finds what an address stands for.

    An address on another machine is followed only where the delivery itself lies, or where the scenario allows it
    (`source.reader.origins`): what a supplier writes must not make this machine ask others, with its own credentials.
    """

    def __init__(self, spec: ReaderSpec, source: Source) -> None:
        self._source = source
        self._places = Places(source.files())
        folder = source.url if isinstance(source, BucketSource) else source.url.rpartition("/")[0]
        self._own = f"{folder}/" if is_remote(source.url) else ""
        origins = (*spec.origins, self._own) if self._own else spec.origins
        self._origins = tuple(f"{one.rstrip('/')}/" for one in origins)  # a host's name must end there

    def part(self, address: str, near: str, name: str = "") -> Part | str:
        """The part that an address in the file `near` stands for; a text that says why there is none."""
        if address.startswith("data:"):
            return _data_uri(address, near, name)
        if is_remote(address):
            return self._elsewhere(address, name)
        inside = self._inside(address)
        path = self._places.find(inside, near) or self._places.find(unquote(inside), near)
        if path is not None:
            return medium(self._source, path, name)
        if self._own and "://" not in address and ".." not in address.split("/"):
            return self._elsewhere(self._own + address.lstrip("/"), name)
        return f"{address[:200]} is not in the delivery"

    def _inside(self, address: str) -> str:
        """An absolute path below the delivery's own folder, from there."""
        return address.removeprefix("file://").removeprefix(f"{self._source.url}/")

    def _elsewhere(self, address: str, name: str) -> Part | str:
        if not address.startswith(self._origins) or "/../" in address:
            return f"{address[:200]} is elsewhere: allow what it begins with in source.reader.origins"
        file = address.partition("?")[0].partition("#")[0].rpartition("/")[2]
        return Part(name, unquote(file), partial(_fetched, address))


def _fetched(address: str, max_bytes: int) -> bytes:
    """At most max_bytes + 1 bytes of a file on another machine. Raises Damaged."""
    try:
        with member(address, ""), RemoteFile(address, redirects=False).open() as file:
            return file.read(max_bytes + 1)
    except Damaged:
        raise
    except DeliveryError as error:
        raise Damaged(error.what, remedy=error.remedy) from error


def _data_uri(address: str, near: str, name: str) -> Part | str:
    """Source: RFC 2397."""
    head, comma, body = address[5:].partition(",")
    kind = head.partition(";")[0].lower()
    ending = _ENDINGS.get(kind, kind.rpartition("/")[2]) or "txt"
    if not comma:
        return "a data URI without data"
    decode: Callable[[str], bytes] = _base64 if head.endswith(";base64") else unquote_to_bytes
    try:
        return inline(decode(body), f"{near}.{ending}", name)
    except (binascii.Error, ValueError) as error:
        return f"a data URI that cannot be decoded: {error}"


def _base64(body: str) -> bytes:
    return base64.b64decode(unquote(body), validate=True)
