"""The searches by name. A search is one function from a task to a generator: one file, one row here."""

from __future__ import annotations

from collections.abc import Callable

from eval.tune.points import Search, Task
from eval.tune.searches.grid import grid
from eval.tune.searches.halving import halving
from eval.tune.searches.race import race
from eval.tune.searches.random import random
from eval.tune.searches.staged import staged
from eval.tune.searches.tpe import tpe
from rag.errors import UnknownKeyError

__all__ = ["SEARCHES", "known_search", "search_of"]

SEARCHES: dict[str, Callable[[Task], Search]] = {
    "race": race,
    "grid": grid,
    "random": random,
    "tpe": tpe,
    "staged": staged,
    "halving": halving,
}
"""`race` is the one to use. The others are what it is measured against (`make bench-sweep`)."""


def known_search(name: str) -> None:
    """Refuse a name that is none, before anything is asked.

    Raises:
        UnknownKeyError: the name is no key of SEARCHES.
    """
    if name not in SEARCHES:
        raise UnknownKeyError("search", name, SEARCHES)


def search_of(name: str, task: Task) -> Search:
    """Return a search that has not begun.

    Raises:
        UnknownKeyError: the name is no key of SEARCHES.
    """
    known_search(name)
    return SEARCHES[name](task)
