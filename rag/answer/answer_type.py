"""What kind of answer a question wants, and whether a sentence holds something of that kind; pure patterns."""

from __future__ import annotations

import re
from typing import Literal

from rag.text import words

AnswerType = Literal["person", "time", "number", "place", "reason", "manner", "definition", "other"]

_NUMBER_WORD = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|forty|fifty|sixty|hundred|"
    r"thousand|million|billion|none|zero|once|twice|half|unlimited"
)
_MONTH = r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"  # noqa: E501
_QUESTIONS: tuple[tuple[AnswerType, str], ...] = (
    (
        "number",
        r"\bhow (?:many|much|often|long|old|far|big|large|tall|high|fast|deep|wide|heavy)\b"
        r"|\bwhat (?:is |are )?(?:the )?(?:\w+ )?(?:number|amount|price|cost|size|limit|percentage|rate|maximum"
        r"|minimum|default|port|fee|version|quota|timeout)\b|\bwhich (?:version|port)\b",
    ),
    (
        "time",
        r"\bwhen\b|\bwhat (?:year|date|day|month|time|decade|century)\b"
        r"|\b(?:which|in what) (?:year|month|day|century)\b|\bby what date\b|\bsince when\b",
    ),
    ("person", r"\bwho(?:m|se)?\b(?!\s+(?:am|are)\b)|\bwhat is the name of\b|\bwhich (?:person|team|company)\b"),
    (
        "place",
        r"\bwhere\b|\b(?:what|which) (?:country|city|state|place|region|continent|folder|directory|location)\b",
    ),
    ("reason", r"\bwhy\b|\bwhat (?:causes?|caused|is the reason|are the reasons)\b|\bhow come\b"),
    ("manner", r"\bhow (?:do|does|did|can|could|should|would|to|is|are|was|were)\b"),
    (
        "definition",
        r"^\s*(?:what|who) (?:is|are|was|were)\b|\bwhat does\b.*\b(?:mean|stand for|do)\b|\bmeaning of\b",
    ),
)
_TIME = re.compile(
    rf"\b(?:1\d{{3}}|20\d{{2}})s?\b|\b(?:{_MONTH})\b|\b\d{{1,2}}(?:st|nd|rd|th)\b|\bcentury\b|\b\d{{1,2}}:\d{{2}}\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:after|before|until|within|during|every|when|once)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(rf"\d|\b(?:{_NUMBER_WORD})\b", re.IGNORECASE)
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)\b[A-Z][\w&.'-]*")
_PLACE = re.compile(
    r"\b(?:in|at|on|from|near|to|under|of)\s+(?:the\s+)?(?:[A-Z]\w+|[`/~.]\S+)|[`\"]?[/~][\w./-]+|\bunder\b|\bmenu\b"
)
_REASON = re.compile(
    r"\b(?:because|since|due to|caused? by|as a result|result(?:s|ed)? (?:in|from)|therefore|so that|in order to|"
    r"reasons?|leads? to|led to|to (?:prevent|avoid|protect|ensure|allow|make|reduce|keep)|means that|otherwise)\b",
    re.IGNORECASE,
)
_MANNER = re.compile(
    r"\b(?:by \w+ing|using|with|through|via|click|select|open|run|set|choose|enter|press|add|use|call|must|can|should|"
    r"first|then|steps?)\b",
    re.IGNORECASE,
)
_DEFINITION = re.compile(r"\b(?:is|are|was|were|means|refers? to|stands? for|describes?|consists? of|called)\b|[:(—–]")
_HOLDS = {
    "time": _TIME,
    "number": _NUMBER,
    "place": _PLACE,
    "reason": _REASON,
    "manner": _MANNER,
    "definition": _DEFINITION,
}


def answer_type(question: str) -> AnswerType:
    """Return the kind of answer an English question wants; `other` when its form does not say."""
    return next((kind for kind, pattern in _QUESTIONS if re.search(pattern, question, re.IGNORECASE)), "other")


def holds(kind: AnswerType, sentence: str, question: str) -> bool:
    """Say whether a sentence holds an expression of that kind that the question does not already hold."""
    if kind == "other":
        return True
    if kind == "person":
        known = set(words(question))
        return any(not known.issuperset(words(name)) for name in _NAME.findall(sentence))
    if kind in ("number", "time"):
        known = set(words(question))
        return any(not known.issuperset(words(match.group())) for match in _HOLDS[kind].finditer(sentence))
    return _HOLDS[kind].search(sentence) is not None
