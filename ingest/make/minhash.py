"""MinHash signatures of texts over word 5-shingles (Broder, "On the resemblance and containment of documents", 1997).

The share of equal places of two signatures estimates the Jaccard similarity of their texts' shingles, with a standard
deviation of at most 0.045. In front of the places stands a digest of the text, which tells copies from look-alikes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rag.text import words

if TYPE_CHECKING:
    from datasketch import MinHash

PLACES = 128
DIGEST_BYTES = 16
_SHINGLE = 5
_SEED = 1
_BATCH = 2048  # each takes a megabyte a thousand: a large document must not need gigabytes


def signature(text: str) -> bytes:
    """Return 16 bytes of the text's digest and 128 little-endian uint32; nothing for a text without words."""
    tokens = words(text)
    if not tokens:
        return b""
    signed = _empty().copy()
    shingles = _shingles(tokens)
    for start in range(0, len(shingles), _BATCH):
        signed.update_batch(shingles[start : start + _BATCH])
    digest = hashlib.sha256(text.encode("utf-8")).digest()[:DIGEST_BYTES]
    return digest + np.asarray(signed.hashvalues).astype("<u4").tobytes()


@cache
def _empty() -> MinHash:
    from datasketch import MinHash  # half a second of imports, in worker processes only

    return MinHash(num_perm=PLACES, seed=_SEED)  # drawing its permutations is a quarter of the work: once is enough


def _shingles(tokens: Sequence[str]) -> list[bytes]:
    """Return all runs of 5 words; of a shorter text, all its words as one."""
    width = min(_SHINGLE, len(tokens))
    return ["\x1f".join(tokens[i : i + width]).encode("utf-8") for i in range(len(tokens) - width + 1)]
