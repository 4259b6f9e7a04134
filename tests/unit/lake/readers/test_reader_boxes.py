"""Readers of pictures with boxes, and of KITTI's frames."""

import io
import json
import struct
from pathlib import Path

import pytest
from PIL import Image

from lake.answers import Keypoints, Polygon
from lake.errors import DeliveryError
from tests.unit.lake.readers.reading import drawn, see_files
from tests.unit.lake.samples import encoded, picture, png

JPEG = encoded(picture(1, (40, 30)), "JPEG")


def voc(*objects: tuple[str, int, int, int, int]) -> str:
    boxes = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox>"
        "</object>"
        for name, a, b, c, d in objects
    )
    return f"<annotation><size><width>40</width><height>30</height></size>{boxes}</annotation>"


def test_voc_boxes_come_with_their_pictures_and_impossible_ones_are_reported(tmp_path: Path) -> None:
    files = {
        "B/JPEGImages/a.jpg": JPEG,
        "B/JPEGImages/b.jpg": JPEG,
        "B/Annotations/a.xml": voc(("cell", 1, 2, 10, 20), ("cell", 5, 5, 5, 9), ("cell", 0, 0, 41, 9)),
        "B/Annotations/gone.xml": voc(),
        "B/ImageSets/Main/train.txt": "a\n",
        "LICENSE": "MIT",
        "B/other.exe": b"MZ",
    }
    seen = see_files(tmp_path, files)
    assert seen.reader == "voc"
    first, second = seen.samples
    assert [(box.label, box.x, box.y, box.width, box.height) for box in drawn(first)] == [("cell", 1, 2, 9, 18)]
    assert (first.said[0].annotator, second.said) == ("Annotations", ())
    assert [reason for _, reason in seen.faults] == ["box without extent", "box outside the picture", "picture missing"]
    assert seen.unnamed == {"B/other.exe"}


@pytest.mark.parametrize("text", ["<annotation>", '<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "<a><object/></b>"])
def test_a_voc_file_that_cannot_be_read_leaves_its_picture_unlabelled(tmp_path: Path, text: str) -> None:
    seen = see_files(tmp_path, {"JPEGImages/a.jpg": JPEG, "Annotations/a.xml": text})
    assert [one.said for one in seen.samples] == [()]
    assert len(seen.faults) == 1


def coco(**changes: object) -> str:
    whole = {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 40, "height": 30},
            {"id": 2, "file_name": "gone.jpg", "width": 40, "height": 30},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1.1, 2, 9.7, 18]},
            {"id": 2, "image_id": 1, "category_id": 3, "bbox": [30, 2, 20, 18]},
            {"id": 3, "image_id": 9, "category_id": 3, "bbox": [1, 2, 9, 18]},
            {"id": 4, "image_id": 1, "category_id": 8, "bbox": [1, 2, 9, 18]},
            {"id": 5, "image_id": 1, "category_id": 3, "segmentation": []},
        ],
        "categories": [{"id": 3, "name": "cat"}],
    }
    return json.dumps(whole | changes)


def test_coco_boxes_come_with_the_pictures_that_are_there(tmp_path: Path) -> None:
    seen = see_files(tmp_path, {"annotations/train.json": coco(), "train/a.jpg": JPEG, "train/extra.jpg": JPEG})
    assert seen.reader == "coco"
    (sample,) = seen.samples
    assert [(box.label, box.x, box.width) for box in drawn(sample)] == [("cat", 1.1, 9.7)]
    assert sample.said[0].annotator == "annotations/train.json"
    assert sorted(reason for _, reason in seen.faults) == [
        "annotation of no category",
        "annotation of no picture",
        "annotation without a box",
        "box outside the picture",
        "picture missing",
    ]
    assert seen.unnamed == {"train/extra.jpg"}


def test_two_coco_files_of_one_picture_are_two_annotators(tmp_path: Path) -> None:
    seen = see_files(tmp_path, {"ann.json": coco(), "bob.json": coco(annotations=[]), "a.jpg": JPEG})
    assert [(said.annotator, said.answer != '{"boxes":[]}') for said in seen.samples[0].said] == [
        ("ann.json", True),
        ("bob.json", False),
    ]


OUTLINES = [
    {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [[1, 2, 9, 2, 9, 20.5], [20, 20, 30, 20, 30, 30]]},
    {"id": 2, "image_id": 1, "category_id": 3, "segmentation": {"counts": [1], "size": [30, 40]}},
    {"id": 3, "image_id": 1, "category_id": 3, "segmentation": [[1, 2, 9, 2]]},
    {"id": 4, "image_id": 1, "category_id": 3, "segmentation": [[1, 2, 9, 2, 41, 20]]},
    {"id": 5, "image_id": 1, "category_id": 3, "segmentation": [[1, 2, 9, 2, 12, 2]]},
]


def test_coco_polygons_come_where_they_are_asked_for_and_run_lengths_stay_out(tmp_path: Path) -> None:
    seen = see_files(tmp_path, {"c.json": coco(annotations=OUTLINES), "a.jpg": JPEG}, name="coco", shapes="polygons")
    (shape,) = drawn(seen.samples[0], "polygons")
    assert shape == Polygon("cat", ((1, 2, 9, 2, 9, 20.5), (20, 20, 30, 20, 30, 30)))
    assert [reason for _, reason in seen.faults] == [
        "mask without a polygon",
        "annotation without a polygon",
        "polygon outside the picture",
        "polygon without extent",
        "picture missing",
    ]


def test_coco_keypoints_come_with_their_names_and_unmarked_ones_stay_out(tmp_path: Path) -> None:
    values = [[5, 6, 2, 0, 0, 0, 7, 8, 1], [5, 6, 2], [0] * 9, [5, 6, 2, 50, 6, 2, 0, 0, 0]]
    marked = [{"id": n, "image_id": 1, "category_id": 3, "keypoints": one} for n, one in enumerate(values)]
    categories = [{"id": 3, "name": "人", "keypoints": ["nose", "eye", "ear"]}]
    files = {"c.json": coco(annotations=marked, categories=categories), "a.jpg": JPEG}
    seen = see_files(tmp_path, files, name="coco", shapes="keypoints")
    assert drawn(seen.samples[0], "keypoints") == [Keypoints("人", (("nose", 5, 6, True), ("ear", 7, 8, False)))]
    assert [reason for _, reason in seen.faults] == [
        *["annotation without keypoints"] * 2,
        "keypoint outside the picture",
        "picture missing",
    ]


@pytest.mark.parametrize("changes", [{"images": 5}, {"images": [{"id": []}]}, {"annotations": [{"id": 1}]}])
def test_a_coco_file_that_is_none_is_named(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(DeliveryError, match=r"c\.json is no COCO file"):
        see_files(tmp_path, {"c.json": coco(**changes), "a.jpg": JPEG}, name="coco")


def test_yolo_shares_become_pixels(tmp_path: Path) -> None:
    files = {
        "data.yaml": "names: {0: cat, 1: dog}\n",
        "images/train/a.jpg": JPEG,
        "images/train/b.jpg": JPEG,
        "labels/train/a.txt": "1 0.5 0.5 0.5 1\n0 0.9 0.5 0.5 1\n7 0.5 0.5 0.1 0.1\nx\n",
        "labels/train/gone.txt": "0 0.5 0.5 1 1\n",
        "train.txt": "images/train/a.jpg\n",
    }
    seen = see_files(tmp_path, files)
    assert seen.reader == "yolo"
    first, second = seen.samples
    assert [(box.label, box.x, box.y, box.width, box.height) for box in drawn(first)] == [("dog", 10, 0, 20, 30)]
    assert second.said == ()
    assert [reason for _, reason in seen.faults] == [
        "box outside the picture",
        "annotation unreadable",
        "annotation unreadable",
        "picture missing",
    ]
    assert seen.unnamed == set()


CALIB = (
    "R0_rect: 1 0 0 0 1 0 0 0 1\n"
    "Tr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n"  # x ahead, y left, z up -> x right, y down, z ahead
)
LABELS = (
    "Car 0 0 0 5 5 20 25 1.5 1.6 4 2 1.7 10 -1.570796\nDontCare -1 -1 -10 1 1 2 2 -1 -1 -1 -1000 -1000 -1000 -10\nodd\n"
)


def test_a_kitti_frame_is_one_sample_of_scan_and_picture(tmp_path: Path) -> None:
    files = {
        "training/velodyne/0.bin": struct.pack("<4f", 1, 2, 3, 0.5),
        "training/image_2/0.png": png(1),
        "training/label_2/0.txt": LABELS,
        "training/calib/0.txt": CALIB,
        "training/image_2/1.png": png(2),
    }
    seen = see_files(tmp_path, files)
    assert seen.reader == "kitti"
    (sample,) = seen.samples
    assert [(part.name, part.file) for part in sample.parts] == [
        ("", "training/velodyne/0.bin"),
        ("image_2", "training/image_2/0.png"),
    ]
    (solid,) = drawn(sample, "solids")
    assert (solid.label, solid.x, solid.y, solid.z) == ("Car", 10, -2, -1.7)
    assert (solid.length, solid.width, solid.height) == (4, 1.6, 1.5)
    assert abs(solid.yaw) < 1e-5  # turned by -90 degrees about the camera's axis: it looks ahead
    assert [(box.x, box.width) for box in drawn(sample)] == [(5, 15)]
    assert [reason for _, reason in seen.faults] == ["annotation unreadable", "frame without a scan"]
    assert seen.unnamed == {"training/image_2/1.png"}


def test_a_picture_that_cannot_be_opened_is_left_to_quarantine(tmp_path: Path) -> None:
    files = {"classes.txt": "cat\n", "images/a.jpg": b"no picture", "labels/a.txt": "0 0.5 0.5 1 1\n"}
    seen = see_files(tmp_path, files)
    assert [(one.source, one.said) for one in seen.samples] == [("images/a.jpg", ())]
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(io.BytesIO(seen.data()["images/a.jpg"][0]))
