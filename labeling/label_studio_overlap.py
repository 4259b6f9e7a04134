"""Tasks that a Label Studio project takes for finished though people are missing among their answers."""

from collections.abc import Mapping

from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import TaskRow, read_tasks


def reopen_short(api: LabelStudioApi, project: str, wanted: Mapping[str, int]) -> int:
    """Let tasks, by the server's id, be answered until `wanted` people have; returns how many were opened.

    The server counts answers: two of one person, or one that was sent in empty, fill the place of another. So
    the overlap grows by the places that are filled in vain.
    """
    num_opened = 0
    for key, people in sorted(wanted.items()):
        number = int(key)
        for task in read_tasks(api, project, full=True, after=number - 1, upto=number):
            missing = people - len(_voters(task))
            if missing > 0 and task.total_annotations >= task.overlap:
                api.patch(f"/api/tasks/{number}/", {"overlap": task.total_annotations + missing})
                num_opened += 1
    return num_opened


def _voters(task: TaskRow) -> set[int | None]:
    """Who gave an answer that counts."""
    return {one.completed_by for one in task.annotations if one.result and not one.was_cancelled}
