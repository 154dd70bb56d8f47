"""Whose is a document: the source that brought it first has its id, and another source cannot take it.

What was ingested before sources were remembered belongs to nobody until a source that lists its id adopts it. Where
its address says that it came from another place, which is still there, it is not adopted. A prune removes only what
its sources have, and of what belongs to nobody only what an address below these sources was read from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from shlex import quote

from ingest.sources import SourceItem, SourceKey, Sources
from ingest.store.catalogue import Failure, StoredDocument
from ingest.store.places import base_of, base_of_location, came_from, from_elsewhere, holds, place, wider
from ingest.store.registry import Registry, Remembered, ids_of
from rag.errors import IdTakenError

UNOWNED = "unowned"
"""The name of what belongs to nobody; like `upload` it is the location of no other source."""

Stored = Mapping[str, StoredDocument]
Known = Mapping[int, Remembered]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A document whose id belongs to `holder`: another source, or the address that nobody has adopted yet."""

    item: SourceItem
    holder: str


@dataclass(slots=True)
class Claims:
    """What of a listing a run may write, and what a prune may remove.

    `owners` says whose every listed document is after the run. `prunable` are the live documents that go if
    no source lists them, `strays` those that belong to nobody and stay. `pruned` are the sources that a prune looks at.
    """

    items: list[SourceItem] = field(default_factory=list)
    owners: dict[str, SourceKey] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    prunable: set[str] = field(default_factory=set)
    strays: set[str] = field(default_factory=set)
    pruned: set[SourceKey] = field(default_factory=set)


def claim(found: Sources, live: Stored, known: Known, *, prune: bool) -> Claims:
    """Give every listed document to a source, and find those whose id another source has."""
    claiming = _Claiming(found, live, known, prune)
    claims = claiming.run()
    claims.pruned = {source.key for source in found.named} - found.unsure if prune else set()
    after = {doc_id: claims.owners.get(doc_id) or claiming.owner(doc_id) for doc_id in live}
    claims.prunable = {doc_id for doc_id, owner in after.items() if owner in claims.pruned}
    nobodys = {doc_id for doc_id, owner in after.items() if owner is None}
    bases = _bases(found, claims.pruned)
    claims.prunable |= {doc_id for doc_id in nobodys if came_from(live[doc_id].uri, doc_id, bases)}
    claims.strays = nobodys - claims.prunable
    return claims


@dataclass(slots=True)
class _Claiming:
    found: Sources
    live: Stored
    known: Known
    prune: bool
    _new: set[SourceKey] = field(default_factory=set)
    _mine: dict[str, SourceItem] = field(default_factory=dict)
    _claims: Claims = field(default_factory=Claims)

    def run(self) -> Claims:
        listed = {(item.doc_id, item.source) for item in self.found.items}
        broken = {failure.source for failure in self.found.failures}
        self._new = {source.key for source in self.found.named if is_new(source.key, self.known)}
        for item in sorted(self.found.items, key=self._turn):
            rival, owner = self._mine.get(item.doc_id), self.owner(item.doc_id)
            if rival is not None:
                self._meet(item, rival)
            elif item.doc_id not in self.live or owner == item.source:
                self._take(item, item.source)
            elif owner is None:
                self._adopt(item)
            elif holds(owner, item):
                self._take(item, wider(owner, item.source, item))
            elif self._given_up(item.doc_id, owner, listed, broken):
                self._take(item, item.source)
            else:
                self._refuse(item, str(owner))
        self._claims.items = [item for item in self.found.items if self._mine.get(item.doc_id) is item]
        return self._claims

    def owner(self, doc_id: str) -> SourceKey | None:
        """Return whose a live document is."""
        stored = self.live.get(doc_id)
        remembered = self.known.get(stored.source) if stored and stored.source is not None else None
        return remembered.key if remembered else None

    def _turn(self, item: SourceItem) -> tuple[bool, bool]:
        """Those who have an id come first, then those who were there before."""
        return self.owner(item.doc_id) != item.source, item.source in self._new

    def _meet(self, item: SourceItem, rival: SourceItem) -> None:
        """Two sources of this run list an id: the wider has it if it is one document, else the first."""
        if place(item) != place(rival):
            self._refuse(item, str(rival.source))
        elif wider(rival.source, item.source, item) == item.source:
            self._take(item, wider(self._claims.owners[item.doc_id], item.source, item))

    def _adopt(self, item: SourceItem) -> None:
        uri = self.live[item.doc_id].uri
        if from_elsewhere(uri, item):
            self._refuse(item, uri)
        else:
            self._take(item, item.source)

    def _given_up(
        self, doc_id: str, owner: SourceKey, listed: Collection[tuple[str, SourceKey]], broken: Collection[SourceKey]
    ) -> bool:
        """Say whether this very run prunes the document from the source that has it."""
        named = any(source.key == owner for source in self.found.named)
        return self.prune and named and owner not in broken and (doc_id, owner) not in listed

    def _take(self, item: SourceItem, owner: SourceKey) -> None:
        self._mine[item.doc_id] = item
        self._claims.owners[item.doc_id] = owner

    def _refuse(self, item: SourceItem, holder: str) -> None:
        self._claims.conflicts.append(Conflict(item, holder))


def is_new(key: SourceKey, known: Known) -> bool:
    """Say whether a source is not one of the corpus' yet."""
    remembered = known.get(ids_of(known).get(key, 0))
    return remembered is None or not remembered.remembered


def refuse_new(conflicts: Sequence[Conflict], known: Known, corpus: str) -> None:
    """Refuse a source that is not remembered yet and has ids of others: none of it is to be written.

    Raises:
        IdTakenError: there is such a source.
    """
    for conflict in conflicts:
        key = conflict.item.source
        if is_new(key, known):
            count = sum(other.item.source == key for other in conflicts)
            more = f" (and {count - 1} ids more)" if count > 1 else ""
            raise IdTakenError(
                f"{conflict.item.doc_id!r} of {key} is the id of a document of {conflict.holder} already{more}, which"
                f" stays; give the new source a prefix: ragwright ingest {quote(key.location)}"
                f" --corpus {quote(corpus)} --prefix {_suggested(key)} (nothing was changed)"
            )


def as_failures(conflicts: Sequence[Conflict]) -> Iterator[Failure]:
    """Yield the documents of known sources that cannot be taken, as failures."""
    for conflict in conflicts:
        key = conflict.item.source
        reason = (
            f"{conflict.holder} has a document of this id, which stays, so that of {key} is left out; rename one of"
            f" the two, or ingest one of the sources under --prefix {_suggested(key)}"
        )
        yield Failure(conflict.item.doc_id, reason, uri=conflict.item.uri)


def _suggested(key: SourceKey) -> str:
    stem = PurePosixPath(key.location.rstrip("/")).stem
    plain = "".join(char if char.isalnum() or char in "-_" else "-" for char in stem).strip("-") or "second"
    return f"{plain}-2" if plain == key.prefix else plain


def _bases(found: Sources, pruned: Collection[SourceKey]) -> set[str]:
    """Return where what belongs to nobody was read from, if it was read from one of the sources; they had no prefix."""
    plain = {key for key in pruned if not key.prefix}
    known = {base_of(item.uri, item.doc_id) for item in found.items if item.source in plain}
    return {base for base in known | {base_of_location(key.location) for key in plain} if base}


def remember(registry: Registry, found: Sources, claims: Claims) -> dict[SourceKey, int]:
    """Remember the sources of a run and return the ids of all.

    A source whose documents a wider one has all is a part of that, and no source of its own.
    """
    listing, having = {item.source for item in found.items}, set(claims.owners.values())
    ids = registry.remember(x for x in found.named if x.key in having or x.key not in listing)
    return ids_of(registry.known(None)) | ids


def stray_warnings(claims: Claims, corpus: str) -> Iterator[str]:
    """Yield what a prune should say of documents that it cannot judge."""
    if claims.pruned and claims.strays:
        yield (
            f"{len(claims.strays)} documents belong to no source, for they were ingested before sources were"
            " remembered; no prune removes them: ingest their sources again, or remove them with:"
            f" ragwright sources remove {UNOWNED} --corpus {corpus}"
        )


def owned(claims: Claims, live: Stored, ids: Mapping[SourceKey, int]) -> dict[str, int | None]:
    """Return the id of the source of every document that is live or listed, as it is after the run."""
    before = {doc_id: stored.source for doc_id, stored in live.items()}
    return before | {doc_id: ids[key] for doc_id, key in claims.owners.items()}


def absorbed(owners: Mapping[str, int | None], live: Stored) -> set[int]:
    """Return the sources whose live documents a wider source has all from now on."""
    before = {stored.source for stored in live.values() if stored.source is not None}
    return before - set(owners.values())


def rewritten(
    owners: Mapping[str, int | None], stores: Sequence[Stored], settled: Collection[str]
) -> dict[int, set[int]]:
    """Return source id -> keys of stored documents that it must be said of: adopted ones, and unchanged ones.

    A changed document says it in its new version, so that older generations keep what they said.
    """
    changed: dict[int, set[int]] = {}
    for stored in (stored for store in stores for stored in store.values()):
        owner = owners.get(stored.doc_id)
        continues = stored.source is None or stored.doc_id in settled
        if owner is not None and owner != stored.source and continues:
            changed.setdefault(owner, set()).add(stored.pk)
    return changed
