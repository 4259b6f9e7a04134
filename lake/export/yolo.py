"""YOLO: pictures in images/<split>, one text file a picture in labels/<split>, classes in data.yaml.

Format: docs.ultralytics.com, "Object Detection Datasets": class, centre x and y, width, height, as shares of the
picture.
"""

from pathlib import Path

import yaml

from lake.export.reading import Labelled, Reading, class_index, picture_size, upright

_SPLITS = {"validation": "val"}  # as YOLO calls it


def write(reading: Reading, folder: Path) -> None:
    """A picture of which nothing is said has no label file; one of which "no boxes" is said has an empty one."""
    reading.demand("yolo", modalities=["image"], kinds=["boxes"], parts=False)
    splits = set()
    for item in reading.items():
        split = _SPLITS.get(item.split, item.split)
        if split not in splits:
            (folder / "images" / split).mkdir(parents=True)
            (folder / "labels" / split).mkdir(parents=True)
            splits.add(split)
        (name,) = reading.copy_media(item, folder / "images" / split)
        if item.answer:
            text = "".join(f"{line}\n" for line in _lines(reading, item))
            (folder / "labels" / split / f"{Path(name).stem}.txt").write_bytes(text.encode())
    parts = {split: f"images/{split}" for split in sorted(splits)}
    facts = {"path": ".", **parts, "names": dict(enumerate(reading.classes))}
    (folder / "data.yaml").write_bytes(yaml.safe_dump(facts, allow_unicode=True, sort_keys=False, encoding="utf-8"))


def _lines(reading: Reading, item: Labelled) -> list[str]:
    boxes = upright(item, "yolo")
    number_of = class_index(reading.classes, boxes)
    width, height = picture_size(reading.read(item.main))
    lines = []
    for box in boxes:
        middle = ((box.x + box.width / 2) / width, (box.y + box.height / 2) / height)
        shares = (*middle, box.width / width, box.height / height)
        lines.append(" ".join([str(number_of[box.label]), *(f"{share:.8f}" for share in shares)]))
    return lines
