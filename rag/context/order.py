"""The order in which a prompt shows the passages of a context; their tags stay those of their rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag.errors import UnknownKeyError
from rag.types import Passage

Order = Callable[[Sequence[Passage]], tuple[Passage, ...]]


def by_document(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Put the passages of a document together, in reading order; documents come by their best passage."""
    best = {passage.doc_id: passage.tag for passage in reversed(passages)}
    return tuple(sorted(passages, key=lambda passage: (best[passage.doc_id], passage.start)))


def to_the_edges(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Put the best passages first and last and the worst in the middle, which models read least well.

    Liu et al., "Lost in the Middle", https://arxiv.org/abs/2307.03172.
    """
    return (*passages[::2], *reversed(passages[1::2]))


def order_of(name: str) -> Order:
    """Return the order of that name.

    Raises:
        UnknownKeyError: the name is no key of ORDERS.
    """
    if name not in ORDERS:
        raise UnknownKeyError("order of passages", name, ORDERS)
    return ORDERS[name]


ORDERS: dict[str, Order] = {"rank": tuple, "document": by_document, "edges": to_the_edges}
