"""Pascal VOC: one XML file a picture, in Annotations/ beside JPEGImages/.

Source: Everingham et al., "The PASCAL Visual Object Classes Challenge", development kit 2012, section 4.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree import ElementTree

from lake.answers import Box
from lake.ingest.readers.paths import folder_names, is_document
from lake.ingest.readers.pictures import Drawn, said, sound
from lake.ingest.reading import Beside, Fault, Read, ReaderSpec, Sample, Source, medium

_MAX_XML_BYTES = 10_000_000
_BESIDE = ("ImageSets", "SegmentationClass", "SegmentationObject")


class Voc:
    """Every picture of JPEGImages/ is a sample; its boxes come from the XML file of the same name."""

    NAME = "voc"
    KEYS: frozenset[str] = frozenset()

    def __init__(self, spec: ReaderSpec) -> None:
        del spec

    def recognises(self, source: Source) -> bool:
        return {"JPEGImages", "Annotations"} <= folder_names(source.files())

    def read(self, source: Source) -> Iterator[Read]:
        xml = {_stem(file.path): file.path for file in source.files() if file.path.lower().endswith(".xml")}
        for file in source.files():
            if PurePosixPath(file.path).parent.name == "JPEGImages":
                yield from _sample(source, file.path, xml.pop(_stem(file.path), None))
            elif is_document(file.path) or any(name in PurePosixPath(file.path).parts for name in _BESIDE):
                yield Beside(file.path)
        for path in sorted(xml.values()):
            yield Beside(path)
            yield Fault(path, "picture missing", "there is no picture of this name")


def _sample(source: Source, picture: str, annotation: str | None) -> Iterator[Read]:
    if annotation is None:
        yield Sample(source=picture, parts=(medium(source, picture),))
        return
    yield Beside(annotation)
    boxes = list(_boxes(source, annotation))
    yield from (one for one in boxes if isinstance(one, Fault))
    good = [one for one in boxes if isinstance(one, Box)]
    unreadable = any(isinstance(one, Fault) and one.reason.startswith("annotation") for one in boxes)
    yield Sample(
        source=picture,
        parts=(medium(source, picture),),
        said=() if unreadable else (said("Annotations", good),),
    )


def _stem(path: str) -> tuple[str, str]:
    """A picture and its XML file have the folder above theirs and their name without its ending in common."""
    pure = PurePosixPath(path)
    return str(pure.parent.parent), pure.stem


def _boxes(source: Source, path: str) -> Iterator[Box | Fault]:
    data = source.read(path, _MAX_XML_BYTES)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or len(data) > _MAX_XML_BYTES:
        yield Fault(path, "annotation refused", "it declares entities, or is larger than 10 MB")
        return
    try:
        root = ElementTree.fromstring(data)
        drawn = [_drawn(one) for one in root.iter("object")]
        size = [float(root.findtext(f"size/{name}") or 0) or None for name in ("width", "height")]
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        yield Fault(path, "annotation unreadable", str(error))
        return
    yield from sound(path, drawn, size[0], size[1])


def _drawn(node: ElementTree.Element) -> Drawn:
    """VOC counts pixels from 1 and includes the last one; what tools write counts from 0: taken as it stands."""
    corners = [float(node.findtext(f"bndbox/{name}") or "nan") for name in ("xmin", "ymin", "xmax", "ymax")]
    return Drawn((node.findtext("name") or "").strip(), *corners)
