"""A line that breaks anywhere: after so many bytes, in either direction, for so many connections."""

import contextlib
import selectors
import socket
import threading


class CuttingProxy:
    """A TCP proxy on loopback; transparent until `cut` says when to break."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._left: int | None = None  # bytes until the line breaks
        self._refusals = 0  # connections that break at once after that
        self._closed = False
        self.num_cuts = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "CuttingProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def cut(self, after: int, refusals: int = 0) -> None:
        """Break the line that carries the byte of that number, and the next connections at once."""
        with self._lock:
            self._left, self._refusals = after, refusals

    def mend(self) -> None:
        """Be transparent from now on."""
        with self._lock:
            self._left, self._refusals = None, 0

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._is_refused():
                return
            with socket.create_connection(self._target) as server, selectors.DefaultSelector() as ready:
                ready.register(client, selectors.EVENT_READ, server)
                ready.register(server, selectors.EVENT_READ, client)
                while not self._closed:
                    for key, _ in ready.select(0.5):
                        side, other = key.fileobj, key.data
                        assert isinstance(side, socket.socket)
                        data = side.recv(1 << 16)
                        passed = data[: self._allowed(len(data))]
                        other.sendall(passed)
                        if not data or len(passed) < len(data):
                            return

    def _is_refused(self) -> bool:
        with self._lock:
            if self._left is None and self._refusals:
                self._refusals -= 1
                return True
        return False

    def _allowed(self, size: int) -> int:
        """How many of these bytes pass; fewer than `size` where the line breaks."""
        with self._lock:
            if self._left is None:
                return size
            if size < self._left:
                self._left -= size
                return size
            allowed, self._left = self._left, None
            self.num_cuts += 1
            return min(allowed, max(0, size - 1))
