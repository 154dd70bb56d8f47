"""How much of what pypdf reads on each page of real PDFs is in our text of that page, and how fast we read.

    python -m tests.accept.pdf_words FOLDER [--cells FILE --corpus NAME] [--worst 5] [--json OUT]

Words are compared as a multiset, page by page, after the same normalisation on both sides: ligatures resolved, case
folded, hyphens taken out together with the white space after them (so that a word parted at a line's end is one).
`--cells` names a JSONL file of hand-listed table cells, `{"file", "page", "row", "column", "value"}`; each is asked of
the ingested corpus as "ROW COLUMN" (or as its own `question`) and counts as found when one hit, or one passage of the
context, holds the value, the words of the row and those of the column header.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.partition import partition_file
from rag.pipeline import RagPipeline, Request
from rag.types import Document

_HYPHEN = re.compile(r"[-\u2010\u2011\u00ad]\s*")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class PageWords:
    """One page: how many words pypdf reads there, how many of them we have, with and without running lines."""

    file: str
    page: int
    words: int
    found: int
    found_in_body: int
    missing: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of pypdf's words that are in our text of the page."""
        return self.found / self.words if self.words else 1.0


def words_of(text: str) -> Counter[str]:
    """Return the multiset of normalised words of a text."""
    return Counter(_WORD.findall(_HYPHEN.sub("", unicodedata.normalize("NFKC", text).casefold())))


def page_texts(document: Document, *, margins: bool) -> dict[int, str]:
    """Return our text of each page, with or without its running headers and footers."""
    texts: dict[int, list[str]] = {}
    for block in document.blocks:
        if margins or block.kind != "margin":
            texts.setdefault(block.page or 0, []).append(document.text[block.span.start : block.span.end])
    return {page: "\n".join(parts) for page, parts in texts.items()}


def compared(path: Path, document: Document) -> Iterator[PageWords]:
    """Compare every page of a file with what pypdf reads there."""
    from pypdf import PdfReader

    whole, body = page_texts(document, margins=True), page_texts(document, margins=False)
    for number, page in enumerate(PdfReader(path).pages, start=1):
        theirs = words_of(page.extract_text())
        missing = theirs - words_of(whole.get(number, ""))
        total = theirs.total()
        missing_in_body = (theirs - words_of(body.get(number, ""))).total()
        yield PageWords(
            path.name,
            number,
            total,
            total - missing.total(),
            total - missing_in_body,
            tuple(sorted(missing.elements())),
        )


def timed(read: Callable[[], Document]) -> tuple[Document, float]:
    """Return what was read and the seconds that it took."""
    started = time.perf_counter()
    document = read()
    return document, time.perf_counter() - started


def main() -> None:
    """Print the table; exit with 1 if a page is below 99 %."""
    arguments = _arguments()
    pages: list[PageWords] = []
    seconds: dict[str, float] = {}
    for path in sorted(arguments.folder.rglob("*.pdf")):
        document, took = timed(lambda path=path: partition_file(path, path.name))  # type: ignore[misc]
        found = list(compared(path, document))
        seconds[path.name] = took / len(found)
        pages += found
        _print_file(path.name, found, took)
    worst = sorted(pages, key=lambda page: page.share)[: arguments.worst]
    for page in worst:
        print(
            f"  worst: {page.file} p{page.page} {page.share:.4f} of {page.words}; missing {' '.join(page.missing[:12])}"
        )
    below = sum(page.share < 0.99 for page in pages)
    bare = sum(page.found_in_body < 0.99 * page.words for page in pages)
    speed = sum(seconds.values()) / len(seconds)
    print(
        f"pages {len(pages)}, below 99 %: {below} (without running lines {bare}); {_share(pages)}; s/page {speed:.4f}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps({"pages": [asdict(p) for p in pages], "seconds_per_page": seconds}))
    if arguments.cells:
        print_cells(arguments.cells, arguments.corpus)
    raise SystemExit(1 if below else 0)


def _print_file(name: str, pages: list[PageWords], took: float) -> None:
    low = min(pages, key=lambda page: page.share)
    speed = f"{took / len(pages):.4f} s/page"
    print(f"{name}: {len(pages)} pages, {_share(pages)}, lowest {low.share:.4f} (p{low.page}), {speed}")


def _share(pages: list[PageWords]) -> str:
    total = sum(page.words for page in pages) or 1
    whole, body = sum(page.found for page in pages) / total, sum(page.found_in_body for page in pages) / total
    return f"words {whole:.5f} (without running lines {body:.5f}) of {total}"


# --- table cells ------------------------------------------------------------------------------------------------------


def holds(cell: Mapping[str, object], text: str) -> bool:
    """Say whether a text holds a cell's value as a figure of its own and every word of its row and column header."""
    value = re.escape(str(cell["value"]))
    there = re.search(rf"(?<![\d.,]){value}(?![\d]|[.,]\d)", text)
    held = words_of(text)
    return bool(there) and not (set(words_of(f"{cell['row']} {cell['column']}")) - set(held))


def print_cells(cells: Path, corpus: str) -> None:
    """Ask for every cell and print in how many of the hits and of the contexts it is found."""
    from rag.runtime import open_runtime
    from rag.settings import load_settings

    rows = [json.loads(line) for line in cells.read_text().splitlines() if line.strip()]
    counts: Counter[str] = Counter()
    with open_runtime(load_settings()) as runtime:
        for cell in rows:
            found = asyncio.run(_places(runtime.pipeline, cell, corpus))
            counts.update(found)
            if "top 10" not in found or "context" not in found:
                print(f"  {', '.join(found) or 'nowhere'}: {cell}")
    print(f"cells {len(rows)}: " + ", ".join(f"{place} {counts[place]}" for place in PLACES))


PLACES = ("top 1", "top 5", "top 10", "context", "same file in top 10")


async def _places(pipeline: RagPipeline, cell: Mapping[str, str], corpus: str) -> list[str]:
    """Return where a passage stands that holds the cell with its row and column header (text and heading path)."""
    request = Request(cell.get("question") or f"{cell['row']} {cell['column']}", corpus, top_k=10)
    result = await pipeline.context(request)
    held = [holds(cell, _with_path(hit.chunk.headings, hit.chunk.text)) for hit in result.search.hits]
    packed = [holds(cell, _with_path(passage.headings, passage.text)) for passage in result.context.passages]
    same = any(ok and hit.chunk.doc_id == cell["file"] for ok, hit in zip(held, result.search.hits, strict=True))
    return [p for p, ok in zip(PLACES, (any(held[:1]), any(held[:5]), any(held), any(packed), same), strict=True) if ok]


def _with_path(headings: Sequence[str], text: str) -> str:
    return "\n".join([*headings, text])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cells", type=Path)
    parser.add_argument("--corpus", default="")
    parser.add_argument("--worst", type=int, default=5)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
