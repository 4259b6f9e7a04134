"""Label Studio's exports: JSON, and JSON-MIN.

Format: labelstud.io/guide/export, and /guide/task_format for results.
"""

import json
from collections.abc import Iterator
from typing import Any

from lake.answers import Box, Segment, Shape, Span, number_text, shapes_text
from lake.errors import DeliveryError
from lake.ingest.readers.addresses import Addresses
from lake.ingest.readers.paths import is_document, wanted
from lake.ingest.readers.pictures import Drawn, sound
from lake.ingest.reading import Beside, Fault, Part, Read, ReaderSpec, Said, Sample, Source, inline

_MAX_JSON_BYTES = 2**30
_HEAD_BYTES = 1 << 14
_FEW = 16
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
_OF_MIN = ("annotator", "annotation_id", "lead_time", "created_at", "updated_at")
_TEXTS = ("text", "dialogue", "html", "paragraphs")


class LabelStudio:
    """Every task is a sample; each annotator's result is what that annotator said, ground truth what is right."""

    NAME = "label_studio"
    KEYS = frozenset({"files", "media", "text", "answer", "origins"})

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec

    def recognises(self, source: Source) -> bool:
        return any(_looks_like_it(source, path) for path in wanted(source.files(), None, (".json",))[:_FEW])

    def read(self, source: Source) -> Iterator[Read]:
        addresses = Addresses(self._spec, source)
        exports = wanted(source.files(), self._spec.files, (".json",))
        for file in source.files():
            if is_document(file.path):
                yield Beside(file.path)
        for path in exports:
            if self._spec.files is None and not _looks_like_it(source, path):
                continue
            yield Beside(path)
            for number, task in enumerate(_tasks(source, path), 1):
                yield from self._task(task, path, f"{path}#{number}", addresses)

    def _task(self, task: Any, path: str, name: str, addresses: Addresses) -> Iterator[Read]:
        try:
            whole = "data" in task
            data = dict(task["data"] if whole else task)
            part = self._part(data, path, name, addresses)
            if isinstance(part, str):
                yield Fault(name, "media missing", part)
                return
            known = _Said()
            found = _annotations(task) if whole else self._of_min(data)
            for who, results, right in found:
                yield from known.note(name, who, results, right)
        except _UNREADABLE as error:
            yield Fault(name, "task unreadable", f"{type(error).__name__}: {error}")
            return
        said = tuple(Said(who, answer) for (who, _), answer in sorted(known.answers.items()))
        yield Sample(source=name, parts=(part,), said=said, expert=known.expert)

    def _part(self, data: dict[str, Any], path: str, name: str, addresses: Addresses) -> Part | str:
        """The medium of a task: the field that the scenario names, else the first that holds one, else its text."""
        if self._spec.media is not None:
            return addresses.part(_address(str(data[str(self._spec.media)])), path)
        text = str(self._spec.text) if self._spec.text is not None else ""
        told = "no field holds a medium that is in the delivery"
        for key, value in data.items():
            if isinstance(value, str) and key not in (text, *_TEXTS) and _is_address(value):
                part = addresses.part(_address(value), path)
                if isinstance(part, Part):
                    return part
                told = part
        key = text or next((one for one in _TEXTS if isinstance(data.get(one), str)), "")
        return inline(str(data[key]).encode("utf-8", "replace"), f"{name}.txt") if key else told

    def _of_min(self, data: dict[str, Any]) -> Iterator[tuple[str, Any, bool]]:
        """JSON-MIN has results without their frame, under the names of their controls."""
        who = str(data.get("annotator") or "export")
        names = [str(self._spec.answer)] if isinstance(self._spec.answer, str) else list(data)
        for key in names:
            value = data.get(key)
            if key in _OF_MIN:
                continue
            if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
                yield who, [{"type": _type_of(one), "value": one, **one} for one in value], False
            elif isinstance(self._spec.answer, str) or (
                isinstance(value, str) and key in ("label", "choice", "sentiment")
            ):
                yield who, [{"type": "choices", "value": {"choices": [value]}}], False
            elif isinstance(value, dict) and isinstance(value.get("choices"), list):
                yield who, [{"type": "choices", "value": value}], False


class _Said:
    """What has been said of one task."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], str] = {}
        self.expert: str | None = None

    def note(self, source: str, who: str, results: Any, right: bool) -> Iterator[Fault]:
        """Add one annotation. right: it is ground truth."""
        shapes: dict[str, list[Shape]] = {}
        plain: dict[str, str] = {}
        for one in results:
            for found in _read(source, one):
                if isinstance(found, Fault):
                    yield found
                elif isinstance(found, str):
                    plain[str(one.get("from_name") or one["type"])] = found
                else:
                    shapes.setdefault(found[0], []).append(found[1])
        answers = plain | {kind: shapes_text(kind, drawn) for kind, drawn in shapes.items()}
        for name, answer in answers.items():
            if right:
                self.expert = answer
                continue
            if (who, name) in self.answers:
                yield Fault(source, "repeated row", f"{who} has answered this task already: the last one counts")
            self.answers[who, name] = answer


def _annotations(task: dict[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    """(who, results, whether it is ground truth) of every annotation that was not skipped, then of predictions."""
    for one in task.get("annotations") or task.get("completions") or []:
        if not one.get("was_cancelled"):
            yield _person(one.get("completed_by")), one.get("result") or [], bool(one.get("ground_truth"))
    for one in task.get("predictions") or []:
        if isinstance(one, dict):  # exports may hold their ids alone
            yield str(one.get("model_version") or "predictions"), one.get("result") or [], False


def _person(who: Any) -> str:
    if isinstance(who, dict):
        return str(who.get("email") or who.get("username") or who.get("id"))
    return "unknown" if who is None else str(who)


def _read(source: str, one: dict[str, Any]) -> Iterator[str | tuple[str, Shape] | Fault]:
    """An answer in words, a shape with its kind, or what is wrong."""
    kind, value = str(one.get("type", "")), one.get("value") or {}
    labels = next((value[key] for key in value if key.endswith("labels") and value[key]), None)
    if kind == "choices":
        chosen = sorted(str(choice) for choice in value["choices"])
        yield chosen[0] if len(chosen) == 1 else "\n".join(chosen)
    elif kind == "textarea":
        yield "\n".join(map(str, value["text"])) if isinstance(value["text"], list) else str(value["text"])
    elif kind in ("number", "rating"):
        yield number_text(float(value[kind]))
    elif kind == "rectanglelabels" and labels:
        yield from _box(source, one, value, str(labels[0]))
    elif kind in ("labels", "hypertextlabels", "timeserieslabels", "timelinelabels") and labels:
        yield _stretch(kind, value, str(labels[0]))
    elif kind not in ("relation", "rectangle"):
        yield Fault(source, "result of another kind", kind or "no type")


def _stretch(kind: str, value: dict[str, Any], label: str) -> tuple[str, Shape]:
    """A span where its ends are numbers of characters, a segment where they are times."""
    start, end = float(value["start"]), float(value["end"])
    if kind in ("labels", "hypertextlabels") and "text" in value and "channel" not in value:
        return "spans", Span(label, int(start), int(end))
    return "segments", Segment(label, start, end)


def _box(source: str, one: dict[str, Any], value: dict[str, Any], label: str) -> Iterator[tuple[str, Shape] | Fault]:
    """Shares of a hundred of the picture's size, which stands beside them."""
    width, height = float(one["original_width"]), float(one["original_height"])
    x, y, w, h = (float(value[key]) / 100 for key in ("x", "y", "width", "height"))
    turned = float(value.get("rotation") or 0)
    if turned:
        yield "boxes", Box(label, x * width, y * height, w * width, h * height, turned)
        return
    edge = [min(max(round(at, 4), 0.0), end) if -0.5 < at < end + 0.5 else at for at, end in (
        (x * width, width), (y * height, height), ((x + w) * width, width), ((y + h) * height, height))]  # fmt: skip
    for found in sound(source, [Drawn(label, *edge)], width, height):
        yield found if isinstance(found, Fault) else ("boxes", found)


def _type_of(value: dict[str, Any]) -> str:
    return next((key for key in value if key.endswith("labels")), "choices" if "choices" in value else "")


def _address(value: str) -> str:
    """Where Label Studio keeps a file, as a path in the delivery."""
    if value.startswith("/data/local-files/?d="):
        return value.partition("?d=")[2]
    return value.removeprefix("/data/upload/").partition("?")[0] if value.startswith("/data/upload/") else value


def _is_address(value: str) -> bool:
    start = value[:2048]
    return start.startswith(("data:", "http://", "https://", "s3://", "/data/")) or (
        "." in start[-8:] and "\n" not in start and " " not in start.rpartition(".")[2]
    )


def _looks_like_it(source: Source, path: str) -> bool:
    """A list of tasks: with data and annotations, or, without their frame, with an annotator."""
    head = source.read(path, _HEAD_BYTES).lstrip()
    whole = b'"data"' in head and any(key in head for key in (b'"annotations"', b'"completions"', b'"predictions"'))
    return head[:1] == b"[" and (whole or (b'"annotation_id"' in head and b'"annotator"' in head))


def _tasks(source: Source, path: str) -> list[Any]:
    data = source.read(path, _MAX_JSON_BYTES)
    try:
        if len(data) > _MAX_JSON_BYTES:
            raise ValueError(f"it is larger than {_MAX_JSON_BYTES} bytes: export it in parts")
        found = json.loads(data)
        if not isinstance(found, list):
            raise ValueError("it is no list of tasks")
        return found
    except (ValueError, RecursionError) as error:
        raise DeliveryError(
            f"{source.url}/{path} is no export of Label Studio: {error}", remedy="export it again as JSON or JSON-MIN"
        ) from error
