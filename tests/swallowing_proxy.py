"""A line that breaks at the worst moment: the request arrives, its reply does not."""

import socket
import threading
import time
from collections.abc import Callable


class SwallowingProxy:
    """A TCP proxy that passes everything on, but closes on the reply to the first request that holds `marker`."""

    def __init__(self, url: str, marker: bytes) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._target, self._marker = (host, int(port)), marker
        self._swallowed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> str:
        self._spawn(self._accept)
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
        assert self._swallowed.is_set()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        """Pass one connection on until either side ends it."""
        with client, socket.create_connection(self._target) as server:
            swallow = False
            client.settimeout(0.02)
            server.settimeout(0.02)
            end = time.monotonic() + 60
            while time.monotonic() < end:
                asked, said = _receive(client), _receive(server)
                if asked == b"" or said == b"":
                    return
                if asked and self._marker in asked.split(b"\r\n")[0] and asked.startswith(b"POST"):
                    swallow = not self._swallowed.is_set()
                if said and swallow:
                    self._swallowed.set()
                    return
                server.sendall(asked or b"")
                client.sendall(said or b"")


def _receive(side: socket.socket) -> bytes | None:
    """What came; None when nothing did, b"" when the other side has ended."""
    try:
        return side.recv(1 << 16)
    except TimeoutError:
        return None
