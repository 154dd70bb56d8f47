from pathlib import Path

import pytest

from ingest.partition.epub import partition_epub
from ingest.partition.layout import Content
from rag.errors import DocumentError
from tests.ingest.office import pack

OPF = """<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>Pumps at sea</dc:title><dc:creator>Ada Brandt</dc:creator><dc:creator>Per Holm</dc:creator>
<dc:language>en</dc:language></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"""
NAV = '<nav><ol><li><a href="two.xhtml">The second part</a></li></ol></nav>'


def page(body: str) -> str:
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{body}</body></html>'


def book(folder: Path, pages: dict[str, str], spine: tuple[str, ...], **more: str) -> Content:
    items = "".join(
        f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"'
        f"{' properties=' + chr(34) + 'nav' + chr(34) if name == 'nav' else ''}/>"
        for name in dict.fromkeys((*pages, *spine))
    )
    items += '<item id="picture" href="cover.png" media-type="image/png"/>'
    container = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
    order = "".join(f'<itemref idref="{name}"/>' for name in spine)
    members = {"META-INF/container.xml": container, "OPS/book.opf": OPF.format(items=items, spine=order)}
    members |= {f"OPS/{name}.xhtml": page(body) for name, body in pages.items()}
    return partition_epub(
        pack(folder / "a.epub", members | {key.replace("__", "/"): value for key, value in more.items()})
    )


def test_chapters_come_in_the_order_of_the_spine(tmp_path: Path) -> None:
    pages = {"one": "<h1>First</h1><p>a</p>", "two": "<p>b</p>", "nav": NAV}
    content = book(tmp_path, pages, ("nav", "two", "one"))
    assert content.text == "The second part\n\nb\n\nFirst\n\na", "a chapter without a heading has that of the contents"
    assert (content.title, content.metadata) == (
        "Pumps at sea",
        {"author": ("Ada Brandt", "Per Holm"), "language": "en"},
    )


def test_what_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    content = book(tmp_path, {"one": "<p>a</p>"}, ("one", "picture", "gone", "never listed"))
    assert content.text == "a"
    assert any("cover.png" in warning for warning in content.warnings)
    assert any("gone" in warning and "missing" in warning for warning in content.warnings)


def test_a_broken_table_of_contents_costs_only_its_labels(tmp_path: Path) -> None:
    content = book(tmp_path, {"one": "<p>a</p>", "nav": "<nav><a>no link</a></nav>"}, ("one",))
    assert content.text == "a"


def test_a_locked_book_is_refused_and_scrambled_fonts_are_not(tmp_path: Path) -> None:
    def lock(method: str) -> str:
        return f'<encryption><EncryptedData><EncryptionMethod Algorithm="{method}"/></EncryptedData></encryption>'

    with pytest.raises(DocumentError, match="DRM"):
        book(tmp_path, {"one": "<p>a</p>"}, ("one",), **{"META-INF__encryption.xml": lock("http://x/aes")})
    fonts = lock("http://www.idpf.org/2008/embedding")
    assert book(tmp_path, {"one": "<p>a</p>"}, ("one",), **{"META-INF__encryption.xml": fonts}).text == "a"
