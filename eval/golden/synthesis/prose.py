"""Questions from headings, definitions, key-value lines, questions with answers, lists and plain statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from eval.golden.sections import Section, plain
from eval.golden.synthesis.draft import Draft, Place, lines, lowered, name_of, place
from rag.text import sentences
from rag.types import Block, Document, Span

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_ASKING = re.compile(r"(?:how|why|what|when|where|which|who)\b", re.IGNORECASE)
_GERUND = re.compile(r"[A-Z][a-z]+ing\b(?! (?:and|or)\b)")
_NO_GERUND = frozenset(
    """according billing building concerning during following including king meeting nothing pricing regarding ring
    something spring string thing timing warning""".split()
)
_NO_TOPIC = re.compile(
    r"""[\d()/{}<>=:]|^(?:about|added|after|before|changed|changes?|contents|example|fixed|if|introduction|new|notes?|
    once|overview|removed|see\ also|summary|when)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_TERM = re.compile(
    r"""\s*(?:[-*+•]\s+)?(?:\*\*(?P<bold>[^*\n]{2,50})\*\*\s*(?:[-–—:]|\(.{1,30}\):)   # **Term** - what it is
    |(?P<bare>[A-Z][\w\ /-]{1,40}?)\s+[–—-])\s+(?P<body>\S.+)""",
    re.DOTALL | re.VERBOSE,
)
_IS_A = re.compile(
    r"(?P<article>A|An|The)\s+(?P<term>[^\W\d_][\w-]*(?: [\w-]+){0,2})\s+is\s+(?:an?|the|one of)\s+(?:\S+\s+){3,}\S+"
)
_FILLER = re.compile(
    r"""\b(?:above|aim|answer|below|best|case|default|first|following|goal|last|most|next|only|other|problem|purpose|
    question|reason|rest|result|same|second|that|third|this|way)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_PAIR = re.compile(
    r"^(?:[-*+•]\s+)?\*{0,2}(?P<key>[A-Z][^\W\d_]+(?: [^\W\d_]+){0,3})\*{0,2}:\*{0,2}\s+(?P<value>\S.{1,150})$"
)
_NO_KEY = frozenset(
    """a answer caution cc dear example field fields from fw fwd hello hi hint http https important message-id note
    notes q question re remark see also step subject tip to warning""".split()
)
_NO_KEY_PART = re.compile(
    r"^(?:at|by|for|if|in|most|on|please|when|with)\b|\b(?:are|can|has|have|is|was|were)\b", re.IGNORECASE
)
_ASKED = re.compile(
    r"""\s*(?:[-*+•]\s+)?\*{0,2}(?:Q|Question)\s*[:.]\*{0,2}\s*(?P<question>[^\n]{8,300}\?)\*{0,2}\s*\n
    \s*\*{0,2}(?:A|Answer)\s*[:.]\*{0,2}\s*(?P<answer>\S.+)""",
    re.DOTALL | re.VERBOSE,
)
_NUMBERED = re.compile(r"\s*\d{1,2}[.)]\s+")
_STATEMENT = re.compile(
    r"""(?P<subject>(?:The|A|An|All|Every|Each|Most|No|[A-Z][\w-]*)\ [^,;:()“”"|]*?|[A-Z][a-z]+s)\s
    (?P<aux>is|are|was|were|can|cannot|must|may|will|should)\s(?P<not>not\s)?(?P<rest>[^,;:()“”"|]+?)
    (?:[;:]\s.*|,\s(?:as|because|but|even|except|if|so|unless|where|which|while|who|and\s(?:a|it|the|they|we|you))\s.*
    |\s\(.*|[.!])$""",
    re.DOTALL | re.VERBOSE,
)
_FUNCTION_WORD = re.compile(r"\b(?:a|an|and|as|at|by|for|from|in|of|on|or|the|to|with|your)\b", re.IGNORECASE)
_PROPER_NAME = re.compile(r"\b[A-Z][\w&-]*(?: [A-Z][\w&-]*)*")
_NO_SUBJECT = re.compile(
    r"""^(?i:after|also|although|as|at|because|before|beyond|both|by|during|for|from|he|here|however|how|i|if|in|instead|it|my|no|
    nobody|not|note|nothing|on|one|only|otherwise|please|see|she|since|some|such|another|that|then|there|these|they|this|
    those|though|thus|to|under|until|up|we|what|when|where|which|while|who|why|with|without|you)\b
    |\b(?i:and|but|did|do|does|has|have|how|if|it|or|that|there|they|this|we|what|when|where|which|who|whose|you)\b
    |[a-z]{3}[A-Z][a-z]|\ (?:A|All|An|Each|Every|Most|No|The|[Mm]y|[Oo]ur|[Yy]our)\ """,
    re.VERBOSE,
)
_SECOND_CLAUSE = re.compile(
    r"""\b(?:and|but|or)\s+(?:[\w-]+\s+){0,2}
    (?:are|can|cannot|could|has|have|is|may|might|must|should|was|were|will|would)\b
    |\b(?:and|but|or)\s+(?:he|it|she|they|we|you)\b
    |\b(?:and|as|at|by|for|from|in|of|on|or|to|under|with)$""",
    re.IGNORECASE | re.VERBOSE,
)
_OPEN_REST = re.compile(
    r"^to |\b(?:above|below|following|he|his|it|its|our|she|such|that|their|them|these|they|this|those|us|we)\b",
    re.IGNORECASE,
)
_MIN_BODY = 60
_MIN_DEFINITION = 3
_SHORT = 20
_MAX_VALUE = 5
_SWAPPABLE = 3
_MIN_SENTENCE, _MAX_SENTENCE = 35, 220


def headings(section: Section, document: Document) -> Iterator[Draft]:
    """Yield what a reader of the heading wants to know; the place is the first paragraph below it."""
    paragraph = next((b for b in section.blocks if b.kind == "paragraph" and len(b.span) >= _MIN_BODY), None)
    heading = section.heading
    if paragraph is None or paragraph is not section.blocks[0] or len(section.headings) < 2:
        return
    question = _asked_by(heading, document)
    if question:
        body = _place(document, paragraph)
        yield Draft(question, _first_sentence(body), (body,), "heading", section.path, _swappable(heading))


def definitions(section: Section, document: Document) -> Iterator[Draft]:
    """Yield `What is X?` for glossary entries and for sentences that say what X is."""
    for block in _prose(section):
        body = _place(document, block)
        entry = _TERM.match(body.text)
        if entry:
            term = plain(entry["bold"] or entry["bare"]).rstrip(":. ")
            first = _first_sentence(_within(body, entry.start("body"), len(body.text)))
            if _is_term(term) and len(_WORD.findall(first)) >= _MIN_DEFINITION:
                yield Draft(f"What is meant by “{term}”?", first, (body,), "definition", section.path, entity=term)
            continue
        for sentence in _sentences(body):
            said = _IS_A.match(plain(sentence.text))
            if said and _is_named(said):
                term = f"{said['article'].lower()} {said['term']}"
                yield Draft(
                    f"What is {term}?", plain(sentence.text), (sentence,), "definition", section.path, said["term"]
                )


def key_values(section: Section, document: Document) -> Iterator[Draft]:
    """Yield a question for each line that is a name, a colon and a short value."""
    source = name_of(document)
    for block in _prose(section):
        for start, line in lines(document, block.span):
            pair = _PAIR.match(line.strip())
            if pair and _is_key(pair["key"]) and "?" not in line and pair["key"] not in source:
                where = place(document, start, start + len(line))
                key, value = pair["key"], plain(pair["value"])
                said = "say about" if len(value.split()) > _MAX_VALUE else "give as"
                question = f"What does “{source}” {said} “{key}”?"
                yield Draft(question, value, (where,), "key-value", section.path, _swappable(key))


def answered_questions(section: Section, document: Document) -> Iterator[Draft]:
    """Yield the questions that a document asks and answers itself (`Q:` and `A:`, or a heading that asks)."""
    for block in _prose(section):
        body = _place(document, block)
        asked = _ASKED.match(body.text)
        if asked:
            answer = _within(body, asked.start("answer"), len(body.text))
            yield Draft(plain(asked["question"]), _first_sentence(answer), (answer,), "FAQ", section.path)
    first = section.blocks[0]
    asks = section.heading.endswith("?") and len(section.heading.split()) > 2
    if asks and first.kind == "paragraph" and not _OPEN_REST.search(section.heading):
        body = _place(document, first)
        yield Draft(section.heading, _first_sentence(body), (body,), "FAQ", section.path)


def steps(section: Section, document: Document) -> Iterator[Draft]:
    """Yield what comes after each step of a numbered list; the place is the step that follows."""
    items = [_place(document, block) for block in section.blocks if block.kind == "list_item"]
    for first, second in pairwise(items):
        number = _NUMBERED.match(first.text)
        if not (number and _NUMBERED.match(second.text)):
            continue
        done = plain(next(_sentences(_within(first, number.end(), len(first.text)))).text)
        if 3 <= len(done.split()) <= 14 and not done.endswith("?"):
            question = f"Which step follows “{done.rstrip('.:;')}” in “{section.heading or name_of(document)}”?"
            answer = plain(_NUMBERED.sub("", second.text))
            yield Draft(question, answer, (second,), "list step", section.path)


def statements(section: Section, document: Document) -> Iterator[Draft]:
    """Yield the yes-or-no question behind a plain statement: `X cannot be Y.` becomes `Can X be Y?`."""
    for block in _prose(section):
        for sentence in _sentences(_place(document, block)):
            text = plain(sentence.text)
            said = _STATEMENT.match(text)
            if said and _MIN_SENTENCE <= len(text) <= _MAX_SENTENCE and _stands_alone(said):
                yield _inverted(said, text, sentence, section, document)


def _inverted(said: re.Match[str], text: str, where: Place, section: Section, document: Document) -> Draft:
    subject, rest = lowered(said["subject"], document), said["rest"].strip()
    aux = said["aux"].removesuffix("not")
    denied = bool(said["not"]) or said["aux"] == "cannot"
    question = f"{aux.capitalize()} {subject} {rest}?"
    verb = {"can": "cannot"}.get(aux, f"{aux} not") if not denied else aux
    negated = f"Is it true that {subject} {verb} {rest}?"
    named = _PROPER_NAME.search(subject)
    entity = named.group() if named else ""
    return Draft(question, text, (where,), "statement", section.path, entity=entity, negated=negated)


def _stands_alone(said: re.Match[str]) -> bool:
    subject, rest = said["subject"], said["rest"]
    short = 1 <= len(subject.split()) <= 7 and 2 <= len(rest.split()) <= 16
    known = re.fullmatch(r"The [a-z-]+", subject)  # `the fee`: the reader must have read what went before
    open_ended = _OPEN_REST.search(rest) or _OPEN_REST.search(subject) or _SECOND_CLAUSE.search(rest)
    return short and not known and not _NO_SUBJECT.search(subject) and not open_ended


def _asked_by(heading: str, document: Document) -> str:
    words = _WORD.findall(heading)
    if heading.endswith("?") or not 2 <= len(words) <= 9 or _NO_TOPIC.search(heading):
        return ""
    small = heading[0].lower() + heading[1:]
    if small.startswith("how to "):
        return f"How do I {small[7:]}?"
    if _ASKING.match(heading):
        return f"Can you explain {small}?"
    if _GERUND.match(heading) and words[0].lower() not in _NO_GERUND:
        return f"What should I know about {small}?"
    return f"What does “{name_of(document)}” say about “{heading}”?"


def _prose(section: Section) -> Iterator[Block]:
    return (block for block in section.blocks if block.kind in ("paragraph", "list_item"))


def _place(document: Document, block: Block) -> Place:
    return place(document, block.span.start, block.span.end)


def _within(body: Place, start: int, end: int) -> Place:
    return Place(body.doc_id, Span(body.span.start + start, body.span.start + end), body.text[start:end])


def _sentences(body: Place) -> Iterator[Place]:
    return (_within(body, span.start, span.end) for span in sentences(body.text))


def _first_sentence(body: Place) -> str:
    """Return the first sentence, and the second where the first is a mere yes or no."""
    first, *more = _sentences(body)
    end = more[0].span.end if more and len(first.text) < _SHORT else first.span.end
    return plain(body.text[: end - body.span.start])


def _is_named(said: re.Match[str]) -> bool:
    """Say whether `A term is …` names something that needs a definition; `the service` does not."""
    known = said["article"] == "The" and " " not in said["term"]
    return not (known or _FILLER.search(said["term"]))


def _swappable(name: str) -> str:
    """Return a name that is still one when its first word is made up: a short one, of nouns only."""
    return name if len(name.split()) <= _SWAPPABLE and not _FUNCTION_WORD.search(name) else ""


def _is_key(key: str) -> bool:
    return key.split()[0].lower() not in _NO_KEY and not _NO_KEY_PART.search(key) and not _NO_TOPIC.search(key)


def _is_term(term: str) -> bool:
    return 1 <= len(term.split()) <= 5 and term.casefold() not in _NO_KEY and not _FILLER.fullmatch(term)
