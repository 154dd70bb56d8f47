"""Which language a document is in: what it declares, else what its prose shows, as an ISO 639-1 code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from rag.types import Document

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

FIELD = "language"
_DECLARED_IN = (FIELD, "lang")
_CODES = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo
    es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg
    ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn
    no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta
    te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    """.split()
)
_NAMES = {
    name: code
    for code, names in {
        "ar": "ara arabic", "cs": "ces cze czech", "da": "dan danish", "de": "deu ger german deutsch",
        "el": "ell gre greek", "en": "eng english", "es": "spa spanish español", "fi": "fin finnish",
        "fr": "fra fre french français", "he": "heb hebrew", "hi": "hin hindi", "hu": "hun hungarian",
        "it": "ita italian italiano", "ja": "jpn japanese", "ko": "kor korean", "nl": "nld dut dutch",
        "no": "nor norwegian", "pl": "pol polish", "pt": "por portuguese português", "ro": "ron rum romanian",
        "ru": "rus russian", "sv": "swe swedish", "tr": "tur turkish", "uk": "ukr ukrainian", "zh": "zho chi chinese",
    }.items()
    for name in names.split()
}  # fmt: skip
STEMMERS: Mapping[str, str] = {
    "arabic": "ar", "armenian": "hy", "basque": "eu", "catalan": "ca", "czech": "cs", "danish": "da", "dutch": "nl",
    "dutch_porter": "nl", "english": "en", "esperanto": "eo", "estonian": "et", "finnish": "fi", "french": "fr",
    "german": "de", "greek": "el", "hindi": "hi", "hungarian": "hu", "indonesian": "id", "irish": "ga",
    "italian": "it", "lithuanian": "lt", "nepali": "ne", "norwegian": "no", "polish": "pl",
    "persian": "fa", "porter": "en", "portuguese": "pt", "romanian": "ro", "russian": "ru", "serbian": "sr",
    "sesotho": "st", "spanish": "es", "swedish": "sv", "tamil": "ta", "turkish": "tr", "yiddish": "yi",
}  # fmt: skip
"""The language that each Snowball stemmer is for."""

_PROSE = frozenset({"paragraph", "list_item", "heading"})
_NO_WORD = re.compile(r"\S*[\d/@\\_=<>{}|]\S*")
_WINDOWS = 6
_WINDOW_CHARS = 200
_MIN_BYTES = 50
_SURE = 0.6
_AGREEING = 0.8


def with_language(document: Document) -> Document:
    """Return the document with its language in its metadata, unless none is declared and none can be told."""
    named = next((document.metadata[key] for key in _DECLARED_IN if document.metadata.get(key)), "")
    declared = named if isinstance(named, str) else named[0]
    code = language_code(declared) if declared else detect(document)
    # What is declared and is no language we know ("Python") stays as its author wrote it.
    if not code or document.metadata.get(FIELD) == code:
        return document
    return replace(document, metadata={**document.metadata, FIELD: code})


def language_code(declared: str) -> str:
    """Return the ISO 639-1 code of a tag (`de-AT`), a longer code (`ger`) or a name; "" if it is none of them."""
    primary = re.split(r"[-_;,\s]", declared.strip().lower(), maxsplit=1)[0]
    return primary if primary in _CODES else _NAMES.get(primary, "")


def detect(document: Document) -> str:
    """Return the language of most of a document's prose, "" where it is short or mixed or cannot be told.

    Up to six excerpts are judged one by one, so that a text in two languages is seen as such.
    """
    excerpts = [(words, weight) for words, weight in _excerpts(_prose(document)) if weight >= _MIN_BYTES]
    needed = _AGREEING * sum(weight for _, weight in excerpts)
    votes: Counter[str] = Counter()
    for words, weight in excerpts:
        language, probability = identifier().classify(words)
        votes[language if probability >= _SURE else ""] += weight
        if max(votes.values()) >= needed:  # whatever the excerpts that are left say
            break
    language, most = votes.most_common(1)[0] if votes else ("", 0)
    return language if language in _CODES and most >= needed else ""


def _prose(document: Document) -> str:
    blocks = [block.span for block in document.blocks if block.kind in _PROSE]
    blocks = blocks or [block.span for block in document.blocks if block.kind == "table"]
    return "\n".join(document.text[span.start : span.end] for span in blocks)


def _excerpts(text: str) -> Iterator[tuple[str, int]]:
    """Yield excerpts without what is no word, and how many bytes of words each has."""
    for window in _windows(text):
        words = _NO_WORD.sub(" ", window)
        yield words, len("".join(words.split()).encode())


def _windows(text: str) -> Iterator[str]:
    """Yield up to six excerpts, evenly spread."""
    count = min(_WINDOWS, -(-len(text) // _WINDOW_CHARS))
    for i in range(count):
        start = i * len(text) // count
        yield text[start : start + _WINDOW_CHARS]


@cache
def identifier() -> LanguageIdentifier:
    """Return the language model; loading it takes a second, once a process."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
