"""What stands beside the points of a slide: footers, comments of reviewers, numbers of automatic lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ingest.partition.clean import one_line
from ingest.partition.docx_parts import running_text
from ingest.partition.numerals import word_numeral
from ingest.partition.packages import parse_xml

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_RUNNING = {"ftr": "footer", "hdr": "header"}
_STYLES = {"arabic": "decimal", "alphaLc": "lowerLetter", "alphaUc": "upperLetter", "romanLc": "lowerRoman",
           "romanUc": "upperRoman", "circleNum": "decimalEnclosedCircle", "ea1Chs": "chineseCounting",
           "ea1Jpn": "japaneseCounting", "thaiAlpha": "thaiLetters"}  # fmt: skip
_MARKS = {"Period": "{}.", "ParenR": "{})", "ParenBoth": "({})", "Minus": "{}-", "Plain": "{}"}
_TYPE = re.compile(r"(\w+?)(Period|ParenR|ParenBoth|Minus|Plain|DbPlain|WdBlackPlain|WdWhitePlain|)")


def running(slide: Any) -> Iterator[str]:
    """Yield the header and footer that a slide shows, less those that only count slides."""
    for shape in slide.placeholders:
        kind = _RUNNING.get(str(shape._element.ph.get("type")), "")
        words = running_text([shape.text_frame.text]) if kind and shape.has_text_frame else ""
        if words:
            yield f"[{kind}: {words}]"


def comments(slide: Any) -> Iterator[str]:
    """Yield the comments on a slide, old ones and discussions."""
    authors = _authors(slide)
    for relation in slide.part.rels.values():
        if relation.is_external or not relation.reltype.endswith("/comments"):
            continue
        for each in parse_xml(relation.target_part.blob, "comments").iter("{*}cm", "{*}reply"):
            own = [part for part in each if _local(part) in {"text", "txBody"}]
            text = one_line(" ".join(_letters(part) for part in own))
            author = authors.get(each.get("authorId", ""), "")
            if text:
                yield f"[comment{f' by {author}' if author else ''}: {text}]"


def _authors(slide: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for relation in slide.part.package.presentation_part.rels.values():
        if not relation.is_external and relation.reltype.endswith(("/commentAuthors", "/authors")):
            for author in parse_xml(relation.target_part.blob, "authors"):
                found[author.get("id", "")] = one_line(author.get("name") or "")
    return found


def _letters(part: Any) -> str:
    return part.text or "" if _local(part) == "text" else " ".join(text.text or "" for text in part.iter(f"{_A}t"))


def number_points(root: Any) -> bool:
    """Write the numbers of automatic lists into their letters; return whether there are any."""
    changed = False
    for body in {paragraph.getparent() for paragraph in root.iter(f"{_A}p")}:
        counts: dict[int, int] = {}
        for paragraph in body.iterchildren(f"{_A}p"):
            changed = _number(paragraph, counts) or changed
    return changed


def _number(paragraph: Any, counts: dict[int, int]) -> bool:
    properties, first = paragraph.find(f"{_A}pPr"), paragraph.find(f"{_A}r/{_A}t")
    depth = int(properties.get("lvl", "0")) if properties is not None else 0
    for deeper in [key for key in counts if key > depth]:
        del counts[deeper]
    form = properties.find(f"{_A}buAutoNum") if properties is not None else None
    if form is None or first is None:
        counts.pop(depth, None)
        return False
    start = form.get("startAt", "1")
    counts[depth] = counts.get(depth, (int(start) if start.isdecimal() else 1) - 1) + 1
    match = _TYPE.fullmatch(form.get("type", ""))
    style, mark = match.groups() if match else ("arabic", "Period")
    shown = word_numeral(counts[depth], _STYLES.get(style, "decimal"))
    first.text = f"{_MARKS.get(mark, '{}').format(shown)} {first.text or ''}"
    return True


def _local(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
