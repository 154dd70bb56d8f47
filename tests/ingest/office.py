"""Small packages of office formats, built from the few lines of XML that a test is about."""

import zipfile

from ingest.partition import partition_file

OFFICE = "http://schemas.openxmlformats.org"
DOCX_SPACES = (
    f'xmlns:w="{OFFICE}/wordprocessingml/2006/main" xmlns:m="{OFFICE}/officeDocument/2006/math" '
    f'xmlns:r="{OFFICE}/officeDocument/2006/relationships" xmlns:dgm="{OFFICE}/drawingml/2006/diagram" '
    f'xmlns:a="{OFFICE}/drawingml/2006/main"'
)
ODF = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{part}:1.0"'
    for name, part in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"), ("draw", "drawing")
    )
)  # fmt: skip
ODF += ' xmlns:xlink="http://www.w3.org/1999/xlink"'


def pack(path, members):
    with zipfile.ZipFile(path, "w") as package:
        for name, data in members.items():
            package.writestr(name, data)
    return path


def run(text, look=""):
    return f'<w:r><w:rPr>{look}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def up(text):
    return run(text, '<w:vertAlign w:val="superscript"/>')


def docx(folder, paragraphs, relations="", name="a.docx", **parts):
    """Write a Word document; `parts` are other members of `word/`, by their names without `.xml`."""
    body = "".join(f"<w:p>{paragraph}</w:p>" for paragraph in paragraphs)
    members = {f"word/{key}.xml": f"<w:{key} {DOCX_SPACES}>{value}</w:{key}>" for key, value in parts.items()}
    members["word/document.xml"] = f"<w:document {DOCX_SPACES}><w:body>{body}</w:body></w:document>"
    members["word/_rels/document.xml.rels"] = f"<Relationships>{relations}</Relationships>"
    return pack(folder / name, members)


def odt(folder, body, styles="", master="", **members):
    text = f"<office:body><office:text>{body}</office:text></office:body>"
    automatic = f"<office:automatic-styles>{styles}</office:automatic-styles>"
    found = {"content.xml": f"<office:document-content {ODF}>{automatic}{text}</office:document-content>"}
    if master:
        found["styles.xml"] = f"<office:document-styles {ODF}>{master}</office:document-styles>"
    return pack(folder / "a.odt", found | {key.replace("__", "/"): value for key, value in members.items()})


def odt_style(name, properties):
    return f'<style:style style:name="{name}" style:family="text"><style:text-properties {properties}/></style:style>'


def epub(folder, body):
    container = '<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>'
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml" '
        'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    page = (
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head><title/></head>'
        f"<body>{body}</body></html>"
    )
    return pack(folder / "a.epub", {"META-INF/container.xml": container, "book.opf": opf, "a.xhtml": page})


def html(folder, body, name="a.html"):
    path = folder / name
    path.write_text(f"<html><head><title>T</title></head><body><h1>Head</h1>{body}</body></html>", encoding="utf-8")
    return path


def eml(folder, body):
    path = folder / "a.eml"
    path.write_bytes(
        b"From: a@example.org\nSubject: S\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n"
        + f"<html><body>{body}</body></html>".encode()
    )
    return path


def deck(folder, *slides):
    """Write slides; each is a list of paragraphs in the XML of `<a:p>`, in one text box; `{link}` is a link's id."""
    from lxml import etree
    from pptx import Presentation
    from pptx.util import Inches

    presentation = Presentation()
    for paragraphs in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[6])
        body = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(6), Inches(3)).text_frame._txBody
        link = slide.part.relate_to("https://forms.example.org/P9", f"{OFFICE}/officeDocument/2006/relationships/hyperlink", is_external=True)  # noqa: E501 # fmt: skip
        for old in list(body)[2:]:
            body.remove(old)
        for paragraph in paragraphs:
            spaces = (
                f'xmlns:a="{OFFICE}/drawingml/2006/main" xmlns:r="{OFFICE}/officeDocument/2006/relationships" '
                f'xmlns:m="{OFFICE}/officeDocument/2006/math" '
                'xmlns:a14="http://schemas.microsoft.com/office/drawing/2010/main"'
            )
            body.append(etree.fromstring(f"<a:p {spaces}>{paragraph.replace('{link}', link)}</a:p>"))
    presentation.save(folder / "a.pptx")
    return folder / "a.pptx"


def drun(text, look=""):
    return f'<a:r><a:rPr lang="en" {look}/><a:t>{text}</a:t></a:r>'


def text_of(path):
    return partition_file(path, "x").text
