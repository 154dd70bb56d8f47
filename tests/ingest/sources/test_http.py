"""One request after the other, as a polite reader makes them; what pages become is in test_web.py."""

from collections.abc import Iterator

import pytest

from ingest.sources.http import Web
from rag.errors import DocumentError, GoneError
from rag.settings import FetchSettings
from tests.ingest.site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    yield served
    served.close()


@pytest.fixture
def web() -> Iterator[Web]:
    opened = Web(FetchSettings(timeout_s=2, user_agent="our reader"))
    yield opened
    opened.close()


def body(web: Web, url: str, **headers: str) -> bytes:
    with web.get(url, headers) as reply:
        return b"".join(reply.pieces)


def test_a_reply_has_the_address_where_it_was_found_and_headers_by_lower_case_name(site: Site, web: Web) -> None:
    site.put("/new", "words", headers={"X-Mark": "7"})
    site.put("/old", b"", status=301, headers={"Location": "/new"})
    with web.get(f"{site.url}/old") as reply:
        assert (reply.url, reply.headers["x-mark"], reply.unchanged) == (f"{site.url}/new", "7", False)
        assert b"".join(reply.pieces) == b"words"
    assert site.agents == {"our reader"}


def test_what_did_not_change_has_no_body(site: Site, web: Web) -> None:
    site.put("/a", "words")
    with web.get(f"{site.url}/a") as first:
        mark = first.headers["etag"]
    with web.get(f"{site.url}/a", {"If-None-Match": mark}) as again:
        assert again.unchanged and list(again.pieces) == []


def test_the_rules_of_a_host_are_read_once(site: Site, web: Web) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /private\n", "text/plain")
    site.put("/a", "words")
    assert body(web, f"{site.url}/a") == body(web, f"{site.url}/a") == b"words"
    with pytest.raises(DocumentError, match="robots.txt"):
        body(web, f"{site.url}/private/x")
    assert site.asked("/private/x") == []


def test_an_answer_that_is_none_says_whether_to_come_back(site: Site, web: Web) -> None:
    site.put("/gone", b"", status=410)
    site.put("/busy", b"", status=503)
    with pytest.raises(GoneError):
        body(web, f"{site.url}/gone")
    with pytest.raises(DocumentError) as busy:
        body(web, f"{site.url}/busy")
    assert busy.value.transient and "503" in str(busy.value)


@pytest.mark.parametrize("url", ["http://", "http://[::bad/x", "ftp://example.org/x"])
def test_an_address_that_is_none_is_an_error_of_its_document(web: Web, url: str) -> None:
    with pytest.raises(DocumentError):
        body(web, url)
