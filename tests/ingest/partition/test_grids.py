import pytest

from ingest.partition import grids
from ingest.partition.grids import Cell, Item, cell_text, expanded, list_pieces, numeral, table_piece
from ingest.partition.layout import Piece
from rag.errors import DocumentError


def test_a_merged_cell_stands_in_every_place_that_it_covers() -> None:
    rows = [[Cell("a", 2), Cell("b", 1, 2)], [Cell("c"), Cell("d")]]
    assert expanded(rows) == [["a", "a", "b"], ["c", "d", "b"]]


def test_the_only_cell_of_a_row_stands_once() -> None:
    assert expanded([[Cell("Title", 5)], [Cell("a"), Cell("b")]]) == [["Title"], ["a", "b"]]


def test_a_span_that_no_table_has_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(expanded([[Cell("a", 10**9), Cell("b")]])[0]) == 1001
    monkeypatch.setattr(grids, "_MAX_CELLS", 5)
    with pytest.raises(DocumentError, match="more than 5 cells"):
        expanded([[Cell("a"), Cell("b"), Cell("c")]] * 2)


def test_a_table_of_one_cell_is_a_paragraph() -> None:
    assert table_piece([[Cell("Note: keep dry.")]], page=3) == Piece("paragraph", "Note: keep dry.", page=3)
    found = table_piece([[Cell("a"), Cell("b")], [Cell("1"), Cell("2")]], head=1)
    assert (found.kind, found.text, found.head) == ("table", "a | b\n1 | 2", 1)


def test_a_table_in_a_cell_keeps_its_rows_apart() -> None:
    inner = [Piece("paragraph", "Sizes:"), Piece("table", "a | b\nc | d")]
    assert cell_text(inner) == "Sizes: a, b; c, d"


def test_a_list_has_a_piece_for_every_outermost_item() -> None:
    items = [
        Item(0, "-", "pump"),
        Item(1, "a)", "oil"),
        Item(1, "", "more"),
        Item(0, "2.", "lamp"),
        Item(0, "", "goes on"),
        Item(0, "3.", " "),
    ]
    assert [piece.text for piece in list_pieces(items)] == ["pump\n   a) oil\n      more", "2. lamp\n   goes on"]
    assert {piece.kind for piece in list_pieces(items)} == {"list_item"}


@pytest.mark.parametrize(
    ("number", "style", "shown"),
    [
        (3, "1", "3"),
        (1, "a", "a"),
        (27, "A", "AA"),
        (702, "a", "zz"),
        (703, "a", "703"),
        (1994, "I", "MCMXCIV"),
        (4, "i", "iv"),
        (0, "i", "0"),
    ],
)
def test_a_number_as_a_list_shows_it(number: int, style: str, shown: str) -> None:
    assert numeral(number, style) == shown
