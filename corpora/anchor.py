"""Re-resolve the offsets of gold quotes in a golden set's questions.jsonl.

    python corpora/anchor.py            rewrite start and end of every gold span
    python corpora/anchor.py --check    write nothing; exit 1 when any would change

Every span's `text` is looked up in the clean text of its document, as the ingest makes it. A quote that is missing, or
that occurs more than once without an `nth` (1-based) field, is an error; all are listed, nothing is written, and the
exit status is 2.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # so that it runs from a checkout without installation

from ingest.partition import partition_file  # noqa: E402
from rag.errors import RagwrightError  # noqa: E402


def places(text: str, quote: str) -> list[int]:
    """Return every start of `quote` in `text`, overlaps included."""
    found, at = [], text.find(quote)
    while at >= 0:
        found.append(at)
        at = text.find(quote, at + 1)
    return found


def resolve(text: str, quote: str, nth: int | None) -> int:
    """Return where a quote starts.

    Raises:
        ValueError: it is missing, ambiguous or has no such occurrence.
    """
    found = places(text, quote) if quote else []
    if not found:
        raise ValueError("not found")
    if nth is None and len(found) > 1:
        raise ValueError(f"found {len(found)} times, give nth")
    if nth is not None and not 1 <= nth <= len(found):
        raise ValueError(f"nth is {nth}, found {len(found)} times")
    return found[(nth or 1) - 1]


def anchor(rows: list[dict[str, Any]], text_of: Callable[[str], str]) -> tuple[int, list[str]]:
    """Set start and end of every span in place; return how many changed, and the errors."""
    changed, errors = 0, []
    for row in rows:
        for span in row.get("relevant", []):
            try:
                start = resolve(text_of(span["doc_id"]), span["text"], span.get("nth"))
            except (ValueError, RagwrightError) as error:
                errors.append(f"{row['id']} {span['doc_id']}: {span['text'][:70]!r}: {error}")
                continue
            end = start + len(span["text"])
            changed += (span["start"], span["end"]) != (start, end)
            span["start"], span["end"] = start, end
    return changed, errors


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", nargs="?", type=Path, default=HERE / "demo", help="golden-set folder (default: demo)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when an offset would change")
    args = parser.parse_args()
    path = args.set / "questions.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    text_of = cache(lambda doc_id: partition_file(args.set / "docs" / doc_id, doc_id).text)
    changed, errors = anchor(rows, text_of)
    for line in errors:
        print(line, file=sys.stderr)
    spans = sum(len(row.get("relevant", [])) for row in rows)
    print(f"{len(rows)} questions, {spans} spans, {changed} would change, {len(errors)} errors")
    if errors:
        return 2
    if args.check:
        return 1 if changed else 0
    if changed:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
