import pytest
from lxml import etree

from ingest.partition.odt_numbers import Level, Numbers

SPACES = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("text", "style"))


def read(styles: str) -> Numbers:
    numbers = Numbers()
    numbers.read(etree.fromstring(f"<styles {SPACES}>{styles}</styles>"))
    return numbers


def level(depth: int, form: str, more: str = "") -> str:
    return f'<text:list-level-style-number text:level="{depth}" style:num-format="{form}" {more}/>'


def test_the_numbers_of_the_depths_above_are_shown_where_the_style_asks_for_them() -> None:
    styles = level(1, "1") + level(2, "a", 'text:display-levels="2" style:num-suffix=")"')
    numbers = read(f'<text:list-style style:name="L">{styles}</text:list-style>')
    assert numbers.of_list("L", 0, {0: 3}) == "3."
    assert numbers.of_list("L", 1, {0: 3, 1: 2}) == "3.b)"
    assert numbers.level("L", 1).form == "a" and numbers.level("unknown", 0) == Level()


def test_newer_files_write_the_whole_pattern() -> None:
    pattern = level(1, "I", 'style:num-list-format="Art. %1% –"')
    numbers = read(f'<text:list-style style:name="L">{pattern}</text:list-style>')
    assert numbers.of_list("L", 0, {0: 4}) == "Art. IV –"


def test_headings_count_below_each_other_and_begin_anew() -> None:
    outline = "".join(
        f'<text:outline-level-style text:level="{depth}" style:num-format="1" text:display-levels="{depth}"/>'
        for depth in (1, 2)
    )
    numbers = read(f"<text:outline-style>{outline}</text:outline-style>")
    asked = [(0, None), (1, None), (1, None), (0, None), (1, None), (1, 7), (5, None)]
    assert [numbers.of_heading(*each) for each in asked] == ["1.", "1.1.", "1.2.", "2.", "2.1.", "2.7.", ""]


@pytest.mark.parametrize(
    ("form", "doubles", "number", "shown"),
    [
        ("1st", False, 2, "2nd"),
        ("01", False, 3, "03"),
        ("a", False, 28, "ab"),
        ("a", True, 28, "bb"),
        ("", False, 3, "3"),
    ],
)
def test_a_number_in_the_form_of_its_depth(form: str, doubles: bool, number: int, shown: str) -> None:
    assert Level(form, doubles=doubles).numeral(number) == shown


def test_a_start_that_is_no_number_is_one() -> None:
    starts = level(1, "1", 'text:start-value="x"') + level(2, "1", 'text:start-value="5"')
    numbers = read(f'<text:list-style style:name="L">{starts}</text:list-style>')
    assert (numbers.level("L", 0).start, numbers.level("L", 1).start) == (1, 5)
