"""Claims with evidence to train on: labelled ones of `train/nli`, planted ones of the texts of `train/ranking`.

No golden set and no label set is read, and no ranking file that is named after one.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.bench.lies import LIES, Source, names_in
from eval.bench.truths import TRUTHS
from eval.recipes.word_swap import WordSwap
from rag.text import sentences

NLI = {
    "fever_vanilla": (27_000, 1.0),
    "fool_me_twice": (3_000, 1.0),
    "fever_symmetric": (1_500, 1.0),
    "conjnli": (6_000, 0.7),
    "cad_snli": (3_000, 0.4),
    "snli_dev_test": (4_000, 0.3),
    "breaking_nli": (1_500, 0.4),
    "med": (1_500, 0.5),
    "help_partial": (1_500, 0.5),
}
"""Rows taken of each file, and their weight: image captions count little."""
PASSAGES = {
    "squad2_dev_half": 900,
    "xquad_en": 240,
    "nq_qed_dev": 1_300,
    "lfrqa_stackexchange": 6_000,
    "medquad": 5_000,
}
SENTENCES = {"squad1_sentences_nqg": 9_000, "selqa": 2_500}
"""Texts taken of each file of `train/ranking`; sentences stand beside those of neighbouring rows."""

_DOUBTED = {"fever_dev_nei_mined": 0.4}
_CHARS = (40, 260)  # of a claim
_EVIDENCE_CHARS = 420
_SYMMETRIC, _LOWERED, _SWAPPED = 0.25, 0.12, 0.25
_WORDS = "word"


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim, evidence, whether it supports the claim, how much the pair counts, and where it is from."""

    claim: str
    evidence: str
    supported: bool
    weight: float
    source: str


def training_pairs(data: Path, swap: WordSwap, seed: int = 0) -> list[Pair]:
    """Return all pairs in one random order, so that any beginning of them is a fair sample."""
    rng = random.Random(seed)
    pairs = [*_nli(data / "train" / "nli", rng), *_planted(data / "train" / "ranking", swap, rng), *_tables(3_000, rng)]
    rng.shuffle(pairs)
    return pairs


def _nli(folder: Path, rng: random.Random) -> Iterator[Pair]:
    for name, (most, weight) in NLI.items():
        rows = list(_rows(folder / f"{name}.jsonl.gz"))
        supported = [row for row in rows if row["label"] == "entailment"]
        others = [row for row in rows if row["label"] != "entailment"]
        rng.shuffle(supported)
        rng.shuffle(others)
        for row in (*supported[: most // 2], *others[: most - min(len(supported), most // 2)][:most]):
            yield Pair(
                row["hypothesis"],
                row["premise"],
                row["label"] == "entailment",
                weight * _DOUBTED.get(row["source"], 1.0),
                name,
            )


def _planted(folder: Path, swap: WordSwap, rng: random.Random) -> Iterator[Pair]:
    passages = list(_passages(folder, rng))
    names = [name for texts in passages for text in texts for name in names_in(text)]
    everything = [text for texts in passages for text in texts]
    for texts in passages:
        places = [i for i, text in enumerate(texts) if _CHARS[0] <= len(text) <= _CHARS[1] and text[-1] in ".!"]
        for place in rng.sample(places, min(2, len(places))):
            few = [rng.choice(names) for _ in range(12)]
            source = Source(texts, place, few, [rng.choice(everything) for _ in range(4)])
            yield from (_lowered(pair, rng) for pair in _pairs_of(source, swap, rng))


def _pairs_of(source: Source, swap: WordSwap, rng: random.Random) -> Iterator[Pair]:
    """Yield a lie and a truth; at times the lie is put into the evidence, and then it is the truth."""
    kind, lie = _lie(source, swap, rng)
    if lie is not None and kind not in {"misattributed", "frankenquote"} and rng.random() < _SYMMETRIC:
        turned = Source([lie if i == source.place else text for i, text in enumerate(source.texts)], source.place)
        yield Pair(source.text, window(turned, rng), False, 1.0, f"planted/{kind}/turned")
        yield Pair(lie, window(turned, rng), True, 1.0, "planted/truth/turned")
        return
    if lie is not None and kind == "misattributed":
        yield Pair(lie, window(source, rng), False, 1.0, f"planted/{kind}")
    elif lie is not None:
        whole = kind == "frankenquote"
        yield Pair(lie, window(source, rng, whole), False, 1.0, f"planted/{kind}")
    kind, truth = _truth(source, rng)
    yield Pair(truth, window(source, rng, kind == "joined"), True, 1.0, f"planted/truth/{kind}")


def _lie(source: Source, swap: WordSwap, rng: random.Random) -> tuple[str, str | None]:
    """Return a lie of the first kind that the sentence allows, rare kinds first as often as not."""
    if rng.random() < _SWAPPED:
        return _WORDS, swap.swap(source.text, rng)
    rare = ["number", "date", "unit", "quantifier"]
    kinds = rng.sample(rare, len(rare)) if rng.random() < 0.6 else []  # noqa: PLR2004
    kinds += rng.sample(list(LIES), len(LIES))
    for kind in kinds:
        lie = LIES[kind](source, rng)
        if (
            lie is not None
            and lie != source.text
            and lie not in source.texts[max(0, source.place - 1) : source.place + 2]
        ):
            return kind, lie
    return _WORDS, None


def _truth(source: Source, rng: random.Random) -> tuple[str, str]:
    for kind in rng.sample(list(TRUTHS), len(TRUTHS)):
        truth = TRUTHS[kind](source, rng)
        if truth is not None:
            return kind, truth
    return "verbatim", source.text


def window(source: Source, rng: random.Random, whole: bool = False) -> str:
    """Return the sentence with none to two of its neighbours, or with the whole passage as far as it fits."""
    first, last = source.place, source.place + 1
    size = len(source.text)
    before, after = (3, 3) if whole else (rng.choice([0, 0, 1, 2]), rng.choice([0, 0, 1, 2]))
    while after and last < len(source.texts) and size + len(source.texts[last]) <= _EVIDENCE_CHARS:
        size, last, after = size + len(source.texts[last]), last + 1, after - 1
    while before and first > 0 and size + len(source.texts[first - 1]) <= _EVIDENCE_CHARS:
        size, first, before = size + len(source.texts[first - 1]), first - 1, before - 1
    return " ".join(source.texts[first:last])


def _passages(folder: Path, rng: random.Random) -> Iterator[list[str]]:
    for name, most in PASSAGES.items():
        texts = sorted({row["positive"] for row in _rows(folder / f"{name}.jsonl.gz")})
        rng.shuffle(texts)
        for text in texts[:most]:
            found = [" ".join(text[span.start : span.end].split()) for span in sentences(text[:2_000])]
            if len(found) > 1:
                yield found
    for name, most in SENTENCES.items():
        texts = list(dict.fromkeys(row["positive"] for row in _rows(folder / f"{name}.jsonl.gz")))
        for i in range(1, min(most, len(texts)) - 1, 2):
            yield texts[i - 1 : i + 2]


def _lowered(pair: Pair, rng: random.Random) -> Pair:
    if rng.random() >= _LOWERED:
        return pair
    return Pair(pair.claim.lower(), pair.evidence.lower(), pair.supported, pair.weight, pair.source)


_THINGS = (
    "Basic Plus Team Business Enterprise Starter Pro Standard Silver Gold North South Alpha Beta Delta Omega".split()
)
_HEADS = ("Plan Region Model Edition Package Site Device".split(), "Price Limit Weight Users Storage Timeout".split())
_VALUES = "{} EUR|{} days|{} GB|{} kg|{} hours|{}|{} users|{} minutes|{} %|{} MB".split("|")
_YES = (("Backup Support Encryption Export Alerts".split()), ("yes no optional included".split()))


def _tables(count: int, rng: random.Random) -> Iterator[Pair]:
    """Yield rows of made-up tables said with their labels, and ones with the cell of another row."""
    for _ in range(count // 2):
        things = rng.sample(_THINGS, rng.randint(2, 5))
        heads = [rng.choice(_HEADS[0]), *rng.sample(_HEADS[1], rng.randint(1, 2)), rng.choice(_YES[0])]
        forms = [rng.choice(_VALUES) for _ in heads[1:-1]]
        rows = [[t, *(form.format(rng.randint(1, 900)) for form in forms), rng.choice(_YES[1])] for t in things]
        evidence = _written(heads, rows, rng)
        row, column = rng.choice(rows), rng.randrange(1, len(heads))
        wrong = [other[column] for other in rows if other[column] != row[column]]
        yield Pair(_said(heads, row, column, row[column], rng), evidence, True, 1.0, "planted/truth/row")
        if wrong:
            yield Pair(_said(heads, row, column, rng.choice(wrong), rng), evidence, False, 1.0, "planted/row")


def _written(heads: Sequence[str], rows: Sequence[Sequence[str]], rng: random.Random) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, *rows)]
    if rng.random() < 0.5:  # noqa: PLR2004
        lines.insert(1, "|" + "---|" * len(heads))
    return "\n".join(lines)


def _said(heads: Sequence[str], row: Sequence[str], column: int, value: str, rng: random.Random) -> str:
    head = heads[column].lower()
    return rng.choice(
        [
            f"{heads[0]}: {row[0]}; {heads[column]}: {value}",
            f"The {head} of {row[0]} is {value}.",
            f"{row[0]} has a {head} of {value}.",
            f"For the {heads[0].lower()} {row[0]}, the {head} is {value}.",
        ]
    )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
