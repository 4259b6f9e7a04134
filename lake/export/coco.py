"""COCO: pictures in images/, one file of boxes a split in annotations/.

Format: cocodataset.org, "Data format", "Object Detection". Class k of classes.json is category k + 1.
"""

import json
from pathlib import Path
from typing import Any

from lake.export.reading import Labelled, Reading, class_index, picture_size, upright


def write(reading: Reading, folder: Path) -> None:
    """images/<item_id>.<ending> and annotations/instances_<split>.json; boxes are [x, y, width, height] in pixels."""
    reading.demand("coco", modalities=["image"], kinds=["boxes"], parts=False)
    (folder / "images").mkdir()
    (folder / "annotations").mkdir()
    categories = [{"id": number, "name": name} for number, name in enumerate(reading.classes, 1)]
    files: dict[str, dict[str, Any]] = {}
    for item in reading.items():
        blank = {"info": {"description": reading.tag}, "images": [], "annotations": [], "categories": categories}
        _add(files.setdefault(item.split, blank), reading, item, folder / "images")
    for split, content in files.items():
        (folder / "annotations" / f"instances_{split}.json").write_bytes(
            json.dumps(content, ensure_ascii=False).encode()
        )


def _add(content: dict[str, Any], reading: Reading, item: Labelled, images: Path) -> None:
    boxes = upright(item, "coco")
    number_of = class_index(reading.classes, boxes)
    (name,) = reading.copy_media(item, images)
    width, height = picture_size(reading.read(item.main))
    number = len(content["images"]) + 1
    content["images"].append({"id": number, "file_name": name, "width": width, "height": height})
    for box in boxes:
        content["annotations"].append(
            {
                "id": len(content["annotations"]) + 1,
                "image_id": number,
                "category_id": number_of[box.label] + 1,
                "bbox": [box.x, box.y, box.width, box.height],
                "area": box.width * box.height,
                "iscrowd": 0,
            }
        )
