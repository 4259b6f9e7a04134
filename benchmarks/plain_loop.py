"""The plain loop beside ingest: two processes read, hash and decode the pictures of a folder."""

import hashlib
import io
import json
import sys
import time
from multiprocessing import Pool
from pathlib import Path

from PIL import Image


def looked_at(path: Path) -> str:
    """The hash of a picture that was decoded."""
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    begin = time.perf_counter()
    with Pool(2) as pool:
        found = pool.map(looked_at, sorted(Path(sys.argv[1]).rglob("*.jpg")), chunksize=64)
    print(json.dumps({"seconds": time.perf_counter() - begin, "hashes": found}))
