"""Packing of selections into a token budget: tagged passages, and a ledger of what was left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rag.ports import Tokenizer
from rag.tables import table_at, tables_of, text_at
from rag.types import Context, Dropped, Passage, ScoredSpan, Selection, Span, Table

JOINT = " … "
"""What stands between the texts of spans that are not adjacent."""

_WHITE_SPACE_BETWEEN_CHUNKS = 8
_MIN_TOKENS = 4

ReadDocument = Callable[[str], str]
"""Returns the clean text of a document by doc_id; may block."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A passage in the making; `texts[i]` is the text of `spans[i]`, `tables` are the parts of tables in its chunks."""

    selection: Selection
    spans: tuple[Span, ...]
    texts: tuple[str, ...]
    units: tuple[ScoredSpan, ...]
    tables: tuple[Table, ...] = ()

    @property
    def text(self) -> str:
        return JOINT.join(self.texts)

    @property
    def doc_id(self) -> str:
        return self.selection.hit.chunk.doc_id


def pack(
    selections: Sequence[Selection],
    budget_tokens: int,
    tokenizer: Tokenizer,
    max_passages: int,
    read: ReadDocument,
    dropped: Sequence[Dropped] = (),
) -> Context:
    """Fill the budget in the order given; the passages' texts together never exceed `budget_tokens`.

    A selection that does not fit is cut down to its best-scored sentences that do. One that touches an earlier passage
    of its document (only white space between them) joins it, and so do rows whose head an earlier passage shows. `read`
    is asked only when two are that near. `dropped` is the ledger so far and comes first in the context's.
    """
    drafts: list[_Draft] = []
    sizes: list[int] = []
    of_document: dict[str, list[int]] = {}
    used = 0
    ledger = list(dropped)
    for selection in selections:
        places = of_document.setdefault(selection.hit.chunk.doc_id, [])
        same = [drafts[i] for i in places]
        draft = _without_overlap(_draft(selection), same)
        if draft is None:
            continue
        found = _place(draft, same, read)
        place = None if found is None else places[found]
        if place is None and len(drafts) >= max_passages:
            ledger += [Dropped(draft.doc_id, span, "max_passages") for span in draft.spans]
            continue
        room = budget_tokens - used + (sizes[place] if place is not None else 0)
        base = drafts[place] if place is not None else None
        fitted, size, cut = _fit(draft, base, room, tokenizer, read)
        ledger += [Dropped(draft.doc_id, span, "budget") for span in cut]
        if fitted is None:
            continue
        if place is None:
            places.append(len(drafts))
            drafts.append(fitted)
            sizes.append(size)
            used += size
        else:
            used += size - sizes[place]
            drafts[place], sizes[place] = fitted, size
    passages = tuple(_passage(tag, d, size) for tag, (d, size) in enumerate(zip(drafts, sizes, strict=True), 1))
    return Context(passages, used, budget_tokens, tokenizer.name, tuple(ledger))


def minus(span: Span, taken: Sequence[Span]) -> list[Span]:
    """Return what is left of a range without others, which are ordered and disjoint."""
    pieces = []
    start = span.start
    for other in taken:
        if other.overlaps(span):
            if start < other.start:
                pieces.append(Span(start, other.start))
            start = max(start, other.end)
    if start < span.end:
        pieces.append(Span(start, span.end))
    return pieces


def _fit(
    draft: _Draft, base: _Draft | None, room: int, tokenizer: Tokenizer, read: ReadDocument
) -> tuple[_Draft | None, int, list[Span]]:
    """Return the draft, joined to `base`, in the largest form that fits, its size, and the spans cut from it."""
    if room < _MIN_TOKENS:
        return None, 0, list(draft.spans)
    order = sorted(draft.units, key=lambda unit: (unit.score, -unit.span.start))
    for n_cut in range(len(order) + 1):
        rest = _keep_units(draft, order[n_cut:]) if n_cut else draft
        if rest is None:
            break
        whole = rest if base is None else _joined(base, rest, read)
        size = tokenizer.count(whole.text)
        if size <= room:
            return whole, size, [unit.span for unit in sorted(order[:n_cut], key=lambda u: u.span)]
    return None, 0, list(draft.spans)


def _draft(selection: Selection) -> _Draft:
    texts = _slices(selection, selection.spans)
    return _Draft(selection, selection.spans, texts, selection.units, tables_of(selection.hit.chunk))


def _keep_units(draft: _Draft, units: Sequence[ScoredSpan]) -> _Draft | None:
    """Return the draft with only these units left, or None when that is nothing."""
    kept = sorted(units, key=lambda unit: unit.span)
    if _says_nothing(kept):
        return None
    spans: list[Span] = []
    whole = {unit.span for unit in draft.units}
    dropped = whole - {unit.span for unit in kept}
    for unit in kept:
        between = Span(spans[-1].end, unit.span.start) if spans and spans[-1].end < unit.span.start else None
        same = any(span.contains(unit.span) and span.contains(spans[-1]) for span in draft.spans) if spans else False
        if same and not (between and any(between.overlaps(span) for span in dropped)):
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, unit.span.end))
        else:
            spans.append(unit.span)
    return replace(draft, spans=tuple(spans), texts=_slices(draft.selection, spans), units=tuple(kept))


def _without_overlap(draft: _Draft, drafts: Sequence[_Draft]) -> _Draft | None:
    """Cut from a draft what earlier passages of its document, `drafts`, already hold."""
    taken = sorted(span for other in drafts for span in other.spans)
    if not any(span.overlaps(other) for span in draft.spans for other in taken):
        return draft
    spans = [piece for span in draft.spans for piece in minus(span, taken)]
    trimmed = [t for t in (_trimmed(draft.selection, span) for span in spans) if t is not None]
    if not trimmed:
        return None
    units = tuple(unit for unit in draft.units if any(span.contains(unit.span) for span in trimmed))
    if units and _says_nothing(units) and not _says_nothing(draft.units):
        return None
    return replace(draft, spans=tuple(trimmed), texts=_slices(draft.selection, trimmed), units=units)


def _says_nothing(units: Sequence[ScoredSpan]) -> bool:
    """Say whether units are at most the head of a table, without a row of it."""
    return all(unit.kind in ("header", "rule") for unit in units)


def _trimmed(selection: Selection, span: Span) -> Span | None:
    text = _slices(selection, [span])[0]
    stripped = text.strip()
    if not stripped:
        return None
    start = span.start + len(text) - len(text.lstrip())
    return Span(start, start + len(stripped))


def _place(draft: _Draft, drafts: Sequence[_Draft], read: ReadDocument) -> int | None:
    """Return the index of the passage of its document that shows the head of the draft's rows, or that it touches."""
    same = list(enumerate(drafts))
    heads = _heads(draft)
    for i, other in same:
        if any(span.contains(head) for span in other.spans for head in heads):
            return i
    for i, other in same:
        if _touch(other.doc_id, other.spans[-1], draft.spans[0], read) or _touch(
            other.doc_id, draft.spans[-1], other.spans[0], read
        ):
            return i
    return None


def _heads(draft: _Draft) -> set[Span]:
    """Return where the heads of a draft's rows stand."""
    tables = (table_at(draft.tables, unit.span) for unit in draft.units if unit.kind == "row")
    return {table.head.span for table in tables if table and table.head}


def _touch(doc_id: str, before: Span, after: Span, read: ReadDocument) -> bool:
    if not 0 <= after.start - before.end <= _WHITE_SPACE_BETWEEN_CHUNKS:
        return False
    return before.end == after.start or not read(doc_id)[before.end : after.start].strip()


def _joined(base: _Draft, draft: _Draft, read: ReadDocument) -> _Draft:
    """Merge two drafts of one document; spans with only white space between them become one."""
    spans: list[Span] = []
    texts: list[str] = []
    for span, text in sorted(zip(base.spans + draft.spans, base.texts + draft.texts, strict=True)):
        if spans and _touch(base.doc_id, spans[-1], span, read):
            gap = "" if spans[-1].end == span.start else read(base.doc_id)[spans[-1].end : span.start]
            texts[-1] += gap + text
            spans[-1] = Span(spans[-1].start, span.end)
        else:
            spans.append(span)
            texts.append(text)
    units = tuple(sorted(base.units + draft.units, key=lambda unit: unit.span))
    tables = tuple(sorted(dict.fromkeys(base.tables + draft.tables), key=lambda table: table.span))
    return replace(base, spans=tuple(spans), texts=tuple(texts), units=units, tables=tables)


def _slices(selection: Selection, spans: Sequence[Span]) -> tuple[str, ...]:
    return tuple(text_at(selection.hit.chunk, span) for span in spans)


def _passage(tag: int, draft: _Draft, tokens: int) -> Passage:
    chunk = draft.selection.hit.chunk
    return Passage(
        tag=tag,
        doc_id=draft.doc_id,
        title=chunk.title,
        uri=chunk.uri,
        text=draft.text,
        spans=draft.spans,
        tokens=tokens,
        units=draft.units,
        headings=chunk.headings,
        tables=draft.tables,
    )
