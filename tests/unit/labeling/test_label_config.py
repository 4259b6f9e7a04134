"""labeling/config.py: a question that this version can ask, or an error that says what is wrong."""

import pytest

from labeling.config import LabelConfig
from lake.errors import SpecError
from tests.unit.labeling.made import BIRDS, birds


def test_a_question_is_read() -> None:
    config = birds()
    assert (config.control_name, config.object_name, config.object_tag) == ("bird", "text", "Text")
    assert config.value_key == "text"
    assert config.classes == ("sparrow", "麻雀", "other")  # an alias is what answers hold


def test_a_picture_is_read() -> None:
    config = LabelConfig.parse(BIRDS.replace("<Text", "<Image").replace("$text", "$image"), where="x")
    assert (config.object_tag, config.value_key) == ("Image", "image")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("</View>", '<Chat name="chat" value="$chat"/></View>', "<Chat> is not supported"),
        (
            "</View>",
            '<RectangleLabels name="r" toName="text"/></View>',
            "has 2 controls (<Choices>, <RectangleLabels>)",
        ),
        ("</View>", '<Choices name="c2" toName="text"/></View>', "has 2 controls (<Choices>, <Choices>)"),
        ("</View>", '<Label value="x"/></View>', "<Label> stands outside of <RectangleLabels>"),
        ("</View>", '<Relations><Relation value="of"/></Relations></View>', "<Relations> stands beside one <Labels>"),
        ('<Text name="text" value="$text"/>', "", "shows 0 objects, <Choices> needs 1 of <Image>"),
        ('<Text name="text"', '<List name="text"', "<Choices> is not supported about <List>"),
        ('choice="single"', 'choice="any"', 'choice="any"'),
        ('choice="single"', 'choice="single" perRegion="true"', "perRegion"),
        ('toName="text"', 'toName="image"', 'toName="image"'),
        ('name="bird" ', "", "has no name"),
        ('value="$text"', 'value="text"', "does not name one key"),
        ('value="$text"', 'value="$task_id"', "does not name one key"),
        ('<Choice value="sparrow"/>', '<Choice value="麻雀"/>', '"麻雀" is there twice'),
        ('<Choice value="sparrow"/>', '<Choice value="s"><Choice value="t"/></Choice>', "nested choices"),
        ('<Choice value="sparrow"/>', "<Choice/>", "has no value"),
        ('<Choice value="sparrow"/>\n    <Choice value="麻雀"/>', "", "1 choices, at least two"),
        ("<View>", "<!DOCTYPE x [<!ENTITY y 'z'>]><View>", "document types"),
    ],
)
def test_what_it_cannot_ask_is_named(old: str, new: str, says: str) -> None:
    assert old in BIRDS
    with pytest.raises(SpecError) as caught:
        LabelConfig.parse(BIRDS.replace(old, new), where="my/label_config.xml")
    assert says in caught.value.what
    assert "my/label_config.xml" in caught.value.what
    assert caught.value.remedy


def test_broken_xml_names_the_line() -> None:
    with pytest.raises(SpecError, match=r"x\.xml, line 9, column 3"):
        LabelConfig.parse(BIRDS.replace("</Choices>", ""), where="x.xml")


def test_the_schema_version_follows_meaning_and_not_layout() -> None:
    version = birds().schema_version("Look twice.")
    same = LabelConfig.parse(BIRDS.replace("\n", "\n  ").replace("<Header", "<!-- new --><Header"), where="x")
    other = LabelConfig.parse(BIRDS.replace("sparrow", "finch"), where="x")
    assert same.schema_version("Look twice.") == version
    assert other.schema_version("Look twice.") != version
    assert birds().schema_version("Look once.") != version
