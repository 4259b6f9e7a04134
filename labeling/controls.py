"""The controls of Label Studio that this version can ask with, and what each one's answers are."""

from dataclasses import dataclass

MEDIA = ("Image", "Text", "Audio", "Video", "TimeSeries")


@dataclass(frozen=True)
class Control:
    """One control tag."""

    kind: str  # of its answers, as lake.answers.kind_of names it
    objects: tuple[str, ...]  # tags of what it can be about
    options: str = ""  # tag of what annotators choose from, where the control lists it
    least: int = 0  # how many of those are needed
    num_objects: int = 1


CONTROLS = {
    "Choices": Control("text", MEDIA, "Choice", 2),  # with choice="multiple": classes
    "RectangleLabels": Control("boxes", ("Image",), "Label", 1),
    "PolygonLabels": Control("polygons", ("Image",), "Label", 1),
    "BrushLabels": Control("masks", ("Image",), "Label", 1),
    "KeyPointLabels": Control("keypoints", ("Image",), "Label", 1),
    "Labels": Control("spans", ("Text", "Audio"), "Label", 1),  # on <Audio>: segments
    "TimeSeriesLabels": Control("segments", ("TimeSeries",), "Label", 1),
    "TimelineLabels": Control("segments", ("Video",), "Label", 1),
    "TextArea": Control("text", MEDIA),
    "Ranker": Control("ranking", ("List",)),
    "Pairwise": Control("text", ("Image", "Text", "Audio", "Video"), num_objects=2),
    "Rating": Control("rating", MEDIA),
    "Number": Control("number", MEDIA),
}
OBJECTS = (*MEDIA, "List")
LAYOUT = ("View", "Header", "Style", "Collapse", "Panel")
PARTS = {  # tags that stand inside others only, and inside which
    "Choice": ("Choices",),
    "Label": tuple(tag for tag, control in CONTROLS.items() if control.options == "Label"),
    "Relation": ("Relations",),
    "Channel": ("TimeSeries",),
}
SUPPORTED = (
    f"one of {', '.join(f'<{tag}>' for tag in CONTROLS)} about one of {', '.join(f'<{tag}>' for tag in OBJECTS)} "
    f"(<Pairwise> about two), with <Relations> beside <Labels> on <Text>, "
    f'<Choices perRegion="true"> and <Number perRegion="true"> beside <KeyPointLabels>'
)
REMEDY = f"this version answers {SUPPORTED}, laid out with {', '.join(f'<{tag}>' for tag in LAYOUT)}"
