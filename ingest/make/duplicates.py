"""Documents that say nearly the same, found among MinHash signatures by banding; pure: signatures in, pairs out.

Two documents are compared when they agree in one band of places. The bands are cut so that a pair at the threshold is
found with a probability of 0.99, and each document is compared with few others of a band, so that a family of
thousands of copies stays cheap; datasketch, which makes the signatures, promises neither. (Leskovec, Rajaraman,
Ullman, "Mining of Massive Datasets", chapter 3.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.make.minhash import DIGEST_BYTES, PLACES

_RECALL = 0.99
_NEIGHBOURS = 16  # of a band, each document is compared with so many before it: copies by the thousand stay cheap
_BLOCK = 8192
_SIGNATURE = np.dtype([("digest", f"V{DIGEST_BYTES}"), ("places", "<u4", (PLACES,))])

Pair = tuple[str, str, float]
"""A document, an earlier one that is like it, and their estimated similarity; 1.0 means the same text."""


def near_duplicates(signatures: Mapping[str, bytes], fresh: Collection[str], threshold: float) -> list[Pair]:
    """Return each fresh document that is like an older one, or a fresh one before it, with the one it is most like.

    `signatures` are those of all documents; the result is sorted by doc_id.
    """
    new = sorted(signatures.keys() & set(fresh))
    ordered = [*sorted(signatures.keys() - set(new)), *new]
    best: dict[int, tuple[int, float]] = {}
    for later, earlier, similarity in _alike([signatures[x] for x in ordered], len(ordered) - len(new), threshold):
        if later not in best or (similarity, -earlier) > (best[later][1], -best[later][0]):
            best[later] = (earlier, similarity)
    return sorted((ordered[later], ordered[earlier], similarity) for later, (earlier, similarity) in best.items())


def duplicate_groups(signatures: Mapping[str, bytes], threshold: float) -> list[list[str]]:
    """Return the groups of two or more documents that are linked by likeness, each and all sorted by doc_id."""
    ordered = sorted(signatures)
    root = list(range(len(ordered)))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for later, earlier, _ in _alike([signatures[x] for x in ordered], 0, threshold):
        root[find(later)] = find(earlier)
    groups: dict[int, list[str]] = {}
    for i, doc_id in enumerate(ordered):
        groups.setdefault(find(i), []).append(doc_id)
    return sorted(group for group in groups.values() if len(group) > 1)


def _alike(signatures: Sequence[bytes], first: int, threshold: float) -> Iterator[tuple[int, int, float]]:
    """Yield `(later, earlier, similarity)` of row numbers with `later >= first` whose similarity is high enough."""
    if len(signatures) < 2 or first >= len(signatures):
        return
    stored = np.frombuffer(b"".join(signatures), _SIGNATURE)
    places = stored["places"]
    pairs = _candidates(places, first, _band_width(threshold))
    for start in range(0, len(pairs), _BLOCK):
        later, earlier = pairs[start : start + _BLOCK].T
        equal = (places[later] == places[earlier]).sum(axis=1)
        same = stored["digest"][later] == stored["digest"][earlier]
        # Look-alikes whose signatures are equal are not copies: their estimate stays below 1.
        scores = np.where(same, 1.0, np.minimum(equal, PLACES - 1) / PLACES)
        chosen = same | (equal >= threshold * PLACES)
        yield from zip(later[chosen].tolist(), earlier[chosen].tolist(), scores[chosen].tolist(), strict=True)


def _candidates(places: NDArray[np.uint32], first: int, width: int) -> NDArray[np.int64]:
    """Return the distinct `(later, earlier)` rows that agree in a band of `width` places."""
    found = [np.zeros(0, np.int64)]
    for start in range(0, PLACES, width):
        band = np.ascontiguousarray(places[:, start : start + width])
        _, keys = np.unique(band.view(f"V{4 * width}").ravel(), return_inverse=True)
        order = np.argsort(keys, kind="stable")
        for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
            later, earlier = order[step:], order[:-step]
            near = (keys[later] == keys[earlier]) & (later >= first)
            if not near.any():
                break
            found.append(later[near] * len(places) + earlier[near])
    return np.stack(np.divmod(np.unique(np.concatenate(found)), len(places)), axis=1)


def _band_width(threshold: float) -> int:
    """Return the widest band, a power of two, that finds a pair at the threshold often enough."""
    width = PLACES
    while width > 1 and 1 - (1 - threshold**width) ** (PLACES // width) < _RECALL:
        width //= 2
    return width
