"""Numbers of sheets as they are shown, and as they are where their format is not understood."""

from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.partition.sheet_format import shown
from tests.ingest.office import text_of

FAULT = Path(__file__).parents[2] / "faults" / "xlsx_number_formats" / "formats.xlsx"
CONDITIONS = '[>=1000000]0.0,,"M";[>=1000]0.0,"K";0'
ACCOUNTS = '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)'


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (2500, CONDITIONS, "2.5K"),
        (12, CONDITIONS, "12"),
        (3_400_000, CONDITIONS, "3.4M"),
        (2500, '[<1000]0;[<1000000]0.0,"k";0.0,,"m"', "2.5k"),
        (-7, '[<0]"minus "0;0', "minus 7"),
        (2.25, "# ?/?", "2 1/4"),
        (0.5, "# ??/??", "1/2"),
        (0.75, "# ?/8", "6/8"),
        (2.0, "# ?/?", "2"),
        (2.25, "?/?", "9/4"),
        (-2.5, "# ?/2", "-2 1/2"),
        (5.375, '# ??/16" in"', "5 6/16 in"),
        (0.999, "# ?/?", "1"),
        (0, ACCOUNTS, "-"),
        (-1234.5, ACCOUNTS, "(1,234.50)"),
        (4512345678, '00" "00" "00" "00" "00', "45 12 34 56 78"),
        (123456789, "000-00-0000", "123-45-6789"),
        (5551234567, "(000) 000-0000", "(555) 123-4567"),
        (15551234567, "(000) 000-0000", "(1555) 123-4567"),
        (1234, "00\\.00", "12.34"),
        (42, '"P-"00000', "P-00042"),
        (0, "0;-0;;@", ""),
        (5, "0;-0;;@", "5"),
        (12345.678, "##0.0E+0", "12.3E+3"),
        (6.02e23, "0.00E+00", "6.02E+23"),
        (0.5, ".00", ".50"),
        (7, 'General" kg"', "7 kg"),
        ("17", '"Nr. "@', "Nr. 17"),
        ("00123", "@", "00123"),
        (1234567, "#,##0,", "1,235"),
    ],
)
def test_numbers_in_their_formats(value, form, text):
    assert shown(value, form) == text


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (2500, '0.0,,"M"', "2500"),
        (40, '0,"k"', "40"),
        (0.01, "# ?/8", "0.01"),
        (5, "yyyy-mm-dd", "5"),
        (7, "0 days", "7"),
        (-3, "[>5]0", "-3"),
        (0.25, "?/00?00000000", "0.25"),
        (float("inf"), "0.00", "inf"),
        (4006381333931.0, "General", "4006381333931"),
    ],
)
def test_the_number_itself_where_its_format_says_less(value, form, text):
    assert shown(value, form) == text


@given(
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    st.text('0#?.,%/;E+-"[]<>=1K@_*\\() $', max_size=20),
)
def test_any_format_gives_a_line_and_no_placeholders_for_a_number(value, form):
    text = shown(value, form)
    assert "\n" not in text
    assert shown(12, "# ?/?") == "12"


@given(st.integers(0, 10**12))
def test_digits_between_literals_are_the_number(value):
    assert int(shown(value, '00"-"00"-"000').replace("-", "")) == value


def test_fault_xlsx_number_formats():
    rows = dict(line.split(" | ", 1) for line in text_of(FAULT).splitlines() if " | " in line)
    wanted = {
        "cond small": "2.5K", "cond tiny": "12", "cond big": "3.4M", "fraction": "2 1/4", "fraction half": "1/2",
        "inch": "6/8", "acct zero": "-", "phone": "45 12 34 56 78", "ssn": "123-45-6789", "phone2": "(555) 123-4567",
        "text fmt": "00123", "big int": "4006381333931",
    }  # fmt: skip
    assert {key: rows[key] for key in wanted} == wanted
    assert "hide zero" in text_of(FAULT) and "hide zero" not in rows


def test_formats_in_a_file_of_our_own(tmp_path):
    book = openpyxl.Workbook()
    for row, (value, form) in enumerate(
        [(1800, '[<1000]0" g";0.0," kg"'), (1.5, "# ?/?"), (99, '0.0,,,"bn"')], start=1
    ):
        book.active.cell(row, 1, f"r{row}")
        book.active.cell(row, 2, value).number_format = form
    book.save(tmp_path / "a.xlsx")
    assert "r1 | 1.8 kg\nr2 | 1 1/2\nr3 | 99" in text_of(tmp_path / "a.xlsx")
