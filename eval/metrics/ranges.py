"""Arithmetic on sets of characters: sorted, disjoint `[start, end)` ranges per document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from eval.observation import Range

Characters = Mapping[str, Sequence[tuple[int, int]]]


def union(ranges: Iterable[Range]) -> Characters:
    """Return the set of characters that at least one range holds."""
    merged: dict[str, list[tuple[int, int]]] = {}
    for item in sorted(ranges, key=lambda item: (item.doc_id, item.start)):
        held = merged.setdefault(item.doc_id, [])
        if held and item.start <= held[-1][1]:
            held[-1] = (held[-1][0], max(held[-1][1], item.end))
        else:
            held.append((item.start, item.end))
    return merged


def size(characters: Characters) -> int:
    """Return how many characters a set holds."""
    return sum(end - start for held in characters.values() for start, end in held)


def shared(a: Characters, b: Characters) -> int:
    """Return how many characters two sets have in common."""
    return sum(_shared(a[doc_id], b[doc_id]) for doc_id in a.keys() & b.keys())


def _shared(a: Sequence[tuple[int, int]], b: Sequence[tuple[int, int]]) -> int:
    total = i = j = 0
    while i < len(a) and j < len(b):
        total += max(0, min(a[i][1], b[j][1]) - max(a[i][0], b[j][0]))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return total


def first_characters(ranges: Iterable[Range], budget: int) -> list[Range]:
    """Return the ranges in order until `budget` characters are spent, the last one cut; repeats are paid again."""
    kept: list[Range] = []
    for item in ranges:
        if budget <= 0:
            break
        end = min(item.end, item.start + budget)
        kept.append(Range(item.doc_id, item.start, end, item.score))
        budget -= end - item.start
    return kept
