"""Lists the sources of a run: those that are named, or all that the corpus remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from ingest.sources import Reach, Source, Sources, named, resolve
from ingest.store.registry import Remembered
from rag.errors import SourceError


class Reading(Protocol):
    """How the sources that are named are read."""

    @property
    def prefix(self) -> str:
        """What starts the ids of their documents."""
        ...

    @property
    def include(self) -> tuple[str, ...]:
        """Globs of what is read, all if there are none."""
        ...

    @property
    def exclude(self) -> tuple[str, ...]:
        """Globs of what is not."""
        ...


def listed(
    sources: Sequence[str], reading: Reading, reach: Reach, known: Callable[[], Mapping[int, Remembered]], corpus: str
) -> Sources:
    """Return the listing of the sources; a remembered one that cannot be listed is a failure and stops no other.

    Raises:
        SourceError: a source that is named cannot be listed, or none is named and none is remembered.
    """
    if sources:
        chosen = [named(spelling, reading.prefix, reading.include, reading.exclude) for spelling in sources]
        found = resolve(chosen, reach)
        found.warnings += _changes(found.named, known())
        return found
    if remembered := [x.source for x in known().values() if x.refreshable]:
        return resolve(remembered, reach, tolerant=True)
    raise SourceError(
        f"{corpus!r} remembers no source to refresh; name it once: ragwright ingest SOURCE --corpus {corpus}"
    )


def _changes(chosen: Sequence[Source], known: Mapping[int, Remembered]) -> Iterator[str]:
    """Yield what a user may have forgotten to write again."""
    for source in chosen:
        for other in (x for x in known.values() if x.remembered and x.location == source.key.location):
            if other.prefix != source.key.prefix:
                yield f"{source.key.location} is also remembered with another prefix: {other.prefix or '(none)'}"
            elif (other.include, other.exclude) != (source.include, source.exclude):
                yield f"{source.key.location} is read with other --include and --exclude than before"
