"""A scenario's files are read strictly; what is wrong is named with file, line and key."""

import shutil
from pathlib import Path

import pytest

from assets.scenario import BUILT_IN, find_scenarios, json_schema, load_scenario, open_scenario
from labeling import templates
from lake.errors import NotFound, SpecError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the built-in scenario, to be spoiled."""
    return Path(shutil.copytree(BUILT_IN / "digits", tmp_path / "digits"))


def spoil(folder: Path, file: str, old: str, new: str) -> int:
    """Replace a text in a file; returns the line it stood on."""
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def test_built_in_scenarios_are_good() -> None:
    for name, path in find_scenarios([]).items():
        assert load_scenario(path).name == name


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("overlap: 3", "overlap: 0", "labeling.overlap"),
        ("overlap: 3", "overlop: 3", "labeling.overlap"),
        ("min_posterior: 0.7", "min_posterior: 0.2", "labeling.consensus.min_posterior"),
        ("epochs: 20", 'epochs: "many"', "training.epochs"),
        ("modality: image", "modality: smell", "modality"),
        ("mostly: 1.0", "mostly: 2.0", "quality.ranges.0.mostly"),
    ],
)
def test_a_wrong_value_is_named_with_file_line_and_key(folder: Path, old: str, new: str, key: str) -> None:
    line = spoil(folder, "scenario.yaml", old, new)
    with pytest.raises(SpecError) as caught:
        load_scenario(folder)
    file, number, rest = str(caught.value).split(":", 2)
    assert file.endswith("scenario.yaml")
    assert key in rest
    assert "to mend it" in rest
    if "overlop" not in new:
        assert int(number) == line


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (
            "scenario.yaml",
            "probe_width",
            "probe_width_cm",
            "quality.ranges.0.probe: probe_width_cm is not measured on image",
        ),
        ("scenario.yaml", "probe_width", "probe_phash", "quality.ranges.0.probe: probe_phash is no number"),
        ("scenario.yaml", "overlap: 3", "overlap: true", "labeling.overlap: Value error, true is neither a number nor"),
        ("scenario.yaml", "title: Handwritten digits", "title: yes", "title: Value error, true is neither"),
        ("suite.yaml", "by: probe_", "by: probe_no_", "slices."),
    ],
)
def test_what_the_modality_does_not_have_is_named_by_its_line(
    folder: Path, file: str, old: str, new: str, says: str
) -> None:
    line = spoil(folder, file, old, new)
    with pytest.raises(SpecError) as caught:
        load_scenario(folder)
    assert f"{file}:{line}: {says}" in str(caught.value)


def test_an_empty_guideline_is_said_so(folder: Path) -> None:
    (folder / "guideline.md").write_text(" \n")
    with pytest.raises(SpecError, match=r"guideline\.md is empty"):
        load_scenario(folder)


def test_an_unknown_key_is_refused(folder: Path) -> None:
    line = spoil(folder, "scenario.yaml", "freshness_days: 30", "freshness_days: 30\nfreshnes: 4")
    with pytest.raises(SpecError, match=rf"scenario\.yaml:{line + 1}: freshnes: .*\n.*spelling"):
        load_scenario(folder)


def test_a_key_that_stands_twice_is_refused(folder: Path) -> None:
    spoil(folder, "scenario.yaml", "  overlap: 3", "  overlap: 3\n  overlap: 5")
    with pytest.raises(SpecError, match="overlap stands twice"):
        load_scenario(folder)


def test_what_is_not_yaml_is_refused_with_its_line(folder: Path) -> None:
    (folder / "suite.yaml").write_text("name: [\nmetric: accuracy\n")
    with pytest.raises(SpecError, match=r"suite\.yaml:\d+: not YAML"):
        load_scenario(folder)


@pytest.mark.parametrize("file", ["scenario.yaml", "label_config.xml", "guideline.md", "suite.yaml"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(SpecError, match=rf"{file} is not there"):
        load_scenario(folder)


@pytest.mark.parametrize("name", ["image-boxes", "image-classes", "image-number"])
def test_a_question_that_the_loop_cannot_carry_is_refused(folder: Path, name: str) -> None:
    (folder / "label_config.xml").write_text(templates.read(name))
    with pytest.raises(SpecError, match="which the loop has no consensus and no model for yet"):
        load_scenario(folder)


def test_files_that_disagree_are_refused(folder: Path) -> None:
    spoil(folder, "scenario.yaml", "recipe: image_classifier", "recipe: text_classifier")
    with pytest.raises(SpecError, match="does not learn from image"):
        load_scenario(folder)
    other = folder.rename(folder.with_name("other"))
    with pytest.raises(SpecError, match="give both the same name"):
        load_scenario(other)


def test_the_guideline_changes_its_version(folder: Path) -> None:
    before = load_scenario(folder).guideline_version
    (folder / "guideline.md").write_text("Choose well.\n")
    assert load_scenario(folder).guideline_version != before


def test_own_scenarios_are_found_and_unknown_ones_named(folder: Path) -> None:
    assert open_scenario("digits", [folder.parent]).folder == folder
    assert open_scenario(str(folder), []).folder == folder
    with pytest.raises(NotFound, match="known are digits"):
        open_scenario("cats", [])


def test_the_json_schema_names_every_key() -> None:
    schema = json_schema()
    assert {"source", "labeling", "quality", "training"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
