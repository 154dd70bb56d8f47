import gzip
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.pipeline import IngestOptions, ingest
from ingest.sources import Reach, resolve
from ingest.sources.addresses import page_id
from ingest.sources.reading import read_document
from rag.errors import DocumentError, FetchError, GoneError, PruneRefusedError, SourceError
from rag.settings import FetchSettings, PartitionSettings
from tests.ingest.site import Site


class Remembered(dict):
    def record(self, uri, known):
        self[uri] = known


@pytest.fixture
def site():
    served = Site()
    yield served
    served.close()


@pytest.fixture
def reach(tmp_path):
    with Reach(FetchSettings(timeout_s=2, max_file_mb=1), tmp_path / "spool", Remembered()) as opened:
        yield opened


def fetched(url, reach):
    """Return the document of one page, read as the workers read it."""
    (item,) = reach.brought(resolve([url], reach).items, {})
    return read_document(item, PartitionSettings())


def failure(url, reach):
    with pytest.raises(DocumentError) as caught:
        fetched(url, reach)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_page_becomes_a_document_with_its_address(site, reach):
    site.html("/docs/disks", "Disk trays")
    site.pages["/docs/disks"].headers["Last-Modified"] = "Wed, 21 Oct 2015 07:28:00 GMT"
    document = fetched(f"{site.url}/docs/disks#part", reach)
    assert document.doc_id == f"{site.host}/docs/disks" and document.title == "Disk trays"
    assert document.uri == f"{site.url}/docs/disks" and "About Disk trays." in document.text
    assert document.source_hash == hashlib.sha256(site.pages["/docs/disks"].body).hexdigest()
    assert document.metadata == {"modified": "2015-10-21T07:28:00+00:00", "format": "html"}
    assert site.agents == {"ragwright"}


def test_the_content_type_decides_where_the_path_does_not(site, reach):
    site.put("/notes", "# Head\n\nWords.\n", "text/markdown")
    site.put("/table.csv", "a,b\n1,2\n", "application/octet-stream")
    site.put("/picture", b"\x89PNG", "image/png")
    assert fetched(f"{site.url}/notes", reach).media_type == "text/markdown"
    assert fetched(f"{site.url}/table.csv", reach).metadata["format"] == "csv"
    assert "image/png is not supported" in str(failure(f"{site.url}/picture", reach))


def test_the_charset_of_the_header_counts_unless_it_is_wrong(site, reach):
    page = "<html><head><meta charset='utf-8'></head><body><p>Größe über {}</p></body></html>"
    site.put("/latin", page.format("alles").encode("latin-1"), "text/html; charset=ISO-8859-1")
    site.put("/lie", page.format("nichts").encode(), "text/html; charset=ascii")
    site.put("/odd", page.format("odd").encode(), "text/html; charset=no-such")
    assert "Größe über alles" in fetched(f"{site.url}/latin", reach).text
    assert "Größe über nichts" in fetched(f"{site.url}/lie", reach).text
    assert "Größe über odd" in fetched(f"{site.url}/odd", reach).text


def test_packed_bodies_are_unpacked_and_measured(site, reach):
    packed = {"Content-Encoding": "gzip"}
    site.put("/packed.txt", gzip.compress(b"Plain words. " * 20), "text/plain", headers=packed)
    site.put("/bomb.txt", gzip.compress(b"\0" * 3_000_000), "text/plain", headers=packed)
    site.put("/broken.txt", b"no gzip", "text/plain", headers=packed)
    site.put("/brotli.txt", b"?", "text/plain", headers={"Content-Encoding": "br"})
    assert fetched(f"{site.url}/packed.txt", reach).text == "Plain words. " * 20
    assert "larger than 1 MB" in str(failure(f"{site.url}/bomb.txt", reach))
    assert "damaged" in str(failure(f"{site.url}/broken.txt", reach))
    assert "'br'" in str(failure(f"{site.url}/brotli.txt", reach))


def test_a_huge_body_is_cut_off_while_it_comes(site, reach):
    site.put("/huge.txt", b"x" * 3_000_000, "text/plain")
    assert "larger than 1 MB; raise ingest.fetch.max_file_mb" in str(failure(f"{site.url}/huge.txt", reach))
    assert {path.name for path in reach.folder().parent.iterdir()} == {".lock", "2"}


def test_redirects_lead_to_the_canonical_address_and_end(site, reach):
    site.html("/new", "Moved words")
    site.put("/old", b"", status=301, headers={"Location": "/new"})
    site.put("/loop", b"", status=302, headers={"Location": "/loop"})
    site.put("/file", b"", status=302, headers={"Location": "file:///etc/passwd"})
    document = fetched(f"{site.url}/old", reach)
    assert document.doc_id == f"{site.host}/old" and document.uri == f"{site.url}/new"
    assert "redirects more than" in str(failure(f"{site.url}/loop", reach))
    assert "no page of the web" in str(failure(f"{site.url}/file", reach))


@pytest.mark.parametrize(
    ("status", "kind", "transient"),
    [(500, FetchError, True), (503, FetchError, True), (429, FetchError, True), (404, GoneError, False),
     (410, GoneError, False), (403, DocumentError, False)],
)  # fmt: skip
def test_what_a_server_refuses_is_named(site, reach, status, kind, transient):
    site.put("/page", b"no", status=status)
    error = failure(f"{site.url}/page", reach)
    assert type(error) is kind and error.transient is transient and str(status) in str(error)


def test_silence_and_absence_are_transient(site, reach, tmp_path):
    site.html("/slow", "x")
    site.pages["/slow"].slow_s = 1.0
    with Reach(FetchSettings(timeout_s=0.2, obey_robots=False), tmp_path / "other") as hasty:
        error = failure(f"{site.url}/slow", hasty)
    assert error.transient and "no answer within 0.2 s" in str(error)
    error = failure("http://127.0.0.1:9/page", reach)
    assert error.transient and "cannot be reached" in str(error)


def test_robots_are_obeyed_and_can_be_overruled(site, reach, tmp_path):
    site.put("/robots.txt", "User-agent: ragwright\nDisallow: /private/*.html$\n", "text/plain")
    site.html("/private/a.html", "secret")
    site.html("/private/a.html?x", "open")
    assert "robots.txt" in str(failure(f"{site.url}/private/a.html", reach))
    assert "open" in fetched(f"{site.url}/private/a.html?x", reach).text
    assert site.asked("/private/a.html") == []
    with Reach(FetchSettings(obey_robots=False), tmp_path / "other") as free:
        assert "secret" in fetched(f"{site.url}/private/a.html", free).text


def test_a_redirect_into_a_forbidden_place_is_not_followed(site, reach):
    site.put("/robots.txt", "User-agent: *\nDisallow: /private\n", "text/plain")
    site.html("/private", "secret")
    site.put("/open", b"", status=302, headers={"Location": "/private"})
    assert "robots.txt" in str(failure(f"{site.url}/open", reach)) and site.asked("/private") == []


def test_robots_that_cannot_be_read_forbid_for_now(site, reach):
    site.put("/robots.txt", b"", status=500)
    site.html("/a", "words")
    error = failure(f"{site.url}/a", reach)
    assert error.transient and "robots.txt" in str(error) and site.asked("/a") == []


def test_pauses_are_kept(site, tmp_path):
    from ingest.sources.http import Web

    now, slept = [0.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    site.put("/robots.txt", "User-agent: *\nCrawl-delay: 7\n", "text/plain")
    site.html("/a", "words")
    web = Web(FetchSettings(delay_s=2), lambda: now[0], sleep)
    for _ in range(2):
        with web.get(f"{site.url}/a"):
            pass
    web.close()
    assert slept == [7, 7]
    web = Web(FetchSettings(delay_s=2, obey_robots=False), lambda: now[0], sleep)
    for _ in range(2):
        with web.get(f"{site.url}/a"):
            pass
    web.close()
    assert slept == [7, 7, 2]


def test_sitemaps_give_the_pages_of_their_host_once(site, reach):
    site.sitemap("/sitemap.xml", f"{site.url}/a.xml", f"{site.url}/b.xml.gz", root="sitemapindex")
    site.sitemap("/a.xml", f"{site.url}/one", f"{site.url}/two?x=1", f"{site.url}/one#top", "https://other.example/x")
    site.sitemap("/b.xml.gz", f"{site.url}/three", f"{site.url}/one", pack=True)
    found = resolve([f"{site.url}/sitemap.xml"], reach)
    assert [item.doc_id for item in found.items] == [f"{site.host}/{x}" for x in ("one", "two?x=1", "three")]
    assert found.failures == [] and "1 addresses on other hosts" in found.warnings[0]


def test_a_sitemap_that_is_not_whole_is_a_failure_of_listing(site, reach, tmp_path):
    site.sitemap("/index.xml", f"{site.url}/a.xml", f"{site.url}/gone.xml", root="sitemapindex")
    site.sitemap("/a.xml", f"{site.url}/one")
    found = resolve([f"{site.url}/index.xml"], reach)
    assert [item.doc_id for item in found.items] == [f"{site.host}/one"]
    assert [failure.name for failure in found.failures] == [f"{site.url}/gone.xml"]
    for body, reason in [
        ("<html/>", "no sitemap"),
        ("<urlset", "no XML"),
        (gzip.compress(b" " * 3_000_000), "unpacks to more"),
        (b"\x1f\x8bxx", "no gzip"),
    ]:
        site.put("/odd.xml", body)
        assert reason in resolve([f"{site.url}/odd.xml"], reach).failures[0].reason
    site.sitemap("/loop.xml", f"{site.url}/loop.xml", root="sitemapindex")
    with pytest.raises(SourceError, match="holds no documents"):
        site.sitemap("/none.xml")
        resolve([f"{site.url}/none.xml"], reach)
    site.sitemap("/many.xml", *(f"{site.url}/{n}" for n in range(5)))
    with Reach(FetchSettings(max_pages=3), tmp_path / "other") as small:
        found = resolve([f"{site.url}/many.xml"], small)
        assert len(found.items) == 3 and "more than 3 pages" in found.failures[0].reason
    assert "cannot be reached" in resolve(["http://127.0.0.1:9/sitemap.xml"], reach).failures[0].reason


def test_entities_of_a_sitemap_are_not_expanded(site, reach):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
    site.put(
        "/s.xml", f"{bomb}<urlset><url><loc>{site.url}/&f;&a;</loc></url><url><loc>{site.url}/x</loc></url></urlset>"
    )
    assert f"{site.host}/x" in [item.doc_id for item in resolve([f"{site.url}/s.xml"], reach).items]
    assert not any("aaaa" in item.doc_id for item in resolve([f"{site.url}/s.xml"], reach).items)


@pytest.mark.parametrize(
    ("url", "doc_id"),
    [
        ("https://x.example/a%20b/%C3%A9", "x.example/a b/é"),
        ("https://x.example/", "x.example/"),
        ("https://x.example/a%2Fb", "x.example/a%2Fb"),
        ("https://x.example/%ff?q=1", "x.example/%ff?q=1"),
    ],
)
def test_ids_of_pages_are_readable(url, doc_id):
    assert page_id(url) == doc_id


@given(st.lists(st.text(st.sampled_from("a/%2Fé 5"), max_size=8), min_size=2, max_size=2, unique=True))
def test_two_pages_never_share_an_id(paths):
    from urllib.parse import quote

    first, second = (f"https://x.example/{quote(path)}" for path in paths)
    assert page_id(first) != page_id(second)


def test_addresses_that_are_none(reach):
    for source in ("https://", "http:///x", "https://user:pw@x.example/a", "https://x.example:port/"):
        with pytest.raises(SourceError):
            resolve([source], reach)
    with pytest.raises(SourceError, match=r"no kind of source 'htp'.*one of:.*https.*s3"):
        resolve(["htp://x.example"], reach)


def test_unchanged_is_taken_as_an_answer_only_for_what_readers_have(site, reach):
    site.html("/a", "words")
    (item,) = resolve([f"{site.url}/a"], reach).items
    content = hashlib.sha256(site.pages["/a"].body).hexdigest()
    assert reach.source_hash(item, set(), False) == "" and site.asked("/a") == []
    assert reach.source_hash(item, set(), True) == content
    assert reach.source_hash(item, {content}, True) == content
    assert reach.source_hash(item, {"another"}, True) == content
    assert site.asked("/a") == [200, 304, 200]


def run(site, runtime, *sources, **options):
    return ingest(list(sources) or [f"{site.url}/sitemap.xml"], "kb", runtime, IngestOptions(**options))


def counts(report):
    return report.added, report.changed, report.removed, report.unchanged


def test_one_edited_page_costs_one_body(site, runtime, tmp_path):
    names = [f"p{n}" for n in range(6)]
    for name in names:
        site.html(f"/{name}", f"topic {name}")
    site.sitemap("/sitemap.xml", *(f"{site.url}/{name}" for name in names))
    assert counts(run(site, runtime)) == (6, 0, 0, 0)
    assert len([status for path, status in site.log if path != "/sitemap.xml"]) == 6
    site.html("/p3", "another topic")
    site.log.clear()
    report = run(site, runtime)
    assert counts(report) == (0, 1, 0, 5) and report.failed == ()
    answers = {path: status for path, status in site.log if path != "/sitemap.xml"}
    assert answers == {f"/{name}": 200 if name == "p3" else 304 for name in names} and len(site.log) == 7
    assert "another topic" in runtime.view("kb")[0][f"{site.host}/p3"]
    assert not any(path.is_dir() for path in (tmp_path / "home" / "spool").iterdir())

    # What fails keeps its version and is asked without conditions; what is gone leaves only with a prune.
    site.pages["/p0"].status = 500
    site.pages["/p1"].status = 404
    report = run(site, runtime)
    assert counts(report) == (0, 0, 0, 6) and [x.doc_id for x in report.failed] == [f"{site.host}/p0"]
    with pytest.raises(PruneRefusedError, match="more than 10%"):
        run(site, runtime, prune=True, allow_delete_over=0.1)
    assert counts(run(site, runtime, prune=True)) == (0, 0, 1, 5)

    pages = [page for path, page in site.pages.items() if path != "/sitemap.xml"]
    for page in pages:
        page.status = 404
    with pytest.raises(PruneRefusedError, match="would empty the corpus"):
        run(site, runtime, prune=True, allow_delete_over=1.0)

    # A site that cannot be read never looks like an empty one.
    site.pages["/sitemap.xml"].status = 503
    (tmp_path / "a.md").write_text("# local")
    with pytest.raises(PruneRefusedError, match=r"sitemap.xml.*503"):
        run(site, runtime, f"{site.url}/sitemap.xml", str(tmp_path / "a.md"), prune=True, allow_delete_over=1.0)
    assert len(runtime.view("kb")[0]) == 5


def test_a_page_that_needs_work_is_fetched_whole(site, runtime, make_runtime):
    site.html("/a", "first words")
    site.put("/empty", "<html></html>")
    urls = f"{site.url}/a", f"{site.url}/empty"
    assert counts(run(site, runtime, *urls)) == (1, 0, 0, 0)
    site.log.clear()
    assert [x.doc_id for x in run(site, runtime, *urls).failed] == [f"{site.host}/empty"]
    assert site.log == [("/a", 304), ("/empty", 200)]
    site.log.clear()
    other = make_runtime(chunker={"max_tokens": 60})
    other.opened = runtime.opened
    assert counts(run(site, other, urls[0])) == (0, 0, 0, 1)  # the stored text is cut anew
    assert site.log == [("/a", 304)]
