from lxml import etree

from ingest.partition.docx_styles import ParagraphStyle, Styles
from tests.ingest.office import DOCX_SPACES

SHEET = """
<w:style w:type="paragraph" w:default="1" w:styleId="N"><w:name w:val="Normal"/></w:style>
<w:style w:type="paragraph" w:styleId="H"><w:name w:val="heading 2"/><w:basedOn w:val="N"/></w:style>
<w:style w:type="paragraph" w:styleId="Own"><w:name w:val="My head"/><w:basedOn w:val="H"/></w:style>
<w:style w:type="paragraph" w:styleId="T"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="C"><w:name w:val="Source Code"/></w:style>
<w:style w:type="paragraph" w:styleId="B"><w:name w:val="List Bullet 2"/></w:style>
<w:style w:type="paragraph" w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style>
"""
NUMBERS = """
<w:abstractNum w:abstractNumId="0">
  <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
  <w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>
  <w:lvl w:ilvl="2"><w:numFmt w:val="bullet"/><w:lvlText w:val="•"/></w:lvl>
</w:abstractNum>
<w:num w:numId="7"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="8"><w:abstractNumId w:val="0"/>
  <w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride></w:num>
"""


def xml(name: str, body: str) -> etree._Element:
    return etree.fromstring(f"<w:{name} {DOCX_SPACES}>{body}</w:{name}>")


def sheet() -> Styles:
    return Styles.of(xml("styles", SHEET), xml("numbering", NUMBERS))


def paragraph(properties: str) -> etree._Element:
    return xml("p", f"<w:pPr>{properties}</w:pPr>")


def styled(key: str) -> ParagraphStyle:
    return sheet().of_paragraph(paragraph(f'<w:pStyle w:val="{key}"/>'))


def item(depth: int, numbering: int = 7) -> etree._Element:
    return paragraph(f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{numbering}"/></w:numPr>')


def test_a_heading_is_told_by_its_name_or_that_of_a_style_it_is_based_on() -> None:
    assert [styled(key).level for key in ("H", "Own", "T", "N", "Loop", "unknown")] == [2, 2, 1, 0, 0, 0]
    assert sheet().of_paragraph(paragraph('<w:outlineLvl w:val="3"/>')).level == 4
    assert sheet().of_paragraph(paragraph('<w:outlineLvl w:val="9"/>')).level == 0


def test_code_and_bullets_are_told_by_their_names() -> None:
    assert styled("C").is_code and not styled("N").is_code
    assert styled("B") == ParagraphStyle(depth=1, number="-")


def test_items_are_counted_in_order_and_begin_anew_below_another_one() -> None:
    styles = sheet()
    shown = [styles.of_paragraph(item(depth)).number for depth in (0, 1, 1, 0, 1, 2)]
    assert shown == ["1.", "1.a)", "1.b)", "2.", "2.a)", "-"]


def test_a_numbering_with_a_start_of_its_own_counts_for_itself() -> None:
    styles = sheet()
    shown = [styles.of_paragraph(item(0, numbering)).number for numbering in (7, 8, 7, 8)]
    assert shown == ["1.", "5.", "2.", "6."]


def test_number_zero_takes_a_paragraph_out_of_its_list() -> None:
    assert sheet().of_paragraph(item(0, 0)).number == ""


def test_a_document_without_styles_has_plain_paragraphs() -> None:
    assert Styles.of(None, None).of_paragraph(paragraph('<w:pStyle w:val="H"/>')) == ParagraphStyle()
