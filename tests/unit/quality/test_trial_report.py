"""The report: everything is on it, nothing foreign can act on it."""

import json
from html.parser import HTMLParser

from quality.trial.compare import Judgement, verdict
from quality.trial.report import page, to_json
from quality.trial.runner import TrialResult, run_trial
from tests.unit.quality.trials import answered, cases, suite


class Tags(HTMLParser):
    """The tags of a page, checked to be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def trial() -> tuple[TrialResult, Judgement]:
    evil = "<script>alert('1')</script>"
    result = run_trial(cases([evil, "0", "0", "1"]), answered(["0", evil, "0", "1"]), suite(min_accuracy=0.9))
    return result, verdict(result, None, suite(min_accuracy=0.9), gate_passed=True, signed=True)


def test_the_page_is_whole_and_lets_no_foreign_tag_through() -> None:
    result, judgement = trial()
    text = page(result, judgement, title="digits/1 & <friends>")
    tags = Tags(text)
    assert tags.open == []
    assert {tag for tag, _ in tags.seen}.isdisjoint({"script", "link", "img", "iframe"})
    assert "&lt;script&gt;" in text
    assert "Verdict: reject" in text
    assert sum(tag == "svg" for tag, _ in tags.seen) == 1 + len(result.slices)
    assert "http" not in text


def test_a_long_list_of_failures_is_cut_on_the_page_but_not_in_the_data() -> None:
    result = run_trial(cases("0" * 300), answered("1" * 300), suite())
    judgement = verdict(result, None, suite(), gate_passed=True, signed=True)
    assert "And 100 more" in page(result, judgement, title="t")
    assert len(json.loads(to_json(result, judgement))["failures"]) == 300


def test_a_trial_without_failures_says_so() -> None:
    result = run_trial(cases("01"), answered("01"), suite())
    judgement = verdict(result, None, suite(), gate_passed=True, signed=True)
    assert "every case was answered right" in page(result, judgement, title="t")


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def test_the_data_is_strict_json_with_verdict_and_slices() -> None:
    result, judgement = trial()
    data = json.loads(to_json(result, judgement), parse_constant=refuse)
    assert data["suite"] == result.suite
    assert data["judgement"]["verdict"] == "reject"
    assert data["overall"]["accuracy"] == 0.5
    assert data["worst"]["name"] == "digit=0"
    assert [one["name"] for one in data["slices"]] == [one.name for one in result.slices]
