"""A small web server on the loopback whose pages a test can change, break and count."""

import gzip
import hashlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    body: bytes
    type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict = field(default_factory=dict)
    etag: bool = True
    slow_s: float = 0.0


class Site:
    """`pages` by path; `log` holds `(path, status)` of every answer but robots.txt's."""

    def __init__(self):
        self.pages, self.log, self.agents, self.bytes_sent = {}, [], set(), 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                site.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def put(self, path, body, type="text/html; charset=utf-8", **more):
        self.pages[path] = Page(body.encode() if isinstance(body, str) else body, type, **more)

    def html(self, path, words):
        self.put(path, f"<html><body><main><h1>{words}</h1><p>About {words}.</p></main></body></html>")

    def sitemap(self, path, *places, root="urlset", pack=False):
        entry = "url" if root == "urlset" else "sitemap"
        namespace = "http://www.sitemaps.org/schemas/sitemap/0.9"
        body = "".join(f"<{entry}><loc>{place}</loc></{entry}>" for place in places)
        text = f'<?xml version="1.0"?><{root} xmlns="{namespace}">{body}</{root}>'.encode()
        self.put(path, gzip.compress(text) if pack else text, "application/xml")

    def asked(self, path):
        return [status for asked, status in self.log if asked == path]

    def answer(self, request):
        page = self.pages.get(request.path, Page(b"no such page", status=404))
        self.agents.add(request.headers["User-Agent"])
        etag = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
        unchanged = page.status == 200 and page.etag and request.headers.get("If-None-Match") == etag
        status = 304 if unchanged else page.status
        if request.path != "/robots.txt":
            self.log.append((request.path, status))
        time.sleep(page.slow_s)
        request.send_response(status)
        if page.etag:
            request.send_header("ETag", etag)
        for name, value in page.headers.items():
            request.send_header(name, value)
        if unchanged:
            request.end_headers()
            return
        request.send_header("Content-Type", page.type)
        request.send_header("Content-Length", str(len(page.body)))
        request.end_headers()
        self.bytes_sent += len(page.body)
        try:
            request.wfile.write(page.body)
        except ConnectionError:
            pass
