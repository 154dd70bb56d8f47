from pathlib import Path

from ingest.partition.pptx_looks import make_plain, open_deck
from tests.ingest.office import deck, drun


def letters(path: Path) -> list[str]:
    opened = open_deck(path)
    make_plain(opened)
    return [
        paragraph.text for slide in opened.slides for shape in slide.shapes for paragraph in shape.text_frame.paragraphs
    ]


def test_looks_links_and_formulas_are_written_into_the_letters(tmp_path: Path) -> None:
    raised = drun("10") + drun("6", 'baseline="30000"') + drun(" CFU")
    struck = drun("for ") + drun("24", 'strike="sngStrike"') + drun("36 months")
    linked = '<a:r><a:rPr lang="en"><a:hlinkClick r:id="{link}"/></a:rPr><a:t>the form</a:t></a:r>'
    found = letters(deck(tmp_path, [raised, struck, linked]))
    assert found[:2] == ["10^6 CFU", "for ~~24~~ 36 months"]
    assert "the form" in found[2] and "https://forms.example.org/P9" in found[2]


def test_a_plain_deck_stays_as_it_is(tmp_path: Path) -> None:
    opened = open_deck(deck(tmp_path, [drun("plain"), drun("words")]))
    assert not make_plain(opened)
