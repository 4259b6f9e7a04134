"""Label Studio: tasks.json with an annotation a task, and the label_config.xml that they answer.

Format: labelstud.io/guide/task_format and /guide/predictions. Texts and small media stand in their task; larger ones
lie in media/ and are named as files of Label Studio's local storage, whose root has to be this folder.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from lake.answers import number_of, shapes_of
from lake.errors import LakeError
from lake.export.reading import Labelled, Medium, Reading, picture_size
from lake.text import decode

INLINE_BYTES = 64 * 1024
_TAGS = {"image": "Image", "text": "Text", "audio": "Audio", "video": "Video"}
_SHAPES = {"image": "boxes", "text": "spans", "audio": "segments"}  # what can be drawn in what
_CONTROLS = {  # tag, and what its results are called
    "boxes": ("RectangleLabels", "rectanglelabels"),
    "spans": ("Labels", "labels"),
    "segments": ("Labels", "labels"),
    "class": ("Choices", "choices"),
    "text": ("TextArea", "textarea"),
    "number": ("Number", "number"),
}


def write(reading: Reading, folder: Path) -> None:
    """tasks.json, label_config.xml, media/. The answers are imported as annotations of whoever imports them."""
    modality, kind = _question(reading)
    (folder / "media").mkdir()
    (folder / "label_config.xml").write_bytes(_config(modality, kind, reading.classes).encode())
    with (folder / "tasks.json").open("w", encoding="utf-8") as file:
        file.write("[")
        for number, item in enumerate(reading.items()):
            task = _task(reading, item, modality, kind, folder / "media")
            file.write(",\n" if number else "\n")
            file.write(json.dumps(task, ensure_ascii=False))
        file.write("\n]\n")


def _question(reading: Reading) -> tuple[str, str]:
    """The one modality and the one kind of answer of a version. Raises LakeError."""
    reading.demand("label-studio", modalities=_TAGS, kinds=_CONTROLS, parts=True)
    kinds = reading.kinds - {""} or {"class"}
    modality, kind = next(iter(sorted(reading.modalities)), "image"), next(iter(sorted(kinds)))
    drawn = kind in _SHAPES.values() and _SHAPES.get(modality) != kind
    if len(reading.modalities) > 1 or len(kinds) > 1 or drawn:
        raise LakeError(
            f"label-studio cannot ask {' and '.join(sorted(kinds))} about {' and '.join(sorted(reading.modalities))} "
            f"in one project, as {reading.tag} does",
            remedy="export it to webdataset or parquet",
        )
    return modality, kind


def _config(modality: str, kind: str, classes: tuple[str, ...]) -> str:
    control, _ = _CONTROLS[kind]
    child = {"RectangleLabels": "Label", "Labels": "Label", "Choices": "Choice"}.get(control)
    options = "".join(f"    <{child} value={quoteattr(name)}/>\n" for name in classes) if child else ""
    body = f">\n{options}  </{control}>" if options else "/>"
    return (
        f'<View>\n  <{_TAGS[modality]} name="{modality}" value="${modality}"/>\n'
        f'  <{control} name="answer" toName="{modality}"{body}\n</View>\n'
    )


def _task(reading: Reading, item: Labelled, modality: str, kind: str, media: Path) -> dict[str, Any]:
    answers = []
    if item.answer:
        frame = {"from_name": "answer", "to_name": modality, "type": _CONTROLS[kind][1]}
        values = _VALUES[kind](reading, item)
        answers = [{"result": [{"id": f"{number:08}", **frame, **value} for number, value in enumerate(values)]}]
    data = {part.name or modality: _address(reading, item, part, media) for part in item.media}
    return {  # media last: whoever looks at the head of the file sees what it is
        "annotations": answers,
        "meta": {name: value for name, value in item.facts.items() if value not in (None, [])},
        "data": {"item_id": item.item_id, "split": item.split, **data},
    }


def _address(reading: Reading, item: Labelled, medium: Medium, media: Path) -> str:
    data = reading.read(medium)
    if medium.modality == "text":
        return decode(data)[0]
    if len(data) <= INLINE_BYTES:
        return f"data:{medium.media_type};base64,{base64.b64encode(data).decode()}"
    name = medium.file(item.item_id)
    (media / name).write_bytes(data)
    return f"/data/local-files/?d=media/{name}"


def _boxes(reading: Reading, item: Labelled) -> list[dict[str, Any]]:
    """In hundredths of the picture, as Label Studio has them."""
    width, height = picture_size(reading.read(item.main))
    size = {"original_width": width, "original_height": height, "image_rotation": 0}
    return [
        size
        | {
            "value": {
                "x": box.x * 100 / width,
                "y": box.y * 100 / height,
                "width": box.width * 100 / width,
                "height": box.height * 100 / height,
                "rotation": box.rotation,
                "rectanglelabels": [box.label],
            }
        }
        for box in item.boxes()
    ]


def _spans(reading: Reading, item: Labelled) -> list[dict[str, Any]]:
    text = decode(reading.read(item.main))[0]
    return [
        {"value": {"start": one.start, "end": one.end, "text": text[one.start : one.end], "labels": [one.label]}}
        for one in shapes_of(item.answer, "spans")
    ]


def _segments(_reading: Reading, item: Labelled) -> list[dict[str, Any]]:
    return [
        {"value": {"start": one.start, "end": one.end, "channel": 0, "labels": [one.label]}}
        for one in shapes_of(item.answer, "segments")
    ]


_VALUES: dict[str, Callable[[Reading, Labelled], list[dict[str, Any]]]] = {
    "boxes": _boxes,
    "spans": _spans,
    "segments": _segments,
    "class": lambda _reading, item: [{"value": {"choices": [item.answer]}}],
    "text": lambda _reading, item: [{"value": {"text": [item.answer]}}],
    "number": lambda _reading, item: [{"value": {"number": number_of(item.answer)}}],
}
