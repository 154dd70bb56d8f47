"""Near-duplicates: the estimate follows the true similarity, and what is alike is found, once, and named."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.make.duplicates import duplicate_groups, near_duplicates
from ingest.make.minhash import DIGEST_BYTES, PLACES, signature
from ingest.pipeline import ingest
from ingest.upkeep.generations import status
from rag.text import words

VOCABULARY = [f"word{n}" for n in range(5000)]


def text(rng, size=400):
    return " ".join(rng.choices(VOCABULARY, k=size))


def edited(rng, original, edits):
    tokens = original.split()
    for place in rng.sample(range(len(tokens)), edits):
        tokens[place] = rng.choice(VOCABULARY)
    return " ".join(tokens)


def jaccard(a, b):
    left, right = ({tuple(w[i : i + 5]) for i in range(len(w) - 4)} for w in (words(a), words(b)))
    return len(left & right) / len(left | right)


def estimate(a, b):
    left, right = signature(a)[DIGEST_BYTES:], signature(b)[DIGEST_BYTES:]
    return sum(left[i : i + 4] == right[i : i + 4] for i in range(0, len(left), 4)) / PLACES


def test_the_estimate_follows_the_true_similarity():
    rng = random.Random(7)
    errors = []
    for edits in range(0, 120, 2):
        original = text(rng)
        other = edited(rng, original, edits)
        errors.append(estimate(original, other) - jaccard(original, other))
    assert abs(sum(errors) / len(errors)) < 0.02
    assert max(map(abs, errors)) < 0.18  # four standard deviations


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_a_signature_depends_on_the_words_only_and_its_digest_on_the_text(body):
    signed = signature(body)
    assert signed == signature(body)
    assert len(signed) in (0, DIGEST_BYTES + 4 * PLACES) and bool(signed) == bool(words(body))
    spaced = signature(body + " ")
    assert spaced[DIGEST_BYTES:] == signed[DIGEST_BYTES:]
    assert not signed or spaced[:DIGEST_BYTES] != signed[:DIGEST_BYTES]


def test_a_signature_stays_the_same_in_every_release():
    """Signatures are stored: another hash or seed would make old and new documents unlike."""
    assert signature("the quick brown fox jumps over the lazy dog").hex()[:64] == (
        "05c6e08f1d9fdafa03147fcb8f82f1246234f82d17df9d0a53b657206ad4583a"
    )


@pytest.fixture
def library():
    rng = random.Random(3)
    texts = {f"doc{n}": text(rng) for n in range(40)}
    texts["edited"] = edited(rng, texts["doc7"], 4)
    texts["copy"] = texts["doc3"]
    texts["spaced"] = texts["doc5"] + "\n"
    texts["rewritten"] = edited(rng, texts["doc9"], 150)
    texts["empty"] = "--- ***"
    return texts


def signed(texts):
    return {doc_id: made for doc_id, body in texts.items() if (made := signature(body))}


def test_copies_and_near_copies_are_found_and_nothing_else(library):
    found = near_duplicates(signed(library), list(library), 0.85)
    assert [(doc_id, other) for doc_id, other, _ in found] == [("doc3", "copy"), ("edited", "doc7"), ("spaced", "doc5")]
    scores = {doc_id: score for doc_id, _, score in found}
    assert scores["doc3"] == 1.0 and 0.85 <= scores["edited"] < 1.0
    assert 0.99 < scores["spaced"] < 1.0  # the same words, another text
    assert duplicate_groups(signed(library), 0.85) == [["copy", "doc3"], ["doc5", "spaced"], ["doc7", "edited"]]


def test_only_fresh_documents_are_named_and_older_ones_are_their_models(library):
    signatures = signed(library)
    assert near_duplicates(signatures, [], 0.85) == []
    assert near_duplicates(signatures, ["doc1", "gone"], 0.85) == []
    assert near_duplicates(signatures, ["copy"], 0.85) == [("copy", "doc3", 1.0)]
    assert near_duplicates(signatures, ["doc3"], 0.85) == [("doc3", "copy", 1.0)]


def test_the_most_alike_is_named_and_of_equals_the_first():
    rng = random.Random(5)
    original = text(rng)
    texts = {"a": edited(rng, original, 6), "b": original, "c": original, "new": original}
    assert near_duplicates(signed(texts), ["new"], 0.8) == [("new", "b", 1.0)]


def test_pairs_at_the_threshold_are_found():
    rng = random.Random(11)
    found = 0
    for _ in range(60):
        original = text(rng)
        other = edited(rng, original, 7)  # about 0.84: some are above 0.8 in the estimate, nearly all
        found += bool(near_duplicates(signed({"a": original, "b": other}), ["b"], 0.7))
    assert found >= 57


def test_a_thousand_copies_are_one_group_and_each_is_named_once():
    rng = random.Random(2)
    original = text(rng, 60)
    texts = {f"copy{n:04}": original for n in range(1000)} | {f"other{n}": text(rng, 60) for n in range(50)}
    found = near_duplicates(signed(texts), list(texts), 0.85)
    assert len(found) == 999 and len({doc_id for doc_id, _, _ in found}) == 999
    assert duplicate_groups(signed(texts), 0.85) == [sorted(doc_id for doc_id in texts if doc_id.startswith("copy"))]


# --- in an ingest -----------------------------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    rng = random.Random(1)
    for n in range(3):
        (folder / f"doc{n}.txt").write_text(text(rng, 80))
    return folder


def test_an_ingest_names_the_duplicates_of_what_is_new(source, runtime):
    assert ingest([str(source)], "kb", runtime).duplicates == ()
    (source / "copy.txt").write_text((source / "doc1.txt").read_text())
    assert ingest([str(source)], "kb", runtime).duplicates == (("copy.txt", "doc1.txt", 1.0),)
    assert status("kb", runtime)[0].duplicate_groups == 1
    (source / "new.txt").write_text(text(random.Random(9), 80))
    assert ingest([str(source)], "kb", runtime).duplicates == ()
    (source / "copy.txt").write_text((source / "doc2.txt").read_text())
    assert ingest([str(source)], "kb", runtime).duplicates == (("copy.txt", "doc2.txt", 1.0),)
    assert status("kb", runtime)[0].duplicate_groups == 1


def test_duplicates_are_not_looked_for_when_that_is_switched_off(source, make_runtime):
    runtime = make_runtime(duplicates={"report": False})
    (source / "copy.txt").write_text((source / "doc1.txt").read_text())
    assert ingest([str(source)], "kb", runtime).duplicates == ()
    assert status("kb", runtime)[0].duplicate_groups == 0
