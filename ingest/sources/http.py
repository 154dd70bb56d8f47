"""The web as a polite reader sees it: robots.txt, a pause between requests, limits on size and time.

The only file that imports httpx. Redirects are followed by hand, so that every hop is asked of its own robots.txt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from protego import Protego

from ingest.partition.clean import one_line
from rag.errors import DocumentError, FetchError, GoneError
from rag.settings import FetchSettings

_MAX_HOPS = 10
_MAX_ROBOTS_BYTES = 512 * 1024
_DEADLINE_FACTOR = 20
_GONE = {404, 410}
_BUSY = {408, 425, 429}
_ENCODINGS = {"", "identity", "gzip", "deflate"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body is yet to be read: `unchanged` ones have none. `headers` are by lower-case name."""

    url: str
    headers: Mapping[str, str]
    unchanged: bool
    pieces: Generator[bytes]


@dataclass(slots=True)
class _Host:
    """What is known of a host in this run: its rules (None: everything is allowed), and when it may be asked again."""

    rules: Protego | None = None
    problem: str = ""
    free_at: float = 0.0
    delay_s: float = field(default=0.0)


class Web:
    """Reads pages for one run, one request at a time."""

    def __init__(
        self,
        settings: FetchSettings,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        # gzip only: what unpacks a thousandfold in one step could not be stopped by a limit.
        headers = {"User-Agent": settings.user_agent, "Accept-Encoding": "gzip"}
        self._client = httpx.Client(headers=headers, timeout=settings.timeout_s, follow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Reply]:
        """Ask for a page and follow redirects; leaving the block closes the answer.

        Raises:
            FetchError: the server cannot be reached or fails; it may answer later.
            GoneError: it says 404 or 410.
            DocumentError: it refuses, robots.txt forbids it, or it redirects without end.
        """
        with _translated(self._settings.timeout_s):
            response = self._follow(url, headers or {})
            try:
                _check_status(response)
                unchanged = response.status_code == httpx.codes.NOT_MODIFIED
                pieces = _nothing() if unchanged else self._pieces(response)
                yield Reply(str(response.url), dict(response.headers), unchanged, pieces)
            finally:
                response.close()

    def _follow(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        for _ in range(_MAX_HOPS):
            target = httpx.URL(url)
            if target.scheme not in {"http", "https"} or not target.host:
                raise DocumentError(f"it leads to {url}, which is no page of the web")
            self._ask_permission(target)
            response = self._request(target, headers)
            if not response.has_redirect_location:
                return response
            response.close()
            url = str(target.join(response.headers["location"]))
        raise DocumentError(f"it redirects more than {_MAX_HOPS} times")

    def _request(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        host = self._hosts.setdefault(_origin(url), _Host())
        pause = host.free_at - self._clock()
        if pause > 0:
            self._sleep(pause)
        try:
            return self._client.send(self._client.build_request("GET", url, headers=headers), stream=True)
        finally:
            host.free_at = self._clock() + max(self._settings.delay_s, host.delay_s)

    def _pieces(self, response: httpx.Response) -> Generator[bytes]:
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in _ENCODINGS:
            raise DocumentError(f"the server packed it as {encoding!r}, which was not asked for")
        # A server that sends a byte now and then never runs into the time limit of a single read.
        deadline = self._clock() + _DEADLINE_FACTOR * self._settings.timeout_s
        for piece in response.iter_bytes():
            if self._clock() > deadline:
                raise FetchError(f"it took longer than {_DEADLINE_FACTOR * self._settings.timeout_s:g} s to arrive")
            yield piece

    # --- robots.txt -------------------------------------------------------------------------------------------------

    def _ask_permission(self, url: httpx.URL) -> None:
        if not self._settings.obey_robots:
            return
        origin = _origin(url)
        if origin not in self._hosts:
            self._hosts[origin] = _Host()
            self._read_rules(origin, self._hosts[origin])
        host = self._hosts[origin]
        if host.problem:
            raise FetchError(f"robots.txt of {origin} cannot be read ({host.problem}), so nothing is taken from there")
        if host.rules and not host.rules.can_fetch(str(url), self._settings.user_agent):
            raise DocumentError(
                f"robots.txt of {origin} forbids it; if you may read it, set ingest.fetch.obey_robots to false"
            )

    def _read_rules(self, origin: str, host: _Host) -> None:
        """Read a host's robots.txt as RFC 9309 says: none allows everything, a failing server nothing."""
        try:
            with _translated(self._settings.timeout_s):
                host.rules = self._rules(httpx.URL(f"{origin}/robots.txt"))
        except DocumentError as error:
            host.problem = str(error)
        if host.rules:
            asked = host.rules.crawl_delay(self._settings.user_agent) or 0.0
            host.delay_s = float(asked)
            host.free_at = max(host.free_at, self._clock() + host.delay_s)

    def _rules(self, url: httpx.URL) -> Protego | None:
        for _ in range(_MAX_HOPS // 2):
            response = self._request(url, {})
            try:
                if not response.has_redirect_location:
                    return self._parsed(response)
            finally:
                response.close()
            url = url.join(response.headers["location"])
        return None

    def _parsed(self, response: httpx.Response) -> Protego | None:
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or response.status_code in _BUSY:
            raise FetchError(_status(response))
        if response.status_code != httpx.codes.OK:
            return None
        body = b""
        for piece in self._pieces(response):
            body += piece
            if len(body) > _MAX_ROBOTS_BYTES:
                break
        return Protego.parse(body[:_MAX_ROBOTS_BYTES].decode("utf-8", "replace"))


def _nothing() -> Generator[bytes]:
    yield from ()


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _check_status(response: httpx.Response) -> None:
    code = response.status_code
    if code in _GONE:
        raise GoneError(f"it is gone: {_status(response)}")
    if code >= httpx.codes.INTERNAL_SERVER_ERROR or code in _BUSY:
        raise FetchError(f"{_status(response)}; run it again later")
    if code not in {httpx.codes.OK, httpx.codes.NOT_MODIFIED}:
        raise DocumentError(f"{_status(response)}; check that it can be read without signing in")


def _status(response: httpx.Response) -> str:
    return f"the server says {response.status_code} {response.reason_phrase}".rstrip()


@contextmanager
def _translated(timeout_s: float) -> Iterator[None]:
    """Turn the client's errors into ours: no answer is transient, a wrong address or a broken body is not."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise FetchError(f"no answer within {timeout_s:g} s; raise ingest.fetch.timeout_s or try later") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise DocumentError(f"the address cannot be used: {one_line(str(error))}") from error
    except httpx.DecodingError as error:
        raise DocumentError(f"its body is damaged: {one_line(str(error))}") from error
    except httpx.HTTPError as error:
        raise FetchError(f"it cannot be reached: {one_line(str(error)) or type(error).__name__}") from error
