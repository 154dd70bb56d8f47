# ruff: noqa: E501
"""Text that a reader of a page opens by a click is text of the page; drafts and banners are not."""

from pathlib import Path

import pytest

from ingest.partition.web import page_content
from tests.ingest import office
from tests.ingest.office import text_of

FAULT = Path(__file__).parents[2] / "faults" / "html_collapsed" / "faq.html"
ANSWER = "Bring it within 21 days and keep the tag."


def page(body):
    return page_content(f"<html><body><h1>Help</h1><p>Words that stand here.</p>{body}</body></html>")


@pytest.mark.parametrize(
    "body",
    [
        f"<details><summary>Return?</summary><p>{ANSWER}</p></details>",
        f'<button aria-expanded="false">Return?</button><div style="display:none"><p>{ANSWER}</p></div>',
        f'<button aria-controls="p1">Return?</button><div>x</div><div id="p1" hidden><p>{ANSWER}</p></div>',
        f'<h3><button class="accordion-button" data-bs-target="#c1">Return?</button></h3>'
        f'<div id="c1" class="collapse" aria-hidden="true"><p>{ANSWER}</p></div>',
        f"<h3>Return?</h3><div hidden><p>{ANSWER}</p></div>",
        f'<dl><dt>Return?</dt><dd style="display: none">{ANSWER}</dd></dl>',
        f'<a href="#a1">Return?</a><div id="a1" hidden>{ANSWER}</div>',
        f'<div onclick="toggle(\'a1\')">Return?</div><p>Then.</p><div id="a1" style="visibility:hidden">{ANSWER}</div>',
        f'<input type="checkbox" id="q1"><label for="q1">Return?</label><div hidden>{ANSWER}</div>',
        f'<div class="q"><div class="faq-question">Return?</div></div><div class="faq-answer" hidden>{ANSWER}</div>',
        f'<div role="tablist"><button role="tab" aria-controls="t1">Return?</button>'
        f'<button role="tab" aria-controls="t2">Other?</button></div><div role="tabpanel" id="t1">{ANSWER}</div>'
        f'<div role="tabpanel" id="t2" aria-hidden="true">Another text of the page.</div>',
        f'<h3>Return?</h3><div hidden="until-found">{ANSWER}</div>',
        f'<button commandfor="d1" command="show-modal">Return?</button><dialog id="d1">{ANSWER}</dialog>',
        f'<button popovertarget="d1">Return?</button><div popover id="d1" hidden>{ANSWER}</div>',
        f'<button data-target="#m1">Return?</button><div class="modal" id="m1" role="dialog" hidden>{ANSWER}</div>',
        f'<p>Return?</p><div><template shadowrootmode="open"><p>{ANSWER}</p></template></div>',
        f"<p>Return?</p><noscript><p>{ANSWER}</p></noscript>",
        f"<p>Return?</p><ul><li>One thing to know.</li><li hidden>{ANSWER}</li></ul>",
    ],
)
def test_what_a_click_opens_is_text(body):
    content = page(body)
    assert ANSWER in content.text and "Return?" in content.text
    assert content.text.index("Return?") < content.text.index(ANSWER) and not content.warnings


@pytest.mark.parametrize(
    "body",
    [
        "<p hidden>A draft that nobody has seen.</p>",
        '<p style="display:none">An offer that ended last year.</p>',
        '<span aria-hidden="true">A decoration that is only seen.</span>',
        "<dialog><p>Do you accept these terms now?</p></dialog>",
        '<template id="row"><p>Row that a script fills later.</p></template>',
        '<div role="dialog"><p>Please take part in our survey.</p></div>',
    ],
)
def test_hidden_text_that_nothing_opens_is_named_in_a_warning(body):
    content = page(body)
    assert content.text == "Help\n\nWords that stand here."
    assert len(content.warnings) == 1 and "hidden part" in content.warnings[0]


@pytest.mark.parametrize(
    "body",
    [
        '<button>Accept</button><button aria-label="x">Copy</button>',
        '<button aria-controls="m">Menu</button><ul id="m" hidden><li><a href="/a">All our canals</a></li></ul>',
        '<div id="cookie-banner" hidden><p>We use cookies to improve your visit.</p></div>',
        '<button aria-controls="cookies">Cookies</button><dialog id="cookies"><p>Choose your cookies.</p></dialog>',
        "<noscript>Please enable JavaScript in your browser.</noscript>",
        '<div hidden>x</div><p aria-hidden="true">Icon</p>',
    ],
)  # fmt: skip
def test_the_frame_of_a_page_stays_out(body):
    content = page(body)
    assert content.text == "Help\n\nWords that stand here." and not content.warnings


def test_a_button_in_a_sentence_is_a_word_of_it():
    assert "Press Save now." in page("<p>Press <button>Save</button> now.</p>").text


def test_fault_html_collapsed():
    text = text_of(FAULT)
    for part in (
        "How do I return a bicycle?",
        "within 21 days",
        "What does a lost key cost?",
        "45 euros",
        "opens at ten",
    ):
        assert part in text


COLLAPSED = f'<button aria-expanded="false">Return?</button><div style="display:none"><p>{ANSWER}</p></div>'


@pytest.mark.parametrize("build", [office.epub, office.eml, office.html])
def test_formats_that_hold_pages_keep_collapsed_text(tmp_path, build):
    text = text_of(build(tmp_path, f"<p>First words.</p>{COLLAPSED}"))
    assert f"Return?\n\n{ANSWER}" in text


@pytest.mark.parametrize(
    "part",
    [
        '<button aria-controls="p{0}">Q {0} is?</button><div id="p{0}" hidden>Some text of part {0}.</div>',
        "10<sup>{0}</sup> and <s>x{0}</s> ",
        '<a href="https://a.example/{0}">l{0}</a> ',
        '<p>a<sup><a href="#n{0}">{0}</a></sup></p><p id="n{0}">{0}. text</p>',
    ],
)
def test_the_steps_of_a_page_grow_with_its_parts_alone(part):
    """Twice the parts take about twice the steps: a page of thousands of them must not stop a worker."""
    import sys

    def steps(count):
        counted = 0

        def count_calls(frame, event, argument):
            nonlocal counted
            counted += 1

        html = f"<body><p>x</p>{''.join(part.format(number) for number in range(count))}</body>"
        sys.setprofile(count_calls)
        try:
            page_content(html)
        finally:
            sys.setprofile(None)
        return counted

    assert steps(400) < 2.6 * steps(200)


# --- names of tabs ----------------------------------------------------------------------------------------------------

WINDOWS, LINUX = "<p>Run setup.exe as an administrator.</p>", "<p>Run setup.sh from a shell.</p>"
BARS = {
    "bootstrap 3": (
        '<ul class="nav nav-tabs" role="tablist"><li class="active"><a href="#w" data-toggle="tab">Windows</a></li>'
        '<li><a href="#l" data-toggle="tab">Linux</a></li></ul><div class="tab-content">'
        f'<div class="tab-pane active" id="w">{WINDOWS}</div><div class="tab-pane" id="l">{LINUX}</div></div>'
    ),
    "bootstrap 5": (
        '<nav><div class="nav nav-tabs"><button class="nav-link" data-bs-toggle="tab" data-bs-target="#w">Windows</button>'
        '<button class="nav-link" data-bs-toggle="tab" data-bs-target="#l">Linux</button></div></nav>'
        f'<div class="tab-content"><div class="tab-pane" id="w">{WINDOWS}</div>'
        f'<div class="tab-pane" id="l" hidden>{LINUX}</div></div>'
    ),
    "pills": (
        '<div class="nav nav-pills"><a data-bs-toggle="pill" href="#w">Windows</a><a data-bs-toggle="pill" href="#l">'
        f'Linux</a></div><div id="w">{WINDOWS}</div><div id="l" style="display:none">{LINUX}</div>'
    ),
    "aria": (
        '<div role="tablist"><span role="tab" aria-controls="w">Windows</span><span role="tab" aria-controls="l">Linux'
        f'</span></div><div role="tabpanel" id="w">{WINDOWS}</div><div role="tabpanel" id="l" hidden>{LINUX}</div>'
    ),
    "by order": (
        '<ul role="tablist" class="tabs"><li role="tab">Windows</li><li role="tab">Linux</li></ul>'
        f'<div><div role="tabpanel">{WINDOWS}</div><div role="tabpanel" hidden>{LINUX}</div></div>'
    ),
}


@pytest.mark.parametrize("bar", BARS.values(), ids=BARS)
def test_the_name_of_a_tab_stands_above_its_part(bar):
    text = page_content(f"<html><body><h1>Install</h1><p>Choose your system below.</p>{bar}</body></html>").text
    assert text == (
        "Install\n\nChoose your system below.\n\nWindows\n\nRun setup.exe as an administrator.\n\n"
        "Linux\n\nRun setup.sh from a shell."
    )


def test_a_tab_without_a_part_and_a_name_that_is_said_already():
    page = (
        '<div role="tablist"><a role="tab" href="/other">Other</a><a role="tab" href="#w">Windows</a></div>'
        '<div role="tabpanel" id="w"><h2>Windows 11</h2><p>Run setup.exe now.</p></div>'
    )
    text = page_content(f"<html><body><h1>Install</h1>{page}</body></html>").text
    assert text.count("Windows") == 1 and text.count("Other") == 1 and "Windows 11\n\nRun setup.exe now." in text
