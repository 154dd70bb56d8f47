"""TREC topics and qrels: a folder with `topics.tsv` (`id TAB text`) or `topics.txt` (<top> records) and `qrels*`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from eval.golden.imports import Imported, count
from eval.golden.new import NewCase
from rag.errors import GoldenSetError

_TOP = re.compile(r"<top>(.*?)</top>", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"<num>\s*(?:Number:)?\s*(\S+)", re.IGNORECASE)
_TITLE = re.compile(r"<title>\s*(?:Topic:)?\s*(.*?)\s*(?:</title>|(?=<desc>|<narr>|$))", re.DOTALL | re.IGNORECASE)


def read(source: Path, documents: Mapping[str, str]) -> Imported:
    """Return one case for every topic with a judgement; ids are taken back from percent-encoding.

    Raises:
        GoldenSetError: a file is missing or malformed.
    """
    topics = dict(_topics(source))
    left: list[str] = []
    relevant = _relevant(source, left)
    left += ["topic without a relevant document" for topic in topics if not relevant.get(topic)]
    cases = [
        NewCase(id=topic, question=text, relevant=relevant[topic], answerable=True, provenance="trec")
        for topic, text in topics.items()
        if relevant.get(topic)
    ]
    return Imported(cases, left_out=count(left))


def _topics(source: Path) -> Iterator[tuple[str, str]]:
    table, records = source / "topics.tsv", source / "topics.txt"
    if table.is_file():
        for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), start=1):
            topic, tab, text = line.partition("\t")
            if line.strip() and not (tab and text.strip()):
                raise GoldenSetError(f"{table.name}:{number}: needs an id, a tab and a text")
            if tab:
                yield unquote(topic.strip()), text.strip()
        return
    if not records.is_file():
        raise GoldenSetError(f"{source} holds neither topics.tsv nor topics.txt")
    for record in _TOP.findall(records.read_text(encoding="utf-8")):
        number_, title = _NUMBER.search(record), _TITLE.search(record)
        if number_ and title:
            yield unquote(number_[1]), " ".join(title[1].split())


def _relevant(source: Path, left: list[str]) -> dict[str, list[str]]:
    paths = sorted(path for path in source.iterdir() if path.name.startswith("qrels") and path.is_file())
    if not paths:
        raise GoldenSetError(f"{source} holds no file qrels*")
    found: dict[str, list[str]] = {}
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            fields = line.split()
            if not fields:
                continue
            if len(fields) != 4 or not fields[3].lstrip("-").isdigit():
                raise GoldenSetError(f"{path.name}:{number}: needs topic, iteration, document and relevance")
            if int(fields[3]) > 0:
                found.setdefault(unquote(fields[0]), []).append(unquote(fields[2]))
            else:
                left.append("judgement of not relevant")
    return found
