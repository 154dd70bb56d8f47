"""What stands beside the cells of a sheet: headers and footers, comments, text boxes, charts, diagrams, pictures."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

from ingest.partition.clean import clip, one_line
from ingest.partition.docx_parts import diagram_text, running_text
from ingest.partition.layout import Piece
from ingest.partition.packages import Package

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_HEADER = re.compile(
    rb"<(?:\w+:)?(?:odd|even|first)(Header|Footer)(?:\s[^>]*)?>(.*?)</(?:\w+:)?(?:odd|even|first)", re.DOTALL
)
# &"Arial,Bold" &12 &K00FF00 &P &L: fonts, sizes, colours, fields and the three parts of the line.
_CODE = re.compile(r'&(?:"[^"]*"|K(?:[0-9A-Fa-f]{6}|\d\d[+-]\d{3})|\d+|([A-Za-z&]))')
_PARTS = {"L": " ", "C": " ", "R": " ", "&": "&"}
_UNREAD = {"oleObject": "embedded object", "package": "embedded file", "control": "control"}


@dataclass(frozen=True, slots=True)
class Beside:
    """The pieces that go above and below the cells of a sheet, and what of its parts was not read."""

    above: tuple[Piece, ...] = ()
    below: tuple[Piece, ...] = ()
    warnings: tuple[str, ...] = ()


def beside(package: Package, member: str, data: bytes) -> Beside:
    """Read the parts that a sheet refers to; `data` is the sheet itself."""
    relations = list(_relations(package, member))
    threads = dict(_threads(package, relations))
    below = [Piece("paragraph", text) for text in threads.values()]
    warnings: list[str] = []
    for kind, name in relations:
        if name in package.names and kind == "comments":
            found = _comments(package.xml(name))
            below += [Piece("paragraph", text) for place, text in found if place not in threads]
        elif name in package.names and kind == "drawing":
            below += (Piece("paragraph", text) for text in _drawing(package, name))
        elif kind in _UNREAD:
            warnings.append(f"the {_UNREAD[kind]} {clip(name)!r} was not read")
    return Beside(tuple(_running(data)), tuple(below), tuple(warnings))


def _relations(package: Package, member: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the name of each part that a part refers to."""
    for _, kind, name in _named(package, member):
        yield kind, name


def _named(package: Package, member: str) -> Iterator[tuple[str, str, str]]:
    folder, _, name = member.rpartition("/")
    root = package.optional_xml(f"{folder}/_rels/{name}.rels")
    for relation in root if root is not None else ():
        target = relation.get("Target", "")
        if relation.get("TargetMode") != "External":
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            yield relation.get("Id", ""), str(relation.get("Type", "")).rpartition("/")[2], path


def _running(data: bytes) -> Iterator[Piece]:
    if b"eader>" not in data and b"ooter>" not in data:
        return
    for kind, source in dict.fromkeys(_HEADER.findall(data)):
        text = _CODE.sub(
            lambda match: _PARTS.get(match.group(1) or "", ""), unescape(source.decode("utf-8", "replace"))
        )
        words = running_text([text])
        if words:
            yield Piece("paragraph", f"[{kind.decode().lower()}: {words}]")


def _comments(root: Any) -> Iterator[tuple[str, str]]:
    authors = [one_line(author.text or "") for author in root.iter("{*}author")]
    for comment in root.iter("{*}comment"):
        number, place = comment.get("authorId", ""), comment.get("ref", "")
        author = authors[int(number)] if number.isdecimal() and int(number) < len(authors) else ""
        runs = (*comment.iterfind("{*}text/{*}t"), *comment.iterfind("{*}text/{*}r/{*}t"))
        text = one_line("".join(run.text or "" for run in runs)).removeprefix(f"{author}:").strip()
        if text:
            yield place, _comment(author, place, text)


def _threads(package: Package, relations: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the cell and the whole text of each discussion; the comment of its cell only repeats it."""
    people = package.optional_xml("xl/persons/person.xml")
    names = {p.get("id"): p.get("displayName", "") for p in people.iter("{*}person")} if people is not None else {}
    said: dict[str, list[str]] = {}
    for kind, name in relations:
        if kind == "threadedComment" and name in package.names:
            for each in package.xml(name).iter("{*}threadedComment"):
                text = one_line(each.findtext("{*}text") or "")
                place = each.get("ref", "")
                said.setdefault(place, []).append(_comment(one_line(names.get(each.get("personId"), "")), place, text))
    for place, texts in said.items():
        yield place, " ".join(texts)


def _comment(author: str, place: str, text: str) -> str:
    return f"[comment{f' by {author}' if author else ''} at {place}: {text}]"


def _drawing(package: Package, name: str) -> Iterator[str]:
    root = package.xml(name)
    parts = {key: (kind, path) for key, kind, path in _named(package, name) if path in package.names}
    for body in root.iter("{*}txBody"):
        yield one_line(" ".join(_paragraphs(body)))
    for element in root.iter("{*}cNvPr"):
        description = one_line(element.get("descr") or "")
        if description:
            yield f"[image: {description}]"
    for element in root.iter("{*}chart", "{*}relIds"):
        _, path = parts.get(element.get(f"{_R}id") or element.get(f"{_R}dm") or "", ("", ""))
        if path and element.tag.endswith("chart"):
            words = "; ".join(
                filter(None, (one_line(" ".join(_paragraphs(rich))) for rich in package.xml(path).iter("{*}rich")))
            )
            yield f"[chart: {words}]" if words else ""
        elif path:
            words = diagram_text(package.xml(path))
            yield f"[diagram: {words}]" if words else ""


def _paragraphs(body: Any) -> Iterator[str]:
    for paragraph in body.iter(f"{_A}p"):
        yield "".join(text.text or "" for text in paragraph.iter(f"{_A}t"))
