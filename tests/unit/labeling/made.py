"""Records and questions for the tests of this folder."""

import datetime as dt

from labeling.config import LabelConfig
from labeling.platform import PlatformTask
from lake.records import Annotation, Reason, Task

NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
BIRDS = """<View>
  <Header value="Which bird?"/>
  <Text name="text" value="$text"/>
  <Choices name="bird" toName="text" choice="single">
    <Choice value="sparrow"/>
    <Choice value="麻雀"/>
    <Choice value="Other bird" alias="other"/>
  </Choices>
</View>"""


def birds() -> LabelConfig:
    """A question about a text with three classes."""
    return LabelConfig.parse(BIRDS, where="birds.xml")


def annotation(
    item: str, annotator: str, answer: str, *, number: int = 1, minute: int = 0, cancelled: bool = False
) -> Annotation:
    """One vote; `number` is the platform's id, `minute` when it was last changed."""
    return Annotation(
        annotation_id=str(number),
        updated_at=NOON + dt.timedelta(minutes=minute),
        task_id=f"task {item}",
        item_id=item,
        annotator=annotator,
        answer="" if cancelled else answer,
        lead_time_s=2.0,
        guideline_version="g1",
        cancelled=cancelled,
        gold=False,
    )


def platform_task(name: str, *, overlap: int = 2, reason: Reason = "new", priority: float = 0.5) -> PlatformTask:
    """A task named `name` about the item "item <name>"."""
    task = Task(
        task_id=name,
        scenario="birds",
        item_id=f"item {name}",
        guideline_version="g1",
        batch="b1",
        overlap=overlap,
        priority=priority,
        reason=reason,
    )
    return PlatformTask(task, f"What is {name}?")
