"""Every format against a golden output that a person can read, and from its file to a citation.

Renew the golden outputs with `python tests/ingest/formats/build.py`, and read what changed.
"""

import datetime
import importlib.util
import json
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.partition import PARTITIONERS, document_from_row, partition_file
from ingest.partition.clean import line_ends
from ingest.partition.docx import partition_docx
from ingest.partition.grids import Cell, Item, expanded, list_pieces, numeral
from ingest.partition.sheet_format import shown
from ingest.partition.web import page_content
from ingest.pipeline import ingest
from rag.errors import DocumentError
from rag.pipeline import Request
from rag.runtime import open_runtime

pytestmark = pytest.mark.filterwarnings("ignore")

FORMATS = Path(__file__).parents[1] / "formats"


def build():
    spec = importlib.util.spec_from_file_location("formats_build", FORMATS / "build.py")
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


BUILD = build()
FIXTURES = BUILD.fixtures()


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_golden(path):
    document = partition_file(path, path.name)
    wanted = (FORMATS / f"{path.name}{BUILD.GOLDEN}").read_text(encoding="utf-8")
    assert BUILD.golden(document) == wanted
    rest = list(document.text)
    for block in document.blocks:
        rest[block.span.start : block.span.end] = " " * len(block.span)
    assert not "".join(rest).strip()


def test_every_format_has_a_fixture():
    aliases = {".markdown", ".text", ".log", ".jsonl", ".pdf"}  # pdf has its own tests
    # Macro and template variants are read as the formats that they are variants of.
    aliases |= {".docm", ".dotx", ".dotm", ".pptm", ".potx", ".potm", ".ppsx", ".ppsm", ".xlsm", ".xltx", ".xltm"}
    aliases |= {".mhtml", ".webarchive"}  # test_containers.py
    aliases |= {suffix for suffix, reader in PARTITIONERS.items() if reader == "sniffing:refuse"}
    assert {path.suffix for path in FIXTURES} == PARTITIONERS.keys() - aliases


# A needle in each format: a question, and what the passage must hold of the text, header of the table included.
NEEDLES = [
    ("markdown.md", "kiln cone 6 peak and hold", ["| Cone | Peak", "1222 C | 15 min"]),
    ("structured.rst", "sett of merino yarn", ["Yarn | Sett\nMerino | 10"]),
    ("plain.txt", "where does the hose of the allotment club stay", ["The hose   stays\twhere it is."]),
    ("page.html", "canal dues by length up to 12 m week", ["Length | Week | Year\nup to 12 m | 20 | 600"]),
    ("loose.htm", "is berth B7 free", ["Berth | Free\nB7 | yes"]),
    ("page.xhtml", "fromages Comté mûrit", ["Le Comté mûrit 18 mois."]),
    ("docx.docx", "pump model P-10 flow high", ["Model | Low | High", "P-10 | 4 l/s | 11 l/s"]),
    ("docx.docx", "close the valve wait until the needle rests", ["1. Close the valve\n   a) Wait until the needle"]),
    ("docx.docx", "code: if pressure stop log", ["if pressure > 4:\n    stop()\n\nlog()"]),
    ("pptx.pptx", "tonnes of the north orchard 2025", ["Orchard | Tonnes | Tonnes\n| 2024 | 2025\nNorth | 31 | 44"]),
    ("xlsx.xlsx", "price list rope net discount", ["Article | Net", "Rope | 1,234.50 EUR | 12.5% | 9 Mar 2025"]),
    ("table.csv", "is there a ferry at Tönning", ["code | town | ferry", "TO | Tönning | at high water"]),
    ("table.tsv", "ph of sample A-2", ["sample | ph | remark", "A-2 | 7.4"]),
    ("nested.eml", "crane K2 limit in permit 77", ["Crane | Limit\nK2 | 40 t"]),
    ("nested.eml", "bring the permit two copies helmets", ["the permit\n   - two copies"]),
    ("msg.msg", "crane north gate before nine", ["north gate\n   - before nine"]),
    ("config.json", "greenhouse zone Z1 crop tomato beds", ["id | crop | beds | vents\nZ1 | tomato | 4"]),
    ("events.ndjson", "event pump 3 slow level", ["id | level | text | by\n1 | warn | Pump 3 is slow"]),
    ("epub.epub", "high water at the port of Husum", ["Port | High\nHusum | 04:12"]),
    ("letter.rtf", "lock width north", ["Lock | Width\nNorth | 12 m"]),
    ("manual.xml", "spar of a Rokkaku kite", ["Kite | Spar", "Rokkaku | 1.6 m"]),
    ("notebook.ipynb", "tide gauge at Husum ten minutes", ["The gauge at Husum reads every ten minutes."]),
    ("saved.mht", "length of the north path in the dunes", ["Path | Length\nNorth | 3.4 km"]),
    ("odt.odt", "bees in May swarms daily", ["Month | Work | Work\nMay | Swarms | daily"]),
]


@pytest.fixture(scope="module")
def searched(tmp_path_factory, model_cache):
    from rag.settings import load_settings

    home = tmp_path_factory.mktemp("formats") / "home"
    source = home.parent / "source"
    source.mkdir()
    for path in FIXTURES:
        (source / path.name).write_bytes(path.read_bytes())
    overrides = [f"embedder.cache_dir={model_cache}", "embedder.threads=1", "ingest.jobs=1"]
    with open_runtime(load_settings(overrides=overrides, environ={"RAGWRIGHT_HOME": str(home)})) as runtime:
        report = ingest([str(source)], "formats", runtime)
        assert not report.failed and report.added == len(FIXTURES)
        yield runtime


@pytest.mark.parametrize(("name", "question", "wanted"), NEEDLES, ids=lambda value: value if "." in value else "")
async def test_found_by_search_and_quoted_from_the_text(searched, name, question, wanted):
    result = await searched.pipeline.search(Request(question, "formats", top_k=3))
    text = searched.catalogue.document(searched.catalogue.live("formats"), name).text
    hits = [hit for hit in result.hits if hit.chunk.doc_id == name]
    for hit in hits:
        assert text[hit.chunk.span.start : hit.chunk.span.end] == hit.chunk.text
    assert any(all(part in hit.chunk.text for part in wanted) for hit in hits), [hit.chunk.text for hit in result.hits]


async def test_citations_of_every_format_quote_its_text(searched):
    live, cited = searched.catalogue.live("formats"), 0
    for _, question, _ in NEEDLES:
        answer = await searched.pipeline.answer(Request(question, "formats"))
        for sentence in answer.sentences:
            for citation in sentence.citations:
                text = searched.catalogue.document(live, citation.doc_id).text
                assert text[citation.span.start : citation.span.end] == citation.quote
                cited += 1
    assert cited >= 5


# --- the clean text of md, txt and rows is the file's, to the character ----------------------------------------------

ODD = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\r\n\t \ufeff\u2028\x85\u200b#-|`>"), max_size=80
)


@pytest.mark.parametrize("suffix", [".md", ".txt", ".rst"])
@given(body=ODD, mark=st.booleans(), crlf=st.booleans())
@settings(max_examples=120, deadline=None)
def test_clean_text_is_the_file(tmp_path_factory, suffix, body, mark, crlf):
    body = "Words first, so that it is text. " * 4 + body.removeprefix("\ufeff")
    if crlf:
        body = body.replace("\n", "\r\n")
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + body.encode())
    if sum(ord(c) < 32 and c not in "\t\n\r" for c in body):
        return  # control characters may make it binary
    assert partition_file(path, "x").text == line_ends(body)


@given(body=ODD)
@settings(max_examples=120, deadline=None)
def test_clean_text_is_the_row(body):
    text = body.removeprefix("\ufeff").replace("\r\n", "\n")
    if text.strip():
        assert document_from_row({"doc_id": "x", "text": body}, "h").text == text


@pytest.mark.parametrize("data", [b"caf\xed\xa0\x80 words", b'{"a": "\\ud800"}'], ids=["cesu", "json"])
def test_lone_surrogates_are_a_failure(tmp_path, data):
    path = tmp_path / ("a.json" if data.startswith(b"{") else "a.txt")
    path.write_bytes(data)
    try:
        text = partition_file(path, "x").text
    except DocumentError as error:
        assert "surrogate" in str(error) or "encoding" in str(error) or "binary" in str(error)
    else:
        text.encode("utf-8")


# --- encodings -------------------------------------------------------------------------------------------------------

GERMAN = "Die Größe der Öffnung beträgt fünf Millimeter, übrigens ähnlich für große Geräte. " * 5
JAPANESE = "窯の温度は千二百度まで上げてから、ゆっくりと冷ましてください。" * 8


@pytest.mark.parametrize(
    ("text", "encoding", "warned"),
    [
        (GERMAN, "utf-8-sig", False),
        (GERMAN, "utf-16", False),
        (GERMAN, "utf-32", False),
        (GERMAN, "utf-16-le", True),
        (GERMAN, "utf-16-be", True),
        ("Plain ASCII in two bytes. " * 5, "utf-16-le", True),
        (GERMAN, "cp1252", True),
        (JAPANESE, "shift_jis", True),
        (JAPANESE, "euc_jp", True),
    ],
)
def test_encodings(tmp_path, text, encoding, warned):
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    document = partition_file(tmp_path / "a.txt", "x")
    assert document.text == text
    assert bool(document.warnings) == warned and all("read as" in warning for warning in document.warnings)


@pytest.mark.parametrize("data", [bytes(range(256)) * 40, b"\xff\xfe" + bytes(range(256)) * 40, b"\x00" * 500])
def test_garbage_is_no_text(tmp_path, data):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(DocumentError):
        partition_file(tmp_path / "a.txt", "x")


# --- single rules ----------------------------------------------------------------------------------------------------


def texts(html):
    content = page_content(html)
    return [content.text[block.span.start : block.span.end] for block in content.blocks]


PROSE = "The sluice opens when the water stands two hands above the mark, and closes when it has fallen again. " * 4


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        (f'<div class="footer">{PROSE}</div>', True),
        (f'<div class="modal"><p>{PROSE}</p></div><p>Other words.</p>', True),
        ('<div class="cookie-recipes"><p>Bake for ten minutes.</p></div>', True),
        ('<div class="navigation-guide"><p>Steer left.</p></div>', True),
        ('<section><footer><p>Signed by Ann.</p></footer></section>', True),
        ('<form><h2>Terms</h2><p>They hold.</p></form>', True),
        ('<div role="dialog"><p>Accept?</p></div>', False),
        ('<div class="cookie-consent-banner"><p>We use cookies.</p></div>', False),
        ('<ul class="breadcrumb"><li><a href="/">Home</a></li></ul>', False),
        ('<p aria-hidden="true">Icon</p>', False),
        ('<aside><a href="/1">One</a><a href="/2">Two</a></aside>', False),
    ],
)  # fmt: skip
def test_frame_of_a_page(html, kept):
    needle = texts(html)[0] if kept else ""
    page = f"<body><h1>Head</h1><p>{PROSE}</p>{html}</body>" if not kept else f"<body><h1>Head</h1>{html}</body>"
    found = texts(page)
    assert (needle in found[1:]) if kept else found == ["Head", PROSE.strip()]


def test_html_that_the_parser_would_cut_off_is_refused():
    with pytest.raises(DocumentError, match="nested more than 255 deep"):
        page_content("<body>" + "<div>" * 400 + "deep" + "</div>" * 400 + "<p>after</p></body>")


def test_nested_lists_and_numerals():
    items = [Item(0, "-", "a"), Item(1, "1.", "b"), Item(1, "", "more"), Item(0, "2.", "c"), Item(0, "", "d")]
    assert [piece.text for piece in list_pieces(items)] == ["a\n   1. b\n      more", "2. c\n   d"]
    assert [numeral(n, s) for n, s in ((28, "a"), (3, "A"), (1994, "i"), (4, "I"), (5, "1"), (0, "a"))] == [
        "ab", "C", "mcmxciv", "IV", "5", "0"
    ]  # fmt: skip


def test_merged_cells():
    rows = [[Cell("a", 2, 2), Cell("b")], [Cell("c")], [Cell("title", 9)], [Cell("d"), Cell("e", 1, 9)], [Cell("f")]]
    assert expanded(rows) == [["a", "a", "b"], ["a", "a", "c"], ["title"], ["d", "e"], ["f", "e"]]
    with pytest.raises(DocumentError, match="5000000 cells"):
        expanded([[Cell("x", 1000)] * 10] * 600)


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (1234.5, "#,##0.00", "1,234.50"),
        (-1234.5, '#,##0.00;[Red]("EUR" #,##0.00)', "(EUR 1,234.50)"),
        (0, '0;-0;"none"', "none"),
        (0.125, "0%", "13%"),
        (5, "000", "005"),
        (2_500_000, '0.0,,"M"', "2.5M"),
        (12345.678, "0.00E+00", "1.23E+04"),
        (3.0, "0.##", "3"),
        (7.25, "[$€-407] #,##0.00", "€ 7.25"),
        (0.30000000000000004, "General", "0.3"),
        (True, "General", "TRUE"),
        (datetime.datetime(2025, 3, 9), "mm-dd-yy", "2025-03-09"),
        (datetime.datetime(2025, 3, 9, 15, 4), "dd/mm/yyyy hh:mm", "09/03/2025 15:04"),
        (datetime.datetime(2025, 3, 9, 15, 4), "h:mm AM/PM", "3:04 PM"),
        (datetime.datetime(2025, 3, 9), "dddd, d mmmm yyyy", "Sunday, 9 March 2025"),
        (datetime.timedelta(hours=31, minutes=5), "[h]:mm:ss", "31:05:00"),
    ],
)
def test_cells_as_the_sheet_shows_them(value, form, text):
    assert shown(value, form) == text


def test_docx_wrapped_in_changes_and_controls(tmp_path):
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    row = "<w:tr><w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc></w:tr>"
    gone = row.format("gone").replace("<w:tr>", '<w:tr><w:trPr><w:del w:id="1"/></w:trPr>')
    body = f"<w:tbl>{row.format('head')}{gone}<w:sdt><w:sdtContent>{row.format('kept')}</w:sdtContent></w:sdt></w:tbl>"
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as package:
        package.writestr("word/document.xml", f'<w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>')
    assert partition_docx(tmp_path / "a.docx").text == "head | x\nkept | x"


def test_json_keeps_every_value(tmp_path):
    value = {
        "a": {"b": {"c": {"d": {"e": {"f": "deep", "g": ["h" * 300, "i"]}}}}},
        "z": 1e400,
        "n": [[1, 2], {"k": None}],
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value).replace("Infinity", "1e400").replace('"z"', '"a": 1, "z"'))
    text = partition_file(path, "x").text
    for part in ("e.f: deep", "h" * 300, "1e400", "a: 1", "1, 2", "k: null"):
        assert part in text
    path.write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(DocumentError, match="nested too deeply"):
        partition_file(path, "x")
    path.write_text('{"a": 1}\n{"a": }\n')
    with pytest.raises(DocumentError, match="line 2 is no JSON"):
        partition_file(path, "x")
