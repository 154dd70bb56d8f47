# ruff: noqa: E501
"""Three hundred files that were made to hurt, from a seed: `write(folder, seed)` returns what each must become."""

import json
import os
import random
import zipfile
from pathlib import Path

FORMATS = Path(__file__).parent / "formats"
PDF = Path(__file__).parents[2] / "corpora" / "demo" / "docs" / "policies" / "retention-policy-2025.pdf"
BIG = 50_000_000
FAIL, ANY = "fail", "any"
"""What must become of a file: a named failure, or that or a text; a str of its own is the exact text."""


def fuzzed(random_, data):
    """Return the bytes with one kind of damage."""
    kind = random_.choice(["flip", "cut", "insert", "remove", "zero", "repeat", "head"])
    at, length = random_.randrange(len(data)), random_.randrange(1, max(2, len(data) // 4))
    if kind == "flip":
        damaged = bytearray(data)
        for _ in range(random_.randrange(1, 40)):
            damaged[random_.randrange(len(data))] ^= 1 << random_.randrange(8)
        return bytes(damaged)
    return {
        "cut": data[:at],
        "insert": data[:at] + random_.randbytes(length) + data[at:],
        "remove": data[:at] + data[at + length :],
        "zero": data[:at] + bytes(length) + data[at + length :],
        "repeat": data[:at] + data[at : at + length] * 20 + data[at:],
        "head": random_.randbytes(16) + data[16:],
    }[kind]


def sources():
    """Return a sound file of every format."""
    files = [p for p in sorted(FORMATS.iterdir()) if p.suffix != ".py" and p.is_file() and ".golden." not in p.name]
    return [*files, PDF]


def fuzz_cases(random_, count):
    """Yield fuzzed files, each under its own extension or another one."""
    files = sources()
    suffixes = sorted({path.suffix for path in files})
    for number in range(count):
        path = files[number % len(files)]
        data = path.read_bytes()
        if number % 5 == 4:  # sound bytes under a wrong extension
            yield f"fuzz/{number:03}-wrong{random_.choice(suffixes)}", data, ANY
        else:
            yield f"fuzz/{number:03}{path.suffix}", fuzzed(random_, data), ANY


def package(members, level=6):
    """Return the bytes of a zip."""
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">{}]>'.format(
    "".join(f'<!ENTITY {chr(97 + n)} "{f"&{chr(96 + n)};" * 10}">' for n in range(1, 10))
)
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
EPUB = [
    ("META-INF/container.xml", '<container><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>'),
    (
        "b.opf",
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="{}" '
        'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>',
    ),
]


def book(href, *members):
    """Return an epub with one chapter."""
    return package([EPUB[0], (EPUB[1][0], EPUB[1][1].format(href)), *members])


def odt(body, head=""):
    """Return an odt with this body."""
    spaces = "".join(f' xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in ("office", "text", "table"))
    content = f"{head}<office:c{spaces}><office:body><office:text>{body}</office:text></office:body></office:c>"
    return package([("content.xml", content)])


def word(body, head=""):
    """Return a docx with this body."""
    return package([("word/document.xml", f'{head}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>')])


def bombs():
    """Yield what unpacks or expands to far more than it seems."""
    zeros = b"<a>" + b" " * 100_000_000 + b"</a>"
    for suffix, member in (
        ("docx", "word/document.xml"), ("xlsx", "xl/workbook.xml"), ("pptx", "ppt/presentation.xml"),
        ("odt", "content.xml"), ("epub", "META-INF/container.xml"),
    ):  # fmt: skip
        yield f"bombs/ratio.{suffix}", package([(member, zeros)], 1), FAIL
    yield "bombs/laughs.odt", odt("<text:p>&j;</text:p>", LAUGHS), FAIL
    yield "bombs/laughs.docx", word("<w:p><w:r><w:t>&j;</w:t></w:r></w:p>", LAUGHS), FAIL
    yield (
        "bombs/laughs.epub",
        book(
            "c.xhtml",
            ("c.xhtml", f'{LAUGHS}<html xmlns="http://www.w3.org/1999/xhtml"><body><p>x &j;</p></body></html>'),
        ),
        ANY,
    )
    yield (
        "bombs/laughs.xhtml",
        f'{LAUGHS}<html xmlns="http://www.w3.org/1999/xhtml"><body><p>x &j;</p></body></html>'.encode(),
        ANY,
    )
    yield "bombs/laughs.html", f"{LAUGHS}<svg><text>&j;</text></svg><p>Words.</p>".encode(), ANY
    yield "bombs/laughs.svg", f"{LAUGHS}<svg><text>&j;</text></svg>".encode(), ANY
    yield (
        "bombs/outside.odt",
        odt("<text:p>&x;</text:p>", '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        FAIL,
    )
    yield (
        "bombs/spans.html",
        b"<table>" + b"<tr><td colspan=1000 rowspan=1000>x</td><td>y</td></tr>" * 9000 + b"</table>",
        ANY,
    )
    yield (
        "bombs/spans.odt",
        odt(
            "<table:table>"
            + '<table:table-row><table:table-cell table:number-columns-repeated="999999999" table:number-rows-spanned="9999"><text:p>x</text:p></table:table-cell></table:table-row>'
            * 200
            + "</table:table>"
        ),
        ANY,
    )
    nested = package([("x.txt", b"0" * 10_000_000)])
    for _ in range(5):
        nested = package([(f"{n}.zip", nested) for n in range(10)])
    yield "bombs/nested.zip", nested, ANY
    front = "---\na: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )  # fmt: skip
    yield "bombs/laughs.md", (front + "---\n# Head\n\nWords.\n").encode(), ANY


def deep():
    """Yield what is nested deeper than any stack."""
    n = 100_000
    yield "deep/a.html", b"<div>" * n + b"deep" + b"</div>" * n + b"<p>after</p>", FAIL
    yield "deep/list.html", b"<ul><li>" * n + b"deep", FAIL
    yield "deep/b.xhtml", b'<html xmlns="http://www.w3.org/1999/xhtml"><body>' + b"<div>" * n + b"x", ANY
    yield "deep/a.json", b"[" * n + b"]" * n, FAIL
    yield "deep/b.json", b'{"a":' * n + b"1" + b"}" * n, FAIL
    yield "deep/a.md", b"> " * n + b"deep\n", ANY
    yield "deep/b.md", b"".join(b" " * k + b"- x\n" for k in range(2000)), ANY
    yield "deep/c.md", b"[" * n, ANY
    yield "deep/d.md", b"*a " * n, ANY
    yield "deep/a.rst", b"".join(b" " * k + b"- x\n\n" for k in range(1500)), ANY
    yield "deep/b.rst", b"".join(b"   " * k + b".. note::\n\n" for k in range(1500)) + b"   " * 1500 + b"x\n", ANY
    yield "deep/a.docx", word("<w:sdt><w:sdtContent>" * 5000 + "<w:p/>" + "</w:sdtContent></w:sdt>" * 5000), FAIL
    yield "deep/a.odt", odt("<text:section>" * 5000 + "<text:p>x</text:p>" + "</text:section>" * 5000), FAIL
    part = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
    yield "deep/a.eml", b"Subject: x\n" + b"".join(part % (k, k) for k in range(3000)) + b"\nwords\n", ANY
    yield "deep/b.eml", b"Subject: x\nContent-Type: message/rfc822\n\n" * 2000 + b"Subject: y\n\nwords\n", ANY


def huge():
    """Yield single lines of 50 MB, a million rows, and what regular expressions fear."""
    words = b"alpha beta gamma delta "
    line = words * (BIG // len(words))
    yield "huge/line.txt", line, ANY
    yield "huge/line.md", line, ANY
    yield "huge/line.rst", line, ANY
    yield "huge/line.html", b"<p>" + line + b"</p>", ANY
    yield "huge/line.json", b'{"text": "' + line + b'"}', ANY
    yield "huge/flat.json", b"[" + b"[1],null," * (BIG // 9) + b"1]", ANY
    yield "huge/line.csv", b"a,b\n" + b"x," * (BIG // 2), ANY
    yield "huge/line.eml", b"Subject: x\n\n" + line, ANY
    yield "huge/word.txt", b"x" * BIG, ANY
    yield (
        "huge/rows.csv",
        b"id,name,value\n" + b"".join(b"%d,name %d,%d\n" % (n, n, n * 7) for n in range(1_000_000)),
        ANY,
    )
    yield "huge/rows.jsonl", b'{"id":1,"name":"n"}\n' * 1_000_000, ANY
    yield "huge/blank.txt", b"x" + b" " * 5_000_000 + b"y", ANY
    yield "huge/breaks.txt", b"x\n" + b"\n \t" * 1_000_000 + b"y", ANY
    yield "huge/underlines.rst", b"=" * 200_000 + b"\n" + b"- " * 200_000 + b"\n", ANY
    yield "huge/open.html", b"<" * 2_000_000, ANY
    yield "huge/attributes.html", b"<p " + b"a=b " * 1_000_000 + b">x</p>", ANY
    yield "huge/meta.html", b"<meta " * 500_000, ANY
    yield "huge/pipes.md", b"|a|b|\n|-|-|\n" + b"|x|y|\n" * 100_000, ANY
    yield "huge/fences.md", b"```\n" * 100_000, ANY
    yield "huge/quotes.eml", b"Subject: x\n\n" + b"> " * 1_000_000 + b"x\n" + b">" * 1_000_000, ANY
    yield "huge/stops.txt", b"a. " * 500_000, ANY
    yield "huge/dots.txt", b"." * 5_000_000, ANY


GERMAN = "Die Größe der Öffnung beträgt fünf Millimeter, übrigens ähnlich für große Geräte. " * 5


def odd():
    """Yield wrong encodings, empty and blank files, locks, paths that lead elsewhere, and strange names."""
    yield "odd/marked.txt", GERMAN.encode("utf-16"), GERMAN
    yield "odd/unmarked.txt", GERMAN.encode("utf-16-be"), GERMAN
    yield "odd/western.md", GERMAN.encode("cp1252"), GERMAN
    yield "odd/cut.txt", GERMAN.encode("utf-16")[:-1], FAIL
    yield "odd/mixed.txt", GERMAN.encode() + GERMAN.encode("cp1252"), ANY
    yield "odd/nuls.txt", GERMAN.encode() + bytes(3), ANY
    yield (
        "odd/shift.html",
        '<meta charset="shift_jis"><p>窯の温度は千二百度まで上げる。</p>'.encode("shift_jis"),
        "窯の温度は千二百度まで上げる。",
    )
    yield "odd/liar.html", '<meta charset="no-such-charset"><p>Grüße an alle.</p>'.encode(), "Grüße an alle."
    for suffix in (
        "txt",
        "md",
        "rst",
        "html",
        "pdf",
        "docx",
        "pptx",
        "xlsx",
        "csv",
        "eml",
        "msg",
        "json",
        "epub",
        "odt",
    ):
        yield f"odd/empty.{suffix}", b"", FAIL
        yield f"odd/blank.{suffix}", b" \n\t\n " * 50, FAIL
        yield f"odd/nul.{suffix}", bytes(5000), FAIL
        yield f"odd/noise.{suffix}", random.Random(suffix).randbytes(20_000), FAIL
    climb = "../../../../etc/passwd"
    yield "odd/climb.epub", book(climb, (climb, "<p>Not written anywhere.</p>")), ANY
    yield "odd/climb.zip", package([(climb, b"root"), ("/etc/shadow", b"root")]), ANY
    yield "odd/climb.docx", package([(climb, b"x"), ("word/document.xml", b"<x/>")]), FAIL
    yield "odd/loop.json", json.dumps({"a": "\ud800"}).encode(), FAIL
    yield "odd/new\nline.txt", b"A name of two lines.", "A name of two lines."
    yield "odd/\U0001f600 name.md", b"A face for a name.", "A face for a name."
    yield "odd/" + "n" * 200 + ".txt", b"A long name.", "A long name."
    yield "odd/percent%2F..%2Fx.txt", b"An encoded name.", "An encoded name."
    yield "odd/no-suffix", b"Plain words.", "Plain words."


def locked_pdf(path):
    """Write a PDF with a password."""
    import pikepdf

    with pikepdf.open(PDF) as pdf:
        pdf.save(path, encryption=pikepdf.Encryption(owner="secret", user="secret"))


def sample(seed, count):
    """Return some of the files that are small."""
    random_ = random.Random(seed)
    small = [*fuzz_cases(random_, 60), *odd(), *deep(), *(case for case in bombs() if "nested" not in case[0])]
    return random_.sample(small, count)


def cases(seed, fuzz=190):
    """Yield `(name, data, expectation)` of all files that have plain bytes."""
    yield from fuzz_cases(random.Random(seed), fuzz)
    yield from odd()
    yield from deep()
    yield from bombs()
    yield from huge()


def write(folder, chosen):
    """Write the chosen cases and what no bytes can say: a pipe, links that loop, a name that is no UTF-8."""
    wanted = {}
    for name, data, expected in chosen:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        wanted[name] = expected
    (folder / "links").mkdir()
    os.mkfifo(folder / "links" / "pipe.txt")
    (folder / "links" / "self.txt").symlink_to("self.txt")
    (folder / "links" / "up").symlink_to("..")
    (folder / "links" / "gone.md").symlink_to("nowhere.md")
    locked_pdf(folder / "links" / "locked.pdf")
    Path(os.fsdecode(os.fsencode(folder / "links") + b"/bad-\xff-name.txt")).write_bytes(b"x")
    return {
        **wanted,
        "links/gone.md": FAIL,
        "links/self.txt": FAIL,
        "links/locked.pdf": FAIL,
        "links/bad-\\udcff-name.txt": FAIL,
    }
