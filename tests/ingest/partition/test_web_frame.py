import pytest
from lxml import html

from ingest.partition.web_frame import remove_frame

PROSE = "The pump is oiled every March and again in June by two people who know it well. " * 6


def left(body: str) -> tuple[str, tuple[str, ...]]:
    page = html.document_fromstring(f"<html><body>{body}<p>{PROSE}</p></body></html>")
    warnings = remove_frame(page)
    return " ".join(page.text_content().replace(PROSE.strip(), "").split()), warnings


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("<nav>Home</nav>", ""),
        ("<script>var x</script><style>p{}</style>", ""),
        ('<div role="navigation">Home</div>', ""),
        ('<div class="cookie-banner">We use cookies</div>', ""),
        (
            f'<div class="cookie-banner"><p>{PROSE.replace("pump", "cookie")}</p></div>',
            PROSE.replace("pump", "cookie").strip(),
        ),
        ("<header>Shop <h1>Pumps</h1></header>", "Pumps"),
        ("<footer>© us</footer>", ""),
        ("<article><footer>By Ana, 3 March</footer></article>", "By Ana, 3 March"),
        ("<form><input> Search</form>", ""),
        ("<form><h2>Order</h2></form>", "Order"),
        ("<!-- note -->after", "after"),
        ("<button>Buy</button>", ""),
    ],
)
def test_tags_roles_and_names_decide_what_is_frame(body: str, kept: str) -> None:
    assert left(body)[0] == kept


def test_hidden_text_that_nothing_opens_is_named() -> None:
    text, warnings = left('<div style="display:none">This part was never shown to any reader of it.</div>')
    assert text == "" and len(warnings) == 1 and "hidden part" in warnings[0] and "never shown" in warnings[0]
    assert left("<nav>Home</nav>")[1] == ()


def test_what_holds_most_of_the_page_always_stays() -> None:
    page = html.document_fromstring(f'<html><body><div class="sidebar"><p>{PROSE}</p></div></body></html>')
    remove_frame(page)
    assert "oiled every March" in page.text_content()
