"""Cases that changed between two runs, and those that leave a gate undecided."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from eval.report.text import number
from eval.results.compared import Flip, MovedCase, Side, Undecided
from eval.saved import SavedRun, row_pairs
from rag.shapes.rows import RowJson

_SHOWN = 10
_KEPT = 50
_WIDTH = 100


def flipped_cases(baseline: SavedRun, candidate: SavedRun) -> tuple[Flip, ...]:
    """Return the cases that went from well to broken or back, with both answers."""
    pairs = row_pairs(baseline, candidate)
    return tuple(_flip(old, new) for old, new in pairs if bool(old.broken) != bool(new.broken))


def flip_lines(flipped: Sequence[Flip], p: float) -> Iterator[str]:
    """Yield how many cases broke and were mended, and for each of the first what changed."""
    broke, mended = ([item for item in flipped if item.now_broken is now] for now in (True, False))
    yield f"{len(broke)} cases broke, {len(mended)} were mended (McNemar exact p = {p:.3f})"
    for title, items in (("broke", broke), ("mended", mended)):
        for item in items[:_SHOWN]:
            stages = " -> ".join(side.broken or "well" for side in (item.baseline, item.candidate))
            yield f"  {title:<7} {item.id} ({stages}): {item.question}"
            yield from _answers(item)
        if len(items) > _SHOWN:
            yield f"  and {len(items) - _SHOWN} more {title}; --out names all"


def undecided_by(baseline: SavedRun, candidate: SavedRun, metric: str) -> Undecided:
    """Return the cases in which a metric differs or has no value, those that lost most first, and their documents."""
    moved, unmeasured = [], []
    for old, new in row_pairs(baseline, candidate):
        before, after = old.metrics.get(metric), new.metrics.get(metric)
        if (before is None) != (after is None):
            unmeasured.append(old)
        elif before is not None and after is not None and before != after:
            moved.append((after - before, old, before, after))
    moved.sort(key=lambda item: (-abs(item[0]), item[1].id))
    rows = [row for _, row, _, _ in moved] + unmeasured
    documents = Counter(doc_id for row in rows for doc_id in sorted(set(row.gold.documents)))
    return Undecided(
        cases=tuple(
            MovedCase(row.id, row.question, before, after, _gold(row)) for _, row, before, after in moved[:_KEPT]
        ),
        unmeasured=tuple(row.id for row in unmeasured[:_KEPT]),
        documents=dict(documents.most_common(_KEPT)),
        unit=candidate.results.metrics[metric].unit,
    )


def undecided_lines(name: str, found: Undecided) -> Iterator[str]:
    """Yield the cases and documents that leave a metric undecided."""
    if not found.cases and not found.unmeasured:
        yield f"  no case differs in {name}: there are too few to show that none would"
        return
    yield f"  undecided by these cases of {name}:"
    for item in found.cases[:_SHOWN]:
        change = f"{number(item.baseline, found.unit)} -> {number(item.candidate, found.unit)}"
        about = f" [{', '.join(item.documents)}]" if item.documents else ""
        yield f"    {item.id} {change}: {item.question}{about}"
    if len(found.cases) > _SHOWN:
        yield f"    and {len(found.cases) - _SHOWN} more; --json names them"
    if found.unmeasured:
        yield f"    measured in one run only: {', '.join(found.unmeasured[:_SHOWN])}"
    if found.documents:
        counted = (f"{doc_id} ({count})" for doc_id, count in list(found.documents.items())[:_SHOWN])
        yield f"    documents they ask about: {', '.join(counted)}"


def _answers(item: Flip) -> Iterator[str]:
    """Yield what both runs said, where that is known and differs."""
    before, after = (_said(side) for side in (item.baseline, item.candidate))
    if before != after:
        for name, text in (("was", before), ("now", after)):
            yield f"          {name}: {textwrap.shorten(text, _WIDTH, placeholder=' …')}"


def _said(side: Side) -> str:
    return side.answer or f"(no answer: {side.reason or 'no reason given'})"


def _flip(old: RowJson, new: RowJson) -> Flip:
    return Flip(old.id, old.question, bool(new.broken), _side(old), _side(new))


def _side(row: RowJson) -> Side:
    return Side(row.broken, row.answer, row.reason)


def _gold(row: RowJson) -> tuple[str, ...]:
    return tuple(sorted(set(row.gold.documents)))
