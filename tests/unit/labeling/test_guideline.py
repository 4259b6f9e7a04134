"""What annotators see of a guideline."""

import pytest

from labeling.guideline import to_html


def test_a_guideline_is_a_page() -> None:
    page = to_html(
        "# Birds\n\nA sparrow is *small* & brown.\n\n- **yes**: it flies\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    assert "<h3>Birds</h3>" in page
    assert "<em>small</em> &amp; brown" in page
    assert "<li><strong>yes</strong>: it flies</li>" in page
    assert "<td>2</td>" in page


def test_links_leave_the_task_where_it_is() -> None:
    assert '<a href="https://example.org/x" target="_blank" rel="noopener">' in to_html("[x](https://example.org/x)")


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))"]
)
def test_nothing_in_a_guideline_acts(hostile: str) -> None:
    page = to_html(hostile)
    assert "<script" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page
