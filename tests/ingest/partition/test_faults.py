"""Files that broke the product once, each with its right result; the tests of their kinds are beside."""

from pathlib import Path

import pytest

from ingest.partition import partition_file
from ingest.partition.tables import TableMap
from ingest.sources import resolve
from rag.tables import names_of
from tests.ingest.office import html
from tests.ingest.sheet import texts

FAULTS = Path(__file__).parents[2] / "faults"


def read(name):
    return partition_file(FAULTS / name, name)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("csv_late_quotes/late.csv", ['900 | He said "stop, now" and left | bert']),
        ("csv_apostrophes/apos.csv", ["O'Neill | 'tis fine | Cork", "Smith | 'ok' | Dublin", "Jones | a, b | Sligo"]),
        ("tsv_inch_marks/parts.tsv", ['A1 | "3 inch | fits', 'A3 | 5" wide | third', "A4 | 6 | fourth"]),
        ("cells_with_bars/cables.docx", ["Cable A | USB-A \\| USB-C | 2 m", "Cable B | HDMI | 3 m"]),
        ("xlsx_blank_row_below_head/prices.xlsx", ["Bracket B21 | Supplier L | 21", "Hinge H41 | Supplier Q | 111"]),
        ("html_table_cells/matrix.html", ["Warden | opens the gate | Clerk", "Verbose | run --verbose"]),
    ],
)
def test_rows_of_tables(name, rows):
    lines = [line for table in texts(read(name), "table") for line in table.split("\n")]
    assert [row for row in rows if row not in lines] == []


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("csv_preamble/export.csv", ["Ticket | Priority | Owner | Days open"]),
        ("xlsx_blank_row_below_head/prices.xlsx", ["Article | Supplier | Unit price EUR"]),
        ("html_table_cells/matrix.html", ["Role | Duty | Deputy", "Setting | Command"]),
        ("tables_without_head/k4.docx", [None]),
        ("tables_without_head/router.csv", [None]),
    ],
)
def test_heads_of_tables(name, heads):
    document = read(name)
    found = [table.head for table in TableMap.of(document).parts]
    assert [head and document.text[head.span.start : head.span.end] for head in found] == heads


def test_two_tables_and_no_layout():
    assert len(texts(read("html_table_cells/matrix.html"), "table")) == 2


def test_the_date_of_mail_can_be_compared():
    metadata = read("eml_date_filter/newsletter.eml").metadata
    assert metadata["format"] == "eml" and "2024-01-01" < metadata["date"] < "2024-03-06"


def test_rows_beside_documents_and_rows_with_one_id(tmp_path):
    (tmp_path / "a.md").write_text("# A\n")
    (tmp_path / "tickets.jsonl").write_bytes((FAULTS / "top_level_jsonl" / "tickets.jsonl").read_bytes())
    found = resolve([str(tmp_path)])
    assert [item.doc_id for item in found.items] == ["a.md", "tickets.jsonl"] and not found.failures
    assert "T-1 | Printer jams on tray seven." in partition_file(tmp_path / "tickets.jsonl", "x").text
    found = resolve([str(FAULTS / "duplicate_row_ids" / "documents.jsonl")])
    broken = [(item.doc_id, str(item.error)) for item in found.items if item.error]
    assert broken == [("documents.jsonl:3", "doc_id r1 was used in line 1")]
    assert [item.doc_id for item in found.items if not item.error] == ["r1", "r2"] and not found.failures


# --- instruction lines, and heads of two rows -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("sep=;\nname;city;n\nAnn;Rome;1\n", "name | city | n\nAnn | Rome | 1"),
        ('sep=,\nname,note,n\nAnn,"a;b;c",1\n', "name | note | n\nAnn | a;b;c | 1"),
        ('"sep=\t"\nname\tcity\nAnn\tRome\n', "name | city\nAnn | Rome"),
        ("SEP=|,,\nname|city\nAnn|Rome\n", "name | city\nAnn | Rome"),
        ("sepal,width\n1,2\n", "sepal | width\n1 | 2"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_the_line_that_names_the_separator_is_no_text(tmp_path, source, text, suffix):
    (tmp_path / f"a{suffix}").write_text(source)
    assert partition_file(tmp_path / f"a{suffix}", "x").text == text


SPANNED = [["Unit", "2026", "", "2027", ""], ["", "Plan", "Real", "Plan", "Real"], ["Lab", "7", "9", "1", "2"]]
NAMES = ("Unit", "2026 Plan", "2026 Real", "2027 Plan", "2027 Real")


def names(document):
    (table,) = TableMap.of(document).parts
    return names_of(table.head)


def test_names_that_span_columns_stand_in_each(tmp_path):
    import openpyxl

    rows = [*SPANNED, ["Mill", "8", "3", "3", "4"]]
    for suffix, separator in ((".csv", ","), (".tsv", "\t")):
        (tmp_path / f"a{suffix}").write_text("\n".join(separator.join(row) for row in rows))
        assert names(partition_file(tmp_path / f"a{suffix}", "x")) == NAMES
    for merged in (False, True):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append([int(cell) if cell.isdecimal() and len(cell) < 4 else cell or None for cell in row])
        for cells in ("B1:C1", "D1:E1") if merged else ():
            book.active.merge_cells(cells)
        book.save(tmp_path / "a.xlsx")
        assert names(partition_file(tmp_path / "a.xlsx", "x")) == NAMES


@pytest.mark.parametrize("cell", ["th", "td"])
def test_heads_of_two_rows_in_html_and_slides(tmp_path, cell):
    head = "<tr><{0} rowspan=2>Unit</{0}><{0} colspan=2>2026</{0}></tr><tr><{0}>Plan</{0}><{0}>Real</{0}></tr>"
    body = "<tr><td>Lab</td><td>7</td><td>9</td></tr><tr><td>Mill</td><td>8</td><td>3</td></tr>"
    path = html(tmp_path, f"<table>{head.format(cell)}{body}</table>")
    assert names(partition_file(path, "x")) == ("Unit", "2026 Plan", "2026 Real")
    assert names(read("pptx_untitled_slide/budget.pptx")) == ("Unit", "2026 Plan", "2026 Real")


def test_a_gap_in_a_head_above_data_is_a_gap(tmp_path):
    (tmp_path / "a.csv").write_text("id,name,,n\n,x,y2,1\n1,a,b,2\n")
    assert partition_file(tmp_path / "a.csv", "x").text.startswith("id | name |  | n\n")
