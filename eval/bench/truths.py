"""True claims that are not copies: words left out, other words by rule, two sentences joined; `TRUTHS` names them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping

from eval.bench.lies import Source

_ASIDE = re.compile(
    r" ?\([^()]{2,80}\)|,? (?:which|who) [^,.;]{8,80}(?=,|\.$)|, [^,.;]{4,40},(?= (?:is|are|was|were|has|can))"
)
_OPENER = re.compile(
    r"^(?:However|Therefore|Moreover|Furthermore|In addition|For example|For instance|As a result|Also|Thus|Finally|"
    r"Usually|In general|Generally|In fact|Additionally|Similarly|Nevertheless|Instead),? "
)
_LEADING = re.compile(r"^(?:In|On|At|During|By|Since|After|From|For) [^,.;]{3,40}, (?=[A-Za-z])")
_TRAILING = re.compile(
    r",? (?:because|although|though|while|where|as well as|such as|including|for example|with|in order to|so that) "
    r"[^.;]{6,120}(?=\.$)"
)
_SYNONYMS = tuple(
    pair.replace("_", " ").split("/")
    for pair in (
        "begin/start begins/starts began/started purchase/buy purchased/bought approximately/about about/around "
        "in_order_to/to do_not/don't does_not/doesn't is_not/isn't are_not/aren't cannot/can't did_not/didn't "
        "was_not/wasn't however/but more_than/over less_than/under at_least/no_less_than at_most/no_more_than "
        "percent/% also/too large/big huge/enormous children/kids physician/doctor physicians/doctors show/demonstrate "
        "shows/demonstrates showed/demonstrated use/utilize uses/utilizes used/utilized help/assist helps/assists "
        "near/close_to obtain/get obtained/got receive/get require/need requires/needs required/needed many/numerous "
        "several/a_number_of often/frequently usually/normally because/since allows/lets allow/let occurs/happens "
        "occur/happen occurred/happened commonly/often primarily/mainly mainly/mostly known_as/called "
        "called/known_as located_in/situated_in contains/holds contain/hold important/significant quickly/rapidly "
        "roughly/about finish/complete finished/completed beginning/start whole/entire main/principal "
        "movie/film song/track car/automobile United_States/US United_Kingdom/UK build/construct built/constructed "
        "choose/select chosen/selected delete/remove deleted/removed create/make created/made immediately/at_once "
        "via/through per/for_each annually/every_year each_year/every_year daily/every_day monthly/every_month "
        "two/2 three/3 four/4 five/5 six/6 seven/7 eight/8 nine/9 ten/10 twelve/12 founded/established "
        "assist/help end/finish ends/finishes prior_to/before following/after during/in_the_course_of "
        "sick/ill nearly/almost almost/nearly difficult/hard fast/quick error/mistake disease/illness "
        "people/persons number/count keep/retain kept/retained permitted/allowed prohibited/forbidden provide/offer "
        "provides/offers provided/offered additional/further further/additional"
    ).split()
)
_PREFIXES = (
    "According to the document, ",
    "The text says that ",
    "The source states that ",
    "As described, ",
    "It is stated that ",
    "Yes, ",
    "Note that ",
    "In short, ",
)

Truth = Callable[[Source, random.Random], str | None]
"""Returns a claim that the sentence supports, or None where the rule does not apply."""


def verbatim(source: Source, rng: random.Random) -> str | None:
    """Return the sentence itself."""
    return source.text


def shortened(source: Source, rng: random.Random) -> str | None:
    """Leave out an aside, an opening or a closing phrase."""
    text = source.text
    for pattern in rng.sample([_ASIDE, _OPENER, _LEADING, _TRAILING], 4):
        kept = pattern.sub("", text, count=1).strip()
        if kept != text and len(kept.split()) >= 4:
            return kept[0].upper() + kept[1:]
    return None


def reworded(source: Source, rng: random.Random) -> str | None:
    """Say up to three words or phrases in other words."""
    text, changed = source.text, 0
    pairs = [(a, b) for a, b in _SYNONYMS] + [(b, a) for a, b in _SYNONYMS if " " not in a and a[0].isalpha()]
    for word, other in rng.sample(pairs, len(pairs)):
        new = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", other, text, count=1)
        changed += new != text
        text = new
        if changed == 3:
            break
    return text if changed else None


def joined(source: Source, rng: random.Random) -> str | None:
    """Say two whole neighbouring sentences in one: what a frankenquote pretends to be."""
    if source.place + 1 >= len(source.texts):
        return None
    first, second = source.text.rstrip("."), source.texts[source.place + 1]
    opens = second.split()[0]
    lowered = (
        second[0].lower() + second[1:] if opens in {"The", "A", "An", "It", "This", "They", "He", "She"} else second
    )
    return f"{first}{rng.choice([', and ', '; ', ' and '])}{lowered}"


def introduced(source: Source, rng: random.Random) -> str | None:
    """Put a phrase before the sentence that adds nothing."""
    text = source.text
    return rng.choice(_PREFIXES) + (text[0].lower() + text[1:] if text.split()[0] in {"The", "A", "An", "It"} else text)


def clause(source: Source, rng: random.Random) -> str | None:
    """Return one side of `and`, `but` or a semicolon when it can stand alone."""
    parts = re.split(r"(?:, (?:and|but) |; )(?=(?:the|it|they|he|she|this|we|you) )", source.text)
    found = [part.strip() for part in parts if len(part.split()) >= 5]
    if len(parts) < 2 or not found:
        return None
    chosen = rng.choice(found)
    return chosen[0].upper() + chosen[1:].rstrip(".") + "."


TRUTHS: Mapping[str, Truth] = {
    "verbatim": verbatim,
    "shortened": shortened,
    "reworded": reworded,
    "joined": joined,
    "introduced": introduced,
    "clause": clause,
}
