"""Deliveries elsewhere: in a bucket (moto's server), on a web server with and without ranges."""

import functools
import gzip
import http.server
import io
import tarfile
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from lake import ids
from lake.errors import DeliveryError
from lake.ingest.readers import reader_for
from lake.ingest.reading import Damaged, ReaderSpec, Sample
from lake.ingest.sources import open_source
from tests.unit.lake.samples import deliver, png

pytestmark = pytest.mark.integration
FILES = {"a.png": png(1), "b/c.png": png(2), "answers.csv": b"file,answer\na.png,cat\n"}


def archives(folder: Path) -> Path:
    """The same files as a zip and a packed tar, a packed table, and the files themselves."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    more = {
        "d.zip": zipped.getvalue(),
        "d.tar.gz": tarred.getvalue(),
        "t.csv.gz": gzip.compress(b"text\none\n", mtime=0),
    }
    manifest = b"file,label\nin/a.png,cat\ngone.png,dog\n"
    return deliver(folder, more | {"m.csv": manifest} | {f"in/{name}": data for name, data in FILES.items()})


def said(url: str, spec: ReaderSpec | None = None) -> dict[str, tuple[bytes, str | None]]:
    """What the samples of a place hold, and what is right of them."""
    source = open_source(url)
    reads = list(reader_for(source, spec).read(source))
    samples = [one for one in reads if isinstance(one, Sample)]
    return {one.source: (one.parts[0].read(1 << 20), one.expert) for one in samples}


EXPECTED = {"a.png": (png(1), "cat"), "b/c.png": (png(2), None)}


# --- S3


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in (settings | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}).items():
        monkeypatch.setenv(name, value)
    url = f"http://{host}:{port}/deliveries"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=30).close()
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    files = fsspec.filesystem("s3")
    root = archives(tmp_path / "all")
    for path in root.rglob("*"):
        if path.is_file():
            files.pipe_file(f"deliveries/{path.relative_to(root).as_posix()}", path.read_bytes())
    yield "s3://deliveries"
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    server.stop()


@pytest.mark.parametrize("name", ["in", "in/", "d.zip", "d.tar.gz"])
def test_a_folder_or_an_archive_of_a_bucket_is_read_in_place(bucket: str, name: str) -> None:
    assert said(f"{bucket}/{name}") == EXPECTED


def test_the_identity_of_a_bucket_changes_with_its_contents(bucket: str) -> None:
    before = open_source(f"{bucket}/in").identity()
    assert open_source(f"{bucket}/in").identity() == before
    fsspec.filesystem("s3").pipe_file("deliveries/in/a.png", png(9))
    fsspec.filesystem("s3").invalidate_cache()
    assert open_source(f"{bucket}/in").identity() != before
    assert open_source(f"{bucket}/in").read("a.png", 1 << 20) == png(9)


def test_a_manifest_in_a_bucket_names_what_lies_beside_it(bucket: str) -> None:
    found = open_source(f"{bucket}/m.csv")
    spec = ReaderSpec(name="manifest", media="file", answer="label")
    samples = [one for one in reader_for(found, spec).read(found) if isinstance(one, Sample)]
    assert samples[0].parts[0].read(1 << 20) == png(1)
    with pytest.raises(Damaged, match=r"gone\.png"):
        samples[1].parts[0].read(10)
    assert said(f"{bucket}/t.csv.gz", ReaderSpec(name="table", text="text")) == {"t.csv#2": (b"one", None)}


def test_a_place_in_a_bucket_that_is_not_there_is_said_so(bucket: str) -> None:
    with pytest.raises(DeliveryError, match="cannot be read"):
        open_source(f"{bucket}/nothing")


# --- a web server


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; one range of bytes where it is asked for."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        path = Path(self.translate_path(self.path))
        if not asked.startswith("bytes=") or not path.is_file():
            super().do_GET()
            return
        data = path.read_bytes()
        first, _, last = asked.removeprefix("bytes=").partition("-")
        piece = data[int(first) : int(last or len(data)) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(piece) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(piece)))
        self.end_headers()
        self.wfile.write(piece)


class Whole(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, each only as a whole."""

    def log_message(self, *_: object) -> None:
        pass


class Moved(Whole):
    """Every file is said to lie elsewhere."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/in/a.png")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()


def serve(handler: type[http.server.SimpleHTTPRequestHandler], folder: Path) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(params=[Ranges, Whole])
def web(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    server = serve(request.param, archives(tmp_path / "all"))
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["d.zip", "d.tar.gz"])
def test_an_archive_on_a_web_server_is_read_with_and_without_ranges(web: str, name: str) -> None:
    assert said(f"{web}/{name}") == EXPECTED
    assert len(open_source(f"{web}/{name}").identity()) == 64
    assert said(f"{web}/t.csv.gz", ReaderSpec(name="table", text="text")) == {"t.csv#2": (b"one", None)}


def test_without_a_tag_the_identity_is_that_of_the_bytes(web: str) -> None:
    assert open_source(f"{web}/t.csv.gz").identity() == ids.content_id(gzip.compress(b"text\none\n", mtime=0))


def test_a_manifest_on_a_web_server_names_what_lies_beside_it(web: str) -> None:
    found = open_source(f"{web}/m.csv")
    spec = ReaderSpec(name="manifest", media="file", answer="label")
    samples = [one for one in reader_for(found, spec).read(found) if isinstance(one, Sample)]
    assert samples[0].parts[0].read(1 << 20) == png(1)
    with pytest.raises(Damaged, match=r"gone\.png"):
        samples[1].parts[0].read(10)


def test_a_folder_of_a_web_server_is_not_guessed(web: str) -> None:
    with pytest.raises(DeliveryError, match="names no file"):
        open_source(f"{web}/in")
    with pytest.raises(DeliveryError, match="cannot be read"):
        open_source(f"{web}/nothing.zip").files()


def test_a_manifest_reaches_other_servers_only_where_that_is_allowed_and_follows_no_redirect(tmp_path: Path) -> None:
    server, elsewhere = (serve(handler, archives(tmp_path / "all")) for handler in (Whole, Moved))
    try:
        ours, theirs = (f"http://127.0.0.1:{one.server_address[1]}" for one in (server, elsewhere))
        folder = deliver(tmp_path / "d", {"m.csv": f"file\n{ours}/in/a.png\n{theirs}/in/b.png\n".encode()})
        source = open_source(folder)
        refused = list(reader_for(source, ReaderSpec(name="manifest", media="file")).read(source))
        assert not any(isinstance(one, Sample) for one in refused)
        spec = ReaderSpec(name="manifest", media="file", origins=(ours, theirs))
        samples = [one for one in reader_for(source, spec).read(source) if isinstance(one, Sample)]
        assert samples[0].parts[0].read(1 << 20) == png(1)
        try:
            assert samples[1].parts[0].read(1 << 20) != png(1)
        except Damaged as error:
            assert "cannot be read" in error.what  # noqa: PT017 - either is right
    finally:
        for one in (server, elsewhere):
            one.shutdown()
            one.server_close()


def test_a_server_that_is_not_there_is_said_so() -> None:
    with pytest.raises(DeliveryError, match="cannot be read"):
        open_source("http://127.0.0.1:9/x.zip").files()
