"""A session at a terminal in which a person says which passages answer a question."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.cli.render import search_text
from eval import Asked, Expect, GoldSpan, LabelFile, Queued, label_row
from rag.bridge import run_sync
from rag.errors import GoldenSetError
from rag.pipeline import Request
from rag.runtime import Runtime
from rag.types import Hit, SearchResult

_CHOICES = "numbers (1 3): these answer it; u: unanswerable; c: underspecified; /words: search again; s: skip; q: quit"
_MORE = "kind=edge tags=a,b split=dev, or Enter"
_FIELDS = {"kind": ("golden", "edge", "adversarial", "regression"), "split": ("dev", "select", "sealed"), "tags": ()}
_REFUSALS: dict[str, Expect] = {"u": "abstain", "c": "clarify"}


class QuitSession(Exception):
    """The person, or the end of the input, ends the session."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Lines in and text out."""

    say: Callable[[str], None]

    def ask(self, prompt: str) -> str:
        """Return the next line without white space at its ends.

        Raises:
            QuitSession: there is none.
        """
        self.say(prompt)
        line = sys.stdin.readline()
        if not line:
            raise QuitSession
        return line.strip()


@dataclass(slots=True)
class Labeller:
    """One session; `top_k` passages of a corpus are shown for each question, and `source` is the file they are from."""

    corpus: str
    top_k: int
    source: Path | None
    runtime: Runtime
    store: LabelFile
    terminal: Terminal
    saved: int = 0

    def label_all(self, waiting: Sequence[Queued]) -> None:
        """Go through the questions of the file, then through what is typed.

        Raises:
            QuitSession: the person has had enough.
        """
        for number, item in enumerate(waiting, start=1):
            self.terminal.say(f"\nQuestion {number} of {len(waiting)}{_times(item.times)}: {item.asked.question}")
            self._label(item)
        while question := self.terminal.ask("\nAnother question (Enter: none)"):
            if self.store.holds(question):
                self.terminal.say("It has a label already.")
            else:
                self._label(Queued(Asked(" ".join(question.split())), 1))

    def _label(self, item: Queued) -> None:
        for line in _known(item.asked):
            self.terminal.say(line)
        found = self._search(item.asked.question, item)
        while True:
            choice = self.terminal.ask(_CHOICES)
            if choice == "q":
                raise QuitSession
            if choice == "s":
                return
            if choice.startswith("/") and choice[1:].strip():
                found = self._search(choice[1:].strip(), item)
            elif choice in _REFUSALS:
                return self._save(item, found, [], _REFUSALS[choice])
            elif hits := _chosen(choice, found.hits):
                if gold := self._gold(hits):
                    return self._save(item, found, gold, "answer")
            else:
                self.terminal.say(f"Type numbers from 1 to {len(found.hits)}, or one of the letters.")

    def _search(self, words: str, item: Queued) -> SearchResult:
        request = Request(words, self.corpus, top_k=self.top_k, history=item.asked.history)
        found = run_sync(self.runtime.pipeline.search(request))
        self.terminal.say(search_text(found, whole=True))
        return found

    def _gold(self, hits: Sequence[Hit]) -> list[GoldSpan]:
        """Return the chosen passages, each narrowed to the words that count; none: the set does not hold them."""
        gold: list[GoldSpan] = []
        for hit in hits:
            place = None
            while place is None:
                quote = self.terminal.ask(f"Words of {hit.rank} that answer it (Enter: all of it)")
                place = self.store.place(hit.chunk.doc_id, hit.chunk.span, quote or hit.chunk.text)
                if place is None and not quote:
                    self.terminal.say(
                        f"The set's text of {hit.chunk.doc_id} has no such passage; label into a new set."
                    )
                    return []
                if place is None:
                    self.terminal.say("That stands nowhere in the document; copy it as it is, or press Enter.")
            gold.append(place)
        return gold

    def _save(self, item: Queued, found: SearchResult, gold: list[GoldSpan], expect: Expect) -> None:
        answer = self.terminal.ask("The answer in a sentence (Enter: none)") if gold else ""
        more = self._more()
        provenance: dict[str, object] = {
            "corpus": found.generation.corpus,
            "generation": found.generation.id,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "asked": item.times,
        }
        provenance |= {"verdict": item.asked.verdict} if item.asked.verdict else {}
        provenance |= {"from": self.source.name} if self.source else {}
        try:
            row = label_row(item.asked, gold, expect, [answer] if answer else [], provenance, **more)
            self.store.append(row)
        except GoldenSetError as error:
            self.terminal.say(f"Not saved: {error}")
            return
        self.saved += 1
        self.terminal.say(f"Saved {row.id}.")

    def _more(self) -> dict[str, Any]:
        while True:
            typed = self.terminal.ask(_MORE)
            try:
                return dict(_fields(typed))
            except ValueError as error:
                self.terminal.say(str(error))


def _times(times: int) -> str:
    return f" (asked {times} times)" if times > 1 else ""


def _known(asked: Asked) -> Iterator[str]:
    yield from (f"  {turn.role} before: {turn.text}" for turn in asked.history)
    if asked.answer:
        yield f"  answered: {asked.answer}"
    if asked.verdict:
        yield f"  verdict: {asked.verdict}"
    if asked.cited:
        yield f"  shown: {', '.join(asked.cited)}"


def _chosen(choice: str, hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits whose ranks were typed; none if anything else was."""
    words = choice.replace(",", " ").split()
    ranks = {hit.rank: hit for hit in hits}
    if not words or not all(word.isdecimal() and int(word) in ranks for word in words):
        return []
    return [ranks[rank] for rank in dict.fromkeys(map(int, words))]


def _fields(typed: str) -> Iterable[tuple[str, object]]:
    """Return what was typed as fields of a case.

    Raises:
        ValueError: a word is no field, or its value is none of those allowed.
    """
    for word in typed.split():
        key, equals, value = word.partition("=")
        if not equals or key not in _FIELDS or not value:
            raise ValueError(f"{word!r} is none of: {', '.join(f'{name}=…' for name in _FIELDS)}")
        if _FIELDS[key] and value not in _FIELDS[key]:
            raise ValueError(f"{key} is one of: {', '.join(_FIELDS[key])}")
        yield key, [tag for tag in value.split(",") if tag] if key == "tags" else value
