"""The guideline as annotators see it."""


def to_html(markdown: str) -> str:
    """Markdown (CommonMark with tables) as HTML; HTML in it is shown as the text that it is, links open apart.

    Headings begin at the third level: Label Studio puts the page into a window of its own that has a title.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("target", "_blank")
                child.attrSet("rel", "noopener")
    return str(parser.renderer.render(tokens, parser.options, {}))
