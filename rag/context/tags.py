"""`[n]` tags in an answer, and the brackets of sources that must not be taken for them; pure, linear in the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

_LARGEST_TAG = 999
_LONGEST_RANGE = 50
_NUMBER_LIST = r"\d{1,6}(?:\s*[-–]\s*\d{1,6})?"
# A search starts anew behind every "[" and every word. So no pattern here may look further ahead than it reads:
# "[[[[…", "[1]:[1]:…" and "a-a-a-…" would take quadratic time.
_TAG = re.compile(rf"\[\s*({_NUMBER_LIST}(?:\s*[,;]\s*{_NUMBER_LIST})*)\s*\](?!\(|:[ \t]*[a-zA-Z][\w+.-]{{0,20}}:)")
_CODE = r"`[^`\n]*`"
_ADDRESS = r"\b[a-zA-Z][a-zA-Z0-9+.-]{0,20}://[^\s<>]+"
_INDEX = r"\b[a-zA-Z_]\w{0,60}(?:\[\d{1,6}\])+(?=\.[a-z_]|->|\(|\s?=)"  # servers[0].port, argv[1] = x
_LINK = r"!?\[[^\[\]\n]*\]\((?:[^()\n]++|\([^()\n]*\))*+\)"
_OPAQUE = re.compile(rf"{_CODE}|{_LINK}|{_ADDRESS}|{_INDEX}")
_FENCE = re.compile(r"^(?:[ \t>]|[-*+•][ \t]|\d{1,3}[.)][ \t])*+(?P<fence>`{3,}+|~{3,}+)(?P<rest>[^\n]*)", re.MULTILINE)
_TAGS_ONLY = re.compile(r"\s*+(?:\[[\d\s,;–-]{1,40}\][\s.,;]*+)*+")
_COMPLETE = re.compile(
    r"""[\w.;)"'`}\]](?<!\breturn)(?<!\byield)(?<!\bin)(?<!\bor)(?<!\band)(?<!\bnot)(?<!\bis)[ \t]+$"""
)
_NEAR = 80  # characters of a line that are looked at around a bracket in code
# A source's fence is believed where both its lines are there: a passage may be cut in the middle of one.
_VERBATIM = re.compile(
    rf"^[ ]{{0,3}}(?P<fence>```|~~~)[^\n]*\n(?:[^\n]*\n)*?[ ]{{0,3}}(?P=fence)|{_CODE}|{_ADDRESS}|{_INDEX}",
    re.MULTILINE,
)

_UNSEEN = r"[\s\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*"
_NUMBERS = rf"\d{{1,6}}(?:{_UNSEEN}[-‐-―−~,;、，；]{_UNSEEN}\d{{1,6}})*"
_BRACKET = re.compile(rf"[\[［【]{_UNSEEN}({_NUMBERS}){_UNSEEN}[\]］】]")
_TOKEN = re.compile(rf"[\[［【(（]\^?{_UNSEEN}(?P<numbers>{_NUMBERS}){_UNSEEN}[\]］】)）]|(?P<word>[^\W_]+)")
_RANGE = re.compile(rf"(\d+){_UNSEEN}[-‐-―−~]{_UNSEEN}(\d+)")
_WORDS_AROUND = 3


@dataclass(frozen=True, slots=True)
class TagGroup:
    """One bracket of tags at `[start, end)` of an answer, its ranges expanded, in order of mention."""

    start: int
    end: int
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A tag of the bracket at `start` of an answer that stands at the same words in a text the model has read.

    `of_source`: it is a number of a source's own, not one of an earlier answer.
    """

    start: int
    tag: int
    of_source: bool


def tag_groups(text: str) -> list[TagGroup]:
    """Find `[1]`, `[1, 3]` and `[1-3]` outside code, links and addresses; tags are numbers from 1 to 999.

    In a fenced block a bracket is a tag where it ends a line and no expression: `make install  [1]`, not `x = [1]`.
    """
    opaque = _Ranges(match.span() for match in _OPAQUE.finditer(text))
    fenced = _Ranges(fences(text))
    found = ((match, _expand(match.group(1))) for match in _TAG.finditer(text))
    return [
        TagGroup(*match.span(), tags)
        for match, tags in found
        if tags and match.start() not in opaque and (match.start() not in fenced or _ends_line(text, match))
    ]


def fences(text: str) -> list[tuple[int, int]]:
    """Return the fenced blocks of a text, from the first fence's mark to the last one's end; in order.

    A fence may stand in a list or a quotation. One that is never closed fences nothing: what follows it is read as
    text. Tags may stand behind a closing fence.
    """
    lines = list(_FENCE.finditer(text))
    found: list[tuple[int, int]] = []
    unclosed: dict[str, int] = {}
    i = 0
    while i < len(lines):
        mark, rest = lines[i]["fence"], lines[i]["rest"]
        if mark[0] in rest or len(mark) >= unclosed.get(mark[0], len(text)):
            i += 1
            continue
        last = next((j for j in range(i + 1, len(lines)) if _closes(lines[j], mark)), None)
        if last is None:  # nor is a longer one of its kind
            unclosed[mark[0]] = len(mark)
            last = i
        else:
            found.append((lines[i].start("fence"), lines[last].end("fence")))
        i = last + 1
    return found


def _closes(line: re.Match[str], mark: str) -> bool:
    return line["fence"].startswith(mark) and _TAGS_ONLY.fullmatch(line["rest"]) is not None


def _ends_line(text: str, match: re.Match[str]) -> bool:
    """Say whether a bracket in code ends its line behind a space and something that is complete without it."""
    start = match.start()
    near = max(0, start - _NEAR)
    before = text[max(near, text.rfind("\n", near, start) + 1) : start]
    after = text[match.end() : match.end() + _NEAR].partition("\n")[0]
    return not after.strip() and _COMPLETE.search(before) is not None


def retagged(text: str, groups: Iterable[TagGroup], shown: Callable[[TagGroup], str]) -> str:
    """Return the text with what `shown` says in place of each group; nothing takes the spaces before it along."""
    pieces = []
    position = 0
    for group in groups:
        before, tags = text[position : group.start], shown(group)
        pieces.append(before + tags if tags else before.rstrip(" "))
        position = group.end
    return "".join([*pieces, text[position:]])


def untagged(text: str) -> str:
    """Return the text without its tags: those of an earlier answer name passages that are not here."""
    return retagged(text, tag_groups(text), lambda group: "")


def source_brackets(text: str) -> str:
    """Return a source's text with its own `[2]` written as `[^2]`, so that nobody takes it for one of our tags.

    Full-width and lenticular brackets are written so too. Code, addresses and array indexes stay as they are.
    """
    verbatim = _Ranges(match.span() for match in _VERBATIM.finditer(text))

    def shown(match: re.Match[str]) -> str:
        like_a_tag = all(0 < n <= _LARGEST_TAG for n in _numbers(match[1]))
        return f"[^{match[1]}]" if like_a_tag and match.start() not in verbatim else match.group()

    return _BRACKET.sub(shown, text)


def repeats(text: str, sources: Iterable[str], earlier: Iterable[str]) -> list[Repeat]:
    """Return the tags of an answer that stand at the same words in a source, or in an earlier answer.

    A model that copies a sentence may copy its brackets as well. The same words are the three before or after it.
    """
    groups = tag_groups(text)
    if not groups:
        return []
    read = [(_Read(sources), True), (_Read(earlier), False)]
    places = {place.start: place for place in _places(text)}
    found = []
    for group in groups:
        known = [(words.numbers_at(places[group.start]), of_source) for words, of_source in read]
        for tag in group.tags:
            of = [of_source for numbers, of_source in known if tag in numbers]
            found += [Repeat(group.start, tag, of[0])] if of else []
    return found


def without_repeats(text: str, refused: Collection[Repeat]) -> str:
    """Return an answer in which these repeats are no tags: a source's number is `[^n]`, an earlier answer's is gone."""
    by_place = {(repeat.start, repeat.tag): repeat for repeat in refused}

    def shown(group: TagGroup) -> str:
        found = [by_place.get((group.start, tag)) for tag in group.tags]
        if not any(found):
            return text[group.start : group.end]
        marks = (
            f"[{tag}]" if repeat is None else f"[^{tag}]" if repeat.of_source else ""
            for tag, repeat in zip(group.tags, found, strict=True)
        )
        return "".join(marks)

    return retagged(text, tag_groups(text), shown)


class _Ranges:
    """Ranges in order, asked for whether a position lies in one."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans = list(spans)
        self._starts = [start for start, _ in self._spans]

    def __contains__(self, position: int) -> bool:
        i = bisect_right(self._starts, position) - 1
        return i >= 0 and position < self._spans[i][1]


@dataclass(frozen=True, slots=True)
class _Place:
    """A bracket of numbers at `start` of a text, and up to three words on each side."""

    start: int
    numbers: frozenset[int]
    before: tuple[str, ...]
    after: tuple[str, ...]


class _Read:
    """The numbers in brackets of texts, by the words beside them."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._before: dict[tuple[str, ...], set[int]] = {}
        self._after: dict[tuple[str, ...], set[int]] = {}
        for text in texts:
            for place in _places(text):
                for words, known in ((place.before, self._before), (place.after, self._after)):
                    if words:
                        known.setdefault(words, set()).update(place.numbers)

    def numbers_at(self, place: _Place) -> set[int]:
        """Return the numbers that the texts have at such words; a text may begin with fewer than three."""
        found: set[int] = set()
        for n in range(1, _WORDS_AROUND + 1):
            found |= self._before.get(place.before[-n:], set()) | self._after.get(place.after[:n], set())
        return found


def _places(text: str) -> Iterator[_Place]:
    words: list[str] = []
    brackets: list[tuple[int, str, int]] = []
    for token in _TOKEN.finditer(text):
        if token["word"]:
            words.append(token["word"].lower())
        else:
            brackets.append((token.start(), token["numbers"], len(words)))
    for start, numbers, i in brackets:
        yield _Place(start, _numbers(numbers), _slice(words, i - _WORDS_AROUND, i), _slice(words, i, i + _WORDS_AROUND))


def _slice(words: Sequence[str], start: int, end: int) -> tuple[str, ...]:
    return tuple(words[max(0, start) : end])


def _numbers(listing: str) -> frozenset[int]:
    """Return the numbers of a bracket, what lies between the ends of its ranges included."""
    if listing.isdecimal():
        return frozenset((int(listing),))
    found = {int(number) for number in re.findall(r"\d+", listing)}
    for match in _RANGE.finditer(listing):
        first, last = int(match[1]), int(match[2])
        found.update(range(first, min(last, first + _LONGEST_RANGE) + 1))
    return frozenset(found)


def _expand(listing: str) -> tuple[int, ...]:
    if listing.isdecimal():
        return (int(listing),) if 0 < int(listing) <= _LARGEST_TAG else ()
    tags: list[int] = []
    for item in re.split(r"\s*[,;]\s*", listing):
        first, *rest = (int(number) for number in re.split(r"\s*[-–]\s*", item))
        last = rest[0] if rest else first
        if first < 1 or not 0 <= last - first <= _LONGEST_RANGE or last > _LARGEST_TAG:
            return ()
        tags += range(first, last + 1)
    return tuple(dict.fromkeys(tags))
