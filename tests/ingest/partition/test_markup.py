import pytest
from lxml import html

from ingest.partition.markup import flat_text, markup_pieces


def read(body: str) -> list[tuple[str, str]]:
    root = html.document_fromstring(f"<html><body>{body}</body></html>")
    return [(piece.kind, piece.text) for piece in markup_pieces(root) if piece.text.strip()]


@pytest.mark.parametrize(
    ("body", "pieces"),
    [
        ("<h2>Oil</h2><p>Use <b>5</b> l.</p>", [("heading", "Oil"), ("paragraph", "Use 5 l.")]),
        ("<div>a<div>b</div>c</div>", [("paragraph", "a"), ("paragraph", "b"), ("paragraph", "c")]),
        ("<p>one<br>two</p>", [("paragraph", "one two")]),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", [("list_item", "a\n   - b"), ("list_item", "c")]),
        ('<ol start="3" type="a"><li>x</li><li>y</li></ol>', [("list_item", "c. x"), ("list_item", "d. y")]),
        ("<pre>a\n  b\n</pre>", [("code", "a\n  b")]),
        ("<dl><dt>Oil</dt><dd>5 l</dd></dl>", [("list_item", "Oil: 5 l")]),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", [("table", "a | b\n1 | 2")]),
        ("<p>x<sup>2</sup> and H<sub>2</sub>O</p>", [("paragraph", "x^2 and H2O")]),
        ("<p>for <s>24</s> 36 months</p>", [("paragraph", "for ~~24~~ 36 months")]),
        ("<p>a<script>var x</script>b</p>", [("paragraph", "ab")]),
        ('<p><img alt="A red valve"></p>', [("paragraph", "[image: A red valve]")]),
    ],
)
def test_elements_become_pieces(body: str, pieces: list[tuple[str, str]]) -> None:
    assert read(body) == pieces


def test_a_table_that_only_places_things_is_no_table() -> None:
    found = read("<table><tr><td><h2>Left</h2><p>text</p></td><td><h2>Right</h2><p>more</p></td></tr></table>")
    assert "table" not in {kind for kind, _ in found} and ("heading", "Right") in found


def test_line_numbers_of_code_are_left_out() -> None:
    numbers = '<td class="linenos"><div class="linenodiv"><pre>1\n2</pre></div></td>'
    found = read(f"<table><tr>{numbers}<td><pre>a\nb</pre></td></tr></table>")
    assert found == [("code", "a\nb")]


def test_a_link_has_its_address_where_it_is_asked_for() -> None:
    link = html.fragment_fromstring('<p>See <a href="https://example.org/x">the  page</a>.</p>')
    assert flat_text(link) == "See the page."
    assert "https://example.org/x" in flat_text(link, has_links=True)
