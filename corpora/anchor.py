"""Re-resolve the offsets of gold quotes in a golden set's questions.jsonl.

    python corpora/anchor.py            rewrite start and end of every gold span
    python corpora/anchor.py --check    write nothing; exit 1 when any would change

Every span's `text` is looked up in the clean text of its document, which comes
from `ingest.partition.partition_file`. A quote that is missing, or that occurs
more than once without an `nth` (1-based) field, is an error; all are listed,
nothing is written, and the exit status is 2.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def clean_text(docs: Path, doc_id: str) -> str:
    from ingest.partition import partition_file  # late: it pulls in the file parsers

    return partition_file(docs / doc_id, doc_id).text


def places(text: str, quote: str) -> list[int]:
    found, at = [], text.find(quote)
    while at >= 0:
        found.append(at)
        at = text.find(quote, at + 1)
    return found


def anchor(
    rows: list[dict[str, Any]], text_of: Callable[[str], str]
) -> tuple[int, list[str]]:
    """Set start and end of every span in place; return how many changed, and the errors."""
    changed, errors = 0, []
    texts: dict[str, str | Exception] = {}
    for row in rows:
        for span in row.get("relevant", []):
            doc_id, quote = span["doc_id"], span["text"]
            if doc_id not in texts:
                try:
                    texts[doc_id] = text_of(doc_id)
                except Exception as err:  # noqa: BLE001 - one unreadable file must not hide the other errors
                    texts[doc_id] = err
                    errors.append(
                        f"{doc_id}: cannot read the document: {type(err).__name__}: {err}"
                    )
            text = texts[doc_id]
            where = f"{row['id']} {doc_id}: {quote[:70]!r}"
            if isinstance(text, Exception):
                continue
            if not quote:
                errors.append(f"{where}: empty quote")
                continue
            found, nth = places(text, quote), span.get("nth")
            if not found:
                errors.append(f"{where}: not found")
                continue
            if nth is None and len(found) > 1:
                errors.append(f"{where}: found {len(found)} times, give nth")
                continue
            if nth is not None and not 1 <= nth <= len(found):
                errors.append(f"{where}: nth is {nth}, found {len(found)} times")
                continue
            start = found[(nth or 1) - 1]
            if (span["start"], span["end"]) != (start, start + len(quote)):
                span["start"], span["end"] = start, start + len(quote)
                changed += 1
    return changed, errors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "set",
        nargs="?",
        type=Path,
        default=HERE / "demo",
        help="golden-set folder (default: demo)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 when an offset would change",
    )
    args = parser.parse_args()
    sys.path.insert(
        0, str(HERE.parent)
    )  # so that it runs from a checkout without installation
    path = args.set / "questions.jsonl"
    rows = [
        json.loads(line)
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    changed, errors = anchor(rows, lambda doc_id: clean_text(args.set / "docs", doc_id))
    for line in errors:
        print(line, file=sys.stderr)
    spans = sum(len(row.get("relevant", [])) for row in rows)
    print(
        f"{len(rows)} questions, {spans} spans, {changed} would change, {len(errors)} errors"
    )
    if errors:
        return 2
    if args.check:
        return 1 if changed else 0
    if changed:
        path.write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
            encoding="utf-8",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
