# ruff: noqa: E501
"""Pages that generators of documentation write: bars of links to the next page, notes with titles, signs of anchors."""

import re

import pytest

from ingest.partition import partition_file
from tests.ingest import office
from tests.ingest.office import text_of

BUILDS = [office.html, office.epub, office.eml]
SENTENCE = "Drain the boiler before the first frost of the year."


def mht(folder, body):
    path = folder / "a.mht"
    path.write_bytes(
        b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=xx\n\n--xx\nContent-Type: text/html; charset=utf-8\n"
        + f"\n<html><body><h1>Head</h1>{body}</body></html>\n--xx--\n".encode()
    )
    return path


# --- bars that lead to the pages beside ------------------------------------------------------------------------------

BARS = [
    '<div class="navheader"><table width="100%"><tr><th colspan="5">4.2. Boilers</th></tr><tr><td><a accesskey="p" href="a.html">Prev</a></td>'
    '<td><a accesskey="u" href="u.html">Up</a></td><th>Chapter 4. Heating</th><td><a accesskey="h" href="i.html">Home</a></td><td><a href="b.html">Next</a></td></tr></table></div>',
    '<table class="navigation" id="top"><tr><td><a accesskey="p" href="a.html"><img alt="Prev" src="l.png"/></a></td><td><a accesskey="n" href="b.html"><img alt="Next" src="r.png"/></a></td></tr></table>',
    '<div class="header"><p>Next: <a href="b.html" accesskey="n" rel="next">Pumps</a>, Up: <a href="u.html" rel="up">Heating</a> [<a href="#SEC_Contents" rel="contents">Contents</a>]</p></div>',
    '<p><a href="a.html">« Previous</a> | <a href="i.html">Index</a> | <a href="b.html">Next »</a></p>',
    '<div class="foot"><a href="a.html">Previous: Radiators</a><a href="b.html">Next: Pumps</a></div>',
    '<center><a href="a.html">Zurück</a> <a href="b.html">Weiter</a></center>',
    '<ul class="pages"><li><a rel="prev" href="a.html">Radiators</a></li><li><a rel="next" href="b.html">Pumps</a></li></ul>',
]


@pytest.mark.parametrize("bar", BARS)
@pytest.mark.parametrize("build", [office.html, mht])
def test_a_bar_that_turns_pages_is_no_text(tmp_path, build, bar):
    text = text_of(build(tmp_path, f"{bar}<p>{SENTENCE}</p>{bar}"))
    assert text == f"Head\n\n{SENTENCE}"


@pytest.mark.parametrize(
    "part",
    [
        '<p>Press <a href="#next">Next</a> on the first screen and <a href="#f">Finish</a> on the last.</p>',
        '<p>The <a href="next.html">next</a> chapter is about pumps.</p>',
        '<ul><li><a href="a.html">Next steps</a></li><li><a href="b.html">Previous releases</a></li></ul>',
        "<table><tr><th>Key</th><th>Does</th></tr><tr><td>n</td><td>Next</td></tr><tr><td>p</td><td>Previous</td></tr></table>",
        f'<p><a href="a.html">Previous</a> <a href="b.html">Next</a> {SENTENCE * 6}</p>',
        '<p>See the <a href="a.html">previous</a> and the <a href="b.html">next</a> chapter.</p>',
        '<p>Click <a href="#p">Previous</a> or <a href="#n">Next</a> to move between the steps.</p>',
    ],
)
def test_words_of_the_text_that_turn_no_page_stay(tmp_path, part):
    shown = office.html(tmp_path, f"<p>{SENTENCE}</p>{part}")
    words = re.findall(r"\w+", re.sub(r"<[^>]*>", " ", part))
    assert len(words) > 3 and all(word in text_of(shown) for word in words)


# --- titles of notes -------------------------------------------------------------------------------------------------

NOTES = [
    '<div class="note"><h3 class="title">Note</h3><p>Call first.</p></div>',
    '<blockquote class="tip"><h4>Tip</h4><p>Call first.</p></blockquote>',
    '<div class="bs-callout bs-callout-warning"><h4>Careful</h4><p>Call first.</p></div>',
    '<div role="note"><h2>Remember</h2><p>Call first.</p></div>',
    '<div class="alert alert-info"><h5 class="alert-heading">Good to know</h5><p>Call first.</p></div>',
]


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("build", [office.html, office.epub, mht])
def test_what_follows_a_note_stands_under_its_own_heading(tmp_path, build, note):
    document = partition_file(build(tmp_path, f"<h2>Boilers</h2><h3>Frost</h3><p>One.</p>{note}<p>{SENTENCE}</p>"), "x")
    after = next(block for block in document.blocks if SENTENCE in document.text[block.span.start : block.span.end])
    assert after.headings[-2:] == ("Boilers", "Frost")
    assert document.text.index("One.") < document.text.index("Call first.")
    title = note.partition("</h")[0].rpartition(">")[2]
    assert f"\n\n{title}\n\nCall first." in document.text


def test_titles_of_notes_in_xml(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(
        f"<article><title>Heating</title><section><title>Frost</title><para>One.</para><warning><title>Careful</title>"
        f"<para>Call first.</para></warning><example><title>A winter</title><para>It froze.</para></example><para>{SENTENCE}</para></section></article>"
    )
    document = partition_file(path, "x")
    after = next(block for block in document.blocks if SENTENCE in document.text[block.span.start : block.span.end])
    assert after.headings == ("Heating", "Frost")
    assert "Careful\n\nCall first.\n\nA winter\n\nIt froze." in document.text


def test_parts_that_only_look_like_notes_keep_their_headings(tmp_path):
    body = (
        '<div class="release-note"><h2>Version 2.3</h2><p>It is faster.</p></div>'
        '<div class="note"><h2>Pumps</h2><p>They hum.</p><h2>Valves</h2><p>They drip.</p></div>'
    )
    document = partition_file(office.html(tmp_path, body), "x")
    assert [b.headings[-1] for b in document.blocks if b.kind == "heading"] == [
        "Head",
        "Version 2.3",
        "Pumps",
        "Valves",
    ]


# --- signs of anchors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["¶", "#", "🔗", "\uf0c1"])
@pytest.mark.parametrize("build", BUILDS)
def test_the_sign_of_an_anchor_is_no_letter(tmp_path, build, sign):
    link = f'<a class="headerlink" href="#drain" title="Permalink to this definition">{sign}</a>'
    body = (
        f'<dl><dt id="drain">drain(litres){link}</dt><dd><p>Empties the boiler.</p></dd></dl>'
        f"<table><caption>Sizes{link}</caption><tr><th>Size</th><th>Litres</th></tr><tr><td>S{link}</td><td>80</td></tr></table>"
        f"<p>Costs 5 ¶ and # 7.{link}</p>"
    )
    text = text_of(build(tmp_path, body))
    for part in ("drain(litres):\n   Empties the boiler.", "Sizes\n\nSize | Litres\nS | 80", "Costs 5 ¶ and # 7."):
        assert part in text
    assert text.endswith("7.")


# --- notes of docutils -----------------------------------------------------------------------------------------------

ASIDE = (
    '<aside class="footnote-list brackets"><aside class="footnote brackets" id="n1" role="note">'
    '<span class="label"><span class="fn-bracket">[</span>1<span class="fn-bracket">]</span></span>\n'
    '<span class="backrefs">(<a role="doc-backlink" href="#r1">1</a>,<a role="doc-backlink" href="#r2">2</a>)</span>\n'
    '<p>Except the B series.</p></aside><aside class="footnote brackets" id="n2" role="note">'
    '<span class="label"><span class="fn-bracket">[</span><a role="doc-backlink" href="#r3">2</a><span class="fn-bracket">]</span></span>\n'
    "<p>Since May.</p></aside></aside>"
)
LIST = (
    '<dl class="footnote brackets"><dt class="label" id="n1"><span class="brackets">1</span>'
    '<span class="fn-backref">(<a href="#r1">1</a>,<a href="#r2">2</a>)</span></dt><dd><p>Except the B series.</p></dd>'
    '<dt class="label" id="n2"><span class="brackets"><a class="fn-backref" href="#r3">2</a></span></dt><dd><p>Since May.</p></dd></dl>'
)
TABLE = (
    '<table class="docutils footnote" id="n1"><colgroup><col class="label"/><col/></colgroup><tbody><tr><td class="label">[1]</td>'
    '<td><em>(<a class="fn-backref" href="#r1">1</a>, <a class="fn-backref" href="#r2">2</a>)</em> Except the B series.</td></tr></tbody></table>'
    '<table class="docutils footnote" id="n2"><tbody><tr><td class="label"><a class="fn-backref" href="#r3">[2]</a></td><td>Since May.</td></tr></tbody></table>'
)


@pytest.mark.parametrize("notes", [ASIDE, LIST, TABLE])
@pytest.mark.parametrize("look", ['class="footnote-reference brackets"', 'class="footnote-reference"'])
@pytest.mark.parametrize("build", BUILDS)
def test_marks_of_notes_that_are_told_by_their_class(tmp_path, build, look, notes):
    body = (
        f'<p>Covered for 45<a {look} href="#n1" id="r1">1</a> months<a {look} href="#n1" id="r2">[1]</a> or'
        f' more<a {look} href="#n2" id="r3">2</a>.</p>{notes}'
    )
    shown = "Covered for 45[^1] months[^1] or more[^2].\n\n[^1]: Except the B series.\n\n[^2]: Since May."
    assert text_of(build(tmp_path, body)).endswith(shown)


@pytest.mark.parametrize(
    ("mark", "shown"),
    [
        ('<a role="doc-noteref" href="#n1">[1]</a>', "[^1]"),
        ('<sup><a href="#n1">a</a></sup>', "[^a]"),
        (
            '<p><a class="footnote-reference" href="#n1">1</a><a class="footnote-reference" href="#n2">2</a></p>',
            "[^1][^2]",
        ),
    ],
)
@pytest.mark.parametrize("build", BUILDS)
def test_a_cell_that_is_a_mark_of_a_note_keeps_it(tmp_path, build, mark, shown):
    body = f"<table><tr><th>Code</th><th>Notes</th></tr><tr><td>E1</td><td>{mark}</td></tr><tr><td>E2</td><td>x</td></tr></table>"
    assert f"E1 | {shown}\nE2 | x" in text_of(build(tmp_path, body))


def test_names_of_works_that_are_cited_stay(tmp_path):
    body = (
        '<p>As in <a class="reference internal" href="#k5">[Kiln05]</a>.</p><div class="citation" id="k5" role="doc-biblioentry">'
        '<span class="label"><span class="fn-bracket">[</span><a role="doc-backlink" href="#r1">Kiln05</a><span class="fn-bracket">]</span></span><p>A kiln.</p></div>'
    )
    assert "As in [Kiln05].\n\n[Kiln05]" in text_of(office.html(tmp_path, body))
