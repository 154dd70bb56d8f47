"""MinHash signatures of texts over word 5-shingles (Broder, "On the resemblance and containment of documents", 1997).

The share of equal places of two signatures estimates the Jaccard similarity of their texts' shingles, with a standard
deviation of at most 0.045. In front of the places stands a digest of the text, which tells copies from look-alikes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.text import words

PLACES = 128
DIGEST_BYTES = 16
_SHINGLE = 5
_SEED = 20260101
_BLOCK = 1024  # shingles at a time: what is computed of them stays in the processor's cache
_FACTOR, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


def signature(text: str) -> bytes:
    """Return 16 bytes of the text's digest and 128 little-endian uint32; nothing for a text without words."""
    tokens = words(text)
    if not tokens:
        return b""
    digest = hashlib.sha256(text.encode("utf-8")).digest()[:DIGEST_BYTES]
    return digest + _least(_shingles(tokens)).astype("<u4").tobytes()


def _shingles(tokens: Sequence[str]) -> NDArray[np.uint32]:
    """Return the distinct hashes of all runs of 5 words; of a shorter text, of all its words."""
    known: dict[str, int] = {}
    for token in tokens:
        if token not in known:
            known[token] = int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")
    hashes = np.fromiter((known[token] for token in tokens), np.uint64, len(tokens))
    width = min(_SHINGLE, len(tokens))
    mixed = np.zeros(len(tokens) - width + 1, np.uint64)
    for i in range(width):
        mixed = mixed * _FACTOR + hashes[i : i + len(mixed)]
    mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIX
    return np.unique((mixed >> np.uint64(32)).astype(np.uint32))


def _least(shingles: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the least value of the shingles under each of 128 permutations of the 32-bit numbers."""
    rng = np.random.default_rng(_SEED)
    factors = rng.integers(0, 2**32, (PLACES, 1), dtype=np.uint32) | np.uint32(1)
    shifts = rng.integers(0, 2**32, (PLACES, 1), dtype=np.uint32)
    least = np.full(PLACES, np.iinfo(np.uint32).max, np.uint32)
    for start in range(0, len(shingles), _BLOCK):
        permuted = factors * shingles[None, start : start + _BLOCK] + shifts
        np.minimum(least, permuted.min(axis=1), out=least)
    return least
