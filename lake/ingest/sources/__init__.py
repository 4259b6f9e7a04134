"""Where deliveries lie: a folder, an archive, one file; on this machine, in a bucket or on a web server.

Nothing is followed out of a source and nothing of it is written anywhere: links, devices and names that escape are
told apart and stay out. What this does not hold against is stated in docs/deliveries.md.
"""

from pathlib import Path, PurePosixPath

from lake.errors import DeliveryError
from lake.ingest.reading import Source
from lake.ingest.sources.archives import ZipSource
from lake.ingest.sources.folder import FolderSource
from lake.ingest.sources.guard import readable
from lake.ingest.sources.onefile import FileSource, LocalFile, OneFile
from lake.ingest.sources.remote import BucketSource, RemoteFile, is_remote
from lake.ingest.sources.tar import TarSource

__all__ = ["open_source", "readable"]

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst")


def open_source(place: str | Path) -> Source:
    """The source at a path or URL; nothing is read yet. Raises DeliveryError where there is none.

    place: a folder, an archive or a file of this machine, a bucket's folder or file (`s3://bucket/key`), or a file on
    a web server (`https://...`), whose folders have no listing that could be relied on.
    """
    text = str(place)
    if is_remote(text):
        return _remote(text)
    path = Path(text.removeprefix("file://")).expanduser()
    if path.is_dir():
        return FolderSource(path.resolve())
    if not path.is_file():
        raise DeliveryError(
            f"{path} is neither a folder nor a file", remedy="give the folder, archive or file that was delivered"
        )
    return of_file(LocalFile(path.resolve()))


def of_file(file: OneFile) -> Source:
    """An archive's members or the file itself, by its ending; an archive that is none is told when it is listed."""
    lower = file.name.lower()
    if lower.endswith(TAR_ENDINGS):
        return TarSource(file)
    return ZipSource(file) if lower.endswith(".zip") else FileSource(file)


def _remote(url: str) -> Source:
    import fsspec

    if url.startswith("s3://"):
        with readable(url):
            filesystem, root = fsspec.core.url_to_fs(url)
            if filesystem.info(root)["type"] == "directory":
                return BucketSource(url, filesystem, root)
    if not PurePosixPath(url.partition("://")[2].partition("?")[0]).suffix:
        raise DeliveryError(
            f"{url} names no file: a web server's folders cannot be listed",
            remedy="give an archive (.tar.gz, .zip) or a manifest (.csv, .jsonl, .parquet)",
        )
    return of_file(RemoteFile(url))
