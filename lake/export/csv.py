"""CSV: one row an item in labels.csv, with its files in media/.

Format: RFC 4180, UTF-8. Several values in one cell (annotators, attributes) are a JSON list.
"""

import csv
import json
from pathlib import Path

from lake.export.reading import Reading


def write(reading: Reading, folder: Path) -> None:
    """Columns: file (from labels.csv), answer, split, item_id and all that is known of item and label."""
    media = folder / "media"
    media.mkdir()
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\r\n")
        for number, item in enumerate(reading.items()):
            if number == 0:
                parts = ["parts"] if reading.has_parts else []
                table.writerow(["file", "answer", "split", "item_id", *parts, *item.facts])
            main, *others = (f"media/{name}" for name in reading.copy_media(item, media))
            further = [json.dumps(others)] if reading.has_parts else []
            facts = [
                json.dumps(one, ensure_ascii=False) if isinstance(one, list) else one for one in item.facts.values()
            ]
            table.writerow([main, item.answer, item.split, item.item_id, *further, *facts])
