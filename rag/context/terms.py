"""The words of a question that carry its meaning."""

from __future__ import annotations

import Stemmer

from rag.text import words

STOP_WORDS = frozenset(
    """a about after all also am an and any anyone are aren't as at be because been before being between both but
    by can can't could couldn't did do does doesn't doing don't each either else few for from get gets getting
    had has have having he her here hers him his how i i'm if in into is isn't it it's its just let me more most
    much my no nor not of off on once one only or other our ours out over please same she should so some such
    tell than that that's the their theirs them then there these they this those through to too under until up
    us very was wasn't we were weren't what what's when where which while who whom whose why will with within
    won't would you your yours""".split()
)


def content_terms(text: str) -> list[str]:
    """Return the English stems of the words of `text` that are no stop words, in order."""
    # a stemmer is cheap to make and not safe to share between threads
    stems: list[str] = Stemmer.Stemmer("english").stemWords([w for w in words(text) if w not in STOP_WORDS])
    return stems
