"""Every data set of the shared folder is read with the counts of its README."""

import pytest

from lake.ingest.describe import describe
from lake.ingest.readers import reader_for
from lake.ingest.reading import ReaderSpec
from lake.ingest.sources import open_source
from tests.shared_data import data_set
from tests.shared_scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_real_data_set_is_read_with_the_counts_of_its_readme(name: str) -> None:
    expected, source = SCENARIOS[name], open_source(data_set(name))
    found = describe(source, reader_for(source, ReaderSpec(**expected.reader)))
    assert found.samples == expected.samples
    assert found.answers == expected.answers
    if expected.shapes is not None:
        assert sum(found.shapes.values()) == expected.shapes
    assert len(found.annotators) == (expected.annotators or 0)
    assert found.experts == expected.experts
    assert found.faults == expected.faults
    assert found.unread == {}
    assert found.groups == (expected.groups or 0)


def test_both_full_cells_of_matlab_come_in_operation_by_operation() -> None:
    source = open_source(data_set("battery_nasa_pcoe") / "mat")
    found = describe(source, reader_for(source, ReaderSpec(name="mat", number="Capacity", above=0)))
    assert (found.samples, found.groups, found.answers) == (264, 2, {"number": 97})
    assert found.faults == {"Capacity not above 0": 3}


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("bccd_blood_cells", "voc"),
        ("kitti_3frames", "kitti"),
        ("cifar10n_1000", "manifest"),
        ("zh_hotel_reviews", "table"),
    ],
)
def test_a_real_data_set_is_recognised(name: str, reader: str) -> None:
    assert reader == reader_for(open_source(data_set(name)), None).NAME
