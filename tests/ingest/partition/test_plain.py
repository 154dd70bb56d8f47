from pathlib import Path

from ingest.partition.layout import Content
from ingest.partition.plain import markdown_pieces, paragraphs, partition_markdown, partition_text

MARKDOWN = """---
title: Pumps
tags: oil, belts
---
# The `pump` {#p}

Oil it. It is
*old*.

- belt
- lamp

| a | b |
|---|---|
| 1 | 2 |

```
code
```
"""


def blocks(content: Content) -> list[tuple[str, str]]:
    return [(block.kind, content.text[block.span.start : block.span.end]) for block in content.blocks]


def test_the_clean_text_of_markdown_is_the_file_and_offsets_hold(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbf" + MARKDOWN.replace("\n", "\r\n").encode())
    content = partition_markdown(tmp_path / "a.md")
    assert content.text == MARKDOWN
    assert blocks(content) == [
        ("front_matter", "---\ntitle: Pumps\ntags: oil, belts\n---"),
        ("heading", "# The `pump` {#p}"),
        ("paragraph", "Oil it. It is\n*old*."),
        ("list_item", "- belt"),
        ("list_item", "- lamp"),
        ("table", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("code", "```\ncode\n```"),
    ]
    assert (content.title, content.explicit_title, content.metadata) == ("Pumps", True, {"tags": ("oil", "belts")})
    assert content.blocks[1].headings == ("The pump",) and content.blocks[2].headings == ("The pump",)


def test_paragraphs_of_plain_text_end_at_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("  one\ntwo\n \t\nthree\n\n\n")
    assert blocks(partition_text(tmp_path / "a.txt")) == [("paragraph", "one\ntwo"), ("paragraph", "three")]
    assert [block.span.start for block in paragraphs("skipped\n\nkept", 7)] == [9]


def test_markdown_inside_another_file_is_pieces() -> None:
    pieces = list(markdown_pieces("## Oil *now*\n\nText."))
    assert [(piece.kind, piece.text, piece.level) for piece in pieces] == [
        ("heading", "Oil now", 2),
        ("paragraph", "Text.", 0),
    ]
