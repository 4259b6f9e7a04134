"""How each data set of tests/shared_data.py comes in: the reader that a scenario names, and what has to come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Expected:
    """reader: the keys of `source.reader`. Counts are those of the data set's own README.

    answers: what annotators have said, by kind. faults: by reason.
    annotators: None where nobody has said anything. shapes: how many boxes or segments the answers hold in all.
    """

    modality: str
    reader: Mapping[str, Any]
    samples: int
    answers: Mapping[str, int] = field(default_factory=dict)
    shapes: int | None = None
    annotators: int | None = None
    experts: int = 0
    groups: int | None = None
    faults: Mapping[str, int] = field(default_factory=dict)
    left_out: str = ""  # what no general reader takes in, and why


SCENARIOS: dict[str, Expected] = {
    "bccd_blood_cells": Expected(
        "image", {"name": "voc"}, samples=364, answers={"boxes": 364}, annotators=1, faults={"box without extent": 2}
    ),
    "deeppcb_defects": Expected(
        "image",
        {
            "name": "files",
            "files": "*.jpg",
            "pattern": r"/(?P<group>\d+)_(?:test|temp)\.jpg$",
            "beside": [
                {
                    "files": "*_not/*.txt",
                    "item": "{stem}_test.jpg",
                    "header": False,
                    "delimiter": " ",
                    "boxes": {"left": 1, "top": 2, "right": 3, "bottom": 4, "label": 5},
                    "classes": ["background", "open", "short", "mousebite", "spur", "copper", "pin-hole"],
                }
            ],
        },
        samples=200,
        answers={"boxes": 100},
        shapes=695,
        annotators=1,
        groups=100,
    ),
    "cifar10n_1000": Expected(
        "image",
        {
            "name": "manifest",
            "files": "labels.csv",
            "media": "file",
            "answer": ["random_label1", "random_label2", "random_label3"],
            "expert": "clean_label",
            "classes": "classes.txt",
        },
        samples=1000,
        answers={"text": 3000},
        annotators=3,
        experts=1000,
    ),
    "crowd_bluebirds": Expected(
        "tabular",
        {
            "name": "table",
            "files": "labels.yaml",
            "header": False,
            "annotator": 1,
            "item": 2,
            "answer": 3,
            "gold": "gt.yaml",
        },
        samples=108,
        answers={"text": 4212},
        annotators=39,
        experts=108,
    ),
    "crowd_music_genre": Expected(
        "tabular",
        {"name": "table", "files": "MS.csv", "header": False, "annotator": 1, "item": 2, "answer": 3, "expert": 4},
        samples=700,
        answers={"text": 2945},
        annotators=44,
        experts=700,
    ),
    "crowd_weather_sentiment": Expected(
        "tabular",
        {"name": "table", "files": "*.csv", "header": False, "annotator": 1, "item": 2, "answer": 3, "expert": 4},
        samples=300,
        answers={"text": 7745},
        annotators=571,
        experts=300,
        faults={"repeated row": 5},
    ),
    "crowd_zencrowd_entity": Expected(
        "tabular",
        {"name": "table", "files": "*.csv", "header": False, "annotator": 1, "item": 2, "answer": 3, "expert": 4},
        samples=2040,
        answers={"text": 12190 + 11205 - 1035 - 710 - 1260},
        annotators=80,  # 19 people are in both files
        experts=2040,
        faults={"repeated row": 1035 + 710, "answered in two files": 1260},
    ),
    "crowd_hitspam": Expected(
        "tabular",
        {
            "name": "table",
            "files": "labels.txt",
            "header": False,
            "annotator": 1,
            "item": 2,
            "answer": 3,
            "gold": "gold.txt",
        },
        samples=5380,
        answers={"text": 38593},
        annotators=153,
        experts=100,
        # one more than its README counts, which leaves out the last line: it has no line end
        faults={"repeated row": 4168 + 1, "gold of no item": 1},
    ),
    "crowd_sentence_polarity": Expected(
        "text",
        {
            "name": "table",
            "files": "Sentiment_text_train.txt",
            "header": False,
            "delimiter": "",
            "text": 1,
            "matrix": "answers.txt",
            "gold": "Sentiment_Z_train.txt",
        },
        samples=4999,
        answers={"text": 27746},
        annotators=203,
        experts=4999,
    ),
    "crowd_opinion_zh": Expected(
        "text",
        {
            "name": "table",
            "files": "*.json",
            "item": "id",
            "text": "text",
            "spans": "annotations",
            "gold": "dev.json",
        },
        samples=803 + 8033,
        answers={"spans": 11124},
        annotators=70 + 1,
        experts=803,
        faults={"span outside the text": 349},  # -1 to -1 among the 6,590 spans of the crowd
    ),
    "crowd_speech_transcripts": Expected(
        "text",
        {
            "name": "table",
            "files": "*.tsv",
            "item": "INPUT:audio",
            "text": "INPUT:audio",
            "answer": "OUTPUT:transcription",
            "annotator": "ASSIGNMENT:worker_id",
            "gold": "crowdspeech-dev-clean-gt.txt",
        },
        samples=2703,
        answers={"text": 18921},
        annotators=748,
        experts=2703,
        left_out="its README counts lines; 680 transcripts hold line ends, in quotes, which are read as quotes here",
    ),
    "nab_timeseries_anomalies": Expected(
        "time_series",
        {
            "name": "csv_series",
            "files": "data/*.csv",
            "time": "timestamp",
            "beside": [
                {
                    "files": "labels/raw/??_labels_*.json",
                    "pattern": r"/(?P<annotator>[A-Z]{2})_labels",
                    "item": "{1}",
                    "header": False,
                    "points": 2,
                    "axis": "timestamp",
                    "label": "anomaly",
                },
                *(
                    {
                        "files": f"labels/{file}.json",
                        "item": "{1}",
                        "header": False,
                        form: 2,
                        "axis": "timestamp",
                        "label": "anomaly",
                        "right": True,
                    }
                    for file, form in (("raw/known_labels_v1.0", "points"), ("combined_windows", "windows"))
                ),
            ],
        },
        samples=37,
        answers={"segments": 90},
        annotators=3,
        experts=37,
    ),
    "tcpd_changepoints": Expected(
        "tabular",
        {
            "name": "files",
            "files": "datasets/*.json",
            "pattern": r"datasets/(?P<group>[^/]+)/",
            "beside": [
                {
                    "files": "annotations.json",
                    "item": "{1}.json",
                    "header": False,
                    "annotator": 2,
                    "points": 3,
                    "axis": "time.index",
                    "label": "change point",
                }
            ],
        },
        samples=22,
        answers={"segments": 22 * 5},
        annotators=8,
        groups=22,
        left_out="series stay JSON; the changes that four of them were made with stand in a README alone",
    ),
    "fsdd_spoken_digits": Expected(
        "audio",
        {"name": "files", "files": "*.wav", "pattern": r"(?P<answer>\d)_(?P<group>[a-z]+)_\d+\.wav$"},
        samples=800,
        answers={"text": 800},
        annotators=1,
        groups=4,
    ),
    "battery_nasa_pcoe": Expected(
        "time_series",
        {
            "name": "csv_series",
            "files": "discharge_csv/*.csv.gz",
            "pattern": r"(?P<group>B\d+)_discharge",
            "split_by": "cycle_number",
            "time": "time_s",
            "number": "capacity_ahr",
            "above": 0,
        },
        samples=1599,
        answers={"number": 1599 - 16},
        annotators=24,
        groups=24,
        faults={"capacity_ahr not above 0": 16},
        left_out="two .mat files (reader mat) and a table of capacities, which are deliveries of their own",
    ),
    "battery_severson_qv": Expected(
        "time_series",
        {
            "name": "csv_series",
            "files": "data/*/cell*.csv.gz",
            "header": False,
            "pattern": r"(?P<group>[^/]+/cell\d+)",
            "beside": [
                {
                    "files": "data/cycle_lives/*.csv",
                    "pattern": r"/(?P<part>[^/]+)_cycle_lives",
                    "item": "{part}/cell{line}.csv.gz",
                    "header": False,
                    "number": 1,
                    "above": 0,
                }
            ],
        },
        samples=84,
        answers={"number": 84},
        annotators=1,
        groups=84,
    ),
    "battery_hust_features": Expected(
        "tabular",
        {"name": "table", "files": "*.csv", "number": "capacity", "pattern": r"(?P<group>[\d-]+)\.csv$"},
        samples=13707,
        answers={"number": 13707},
        annotators=8,
        groups=8,
    ),
    "zh_hotel_reviews": Expected(
        "text",
        {"name": "table", "text": "review", "answer": "label"},
        samples=7766,
        answers={"text": 7766},
        annotators=1,
        faults={"empty text": 1},
    ),
    "zh_cluener_ner": Expected(
        "text",
        {"name": "table", "files": "*.json", "text": "text", "spans": "label"},
        samples=12091,
        answers={"spans": 12091},
        annotators=2,
    ),
    "zh_crosswoz_dialogues": Expected(
        "text",
        {"name": "table", "files": "*.json.zip", "text": "messages.content", "group": "key"},
        samples=1000,
        groups=1000,
    ),
    "video_sample_clips": Expected(
        "video",
        {"name": "files", "files": "*.m[kp][v4]", "pattern": r"asl_gestures/(?P<answer>\w+)\.mkv$"},
        samples=22,
        answers={"text": 20},
        annotators=1,
    ),
    "kitti_3frames": Expected(
        "point_cloud", {"name": "kitti"}, samples=3, answers={"solids": 3, "boxes": 3}, annotators=2
    ),
}
