"""Languages are told where they can be, declared ones win, and a run says once what its models do not read."""

import json

import pytest
import Stemmer

from ingest.make.languages import STEMMERS, detect, language_code, with_language
from ingest.make.run_warnings import Tally
from ingest.partition.layout import Piece, assemble
from ingest.pipeline import ingest
from ingest.upkeep.generations import status
from rag.models.embedders import PACKAGED, languages_of
from rag.settings import EmbedderSettings, Settings
from rag.types import Chunk, Document, Span
from tests.fakes import equal_to

SENTENCES = {
    "en": "The backup runs every night at two and is kept for thirty days. Nobody knew why the old lighthouse had been"
    " abandoned so quickly.",
    "de": "Die Sicherung läuft jede Nacht um zwei und wird dreißig Tage aufbewahrt. Niemand wusste, warum der alte"
    " Leuchtturm so schnell verlassen worden war.",
    "fr": "La sauvegarde s'exécute chaque nuit à deux heures et se conserve trente jours. Personne ne savait pourquoi"
    " le vieux phare avait été abandonné si vite.",
    "es": "La copia de seguridad se ejecuta cada noche a las dos y se guarda treinta días. Nadie sabía por qué habían"
    " abandonado tan pronto el viejo faro.",
    "it": "Il salvataggio viene eseguito ogni notte alle due. Nessuno sapeva perché il vecchio faro fosse stato"
    " abbandonato così in fretta.",
    "pt": "A cópia de segurança corre todas as noites às duas e fica guardada trinta dias. Ninguém sabia por que o"
    " velho farol tinha sido abandonado.",
    "nl": "De back-up draait elke nacht om twee uur en wordt dertig dagen bewaard. Niemand wist waarom de oude"
    " vuurtoren zo snel was verlaten.",
    "sv": "Säkerhetskopian körs varje natt klockan två och sparas i trettio dagar. Ingen visste varför den gamla fyren"
    " hade övergivits.",
    "pl": "Kopia zapasowa wykonuje się co noc o drugiej. Nikt nie wiedział, dlaczego stara latarnia została tak szybko"
    " opuszczona.",
    "ru": "Резервное копирование выполняется каждую ночь. Никто не знал, почему старый маяк так быстро покинули.",
    "ja": "バックアップは毎晩二時に実行され、三十日間保存されます。"
    "古い灯台がなぜ急に放棄されたのか、誰も知らなかった。",
    "zh": "备份每天凌晨两点运行,并保存三十天。没有人知道那座旧灯塔为什么这么快就被废弃了。",
    "ar": "يعمل النسخ الاحتياطي كل ليلة في الساعة الثانية. لم يعرف أحد لماذا هجرت المنارة القديمة بهذه السرعة.",
}


def document(*texts, kind="paragraph", **metadata):
    text, blocks = assemble([Piece(kind, text) for text in texts])
    return Document("d", "T", text, blocks, "0" * 64, metadata=metadata)


@pytest.mark.parametrize("code", SENTENCES)
def test_two_sentences_are_enough(code):
    assert detect(document(SENTENCES[code])) == code


@pytest.mark.parametrize(
    "texts",
    [
        ("OK",),
        ("Kubernetes Docker nginx redis",),
        ("0x7f 12 88 99 1.2.3 " * 40,),
        (SENTENCES["en"], SENTENCES["de"]),
        (SENTENCES["en"] * 9, SENTENCES["de"] * 9),
        ("https://example.com/a/b_c?d=e " * 20,),
    ],
)
def test_short_and_mixed_texts_are_not_guessed(texts):
    assert detect(document(*texts)) == ""
    assert "language" not in with_language(document(*texts)).metadata


def test_code_is_no_prose():
    text, blocks = assemble(
        [Piece("code", "for word in words: print(word)\n" * 60), Piece("paragraph", SENTENCES["fr"])]
    )
    assert detect(Document("d", "T", text, blocks, "0" * 64)) == "fr"


@pytest.mark.parametrize(
    ("declared", "code"),
    [("de-AT", "de"), ("EN_us", "en"), ("ger", "de"), ("German", "de"), ("fr, en", "fr"), ("Python", ""), ("", "")],
)
def test_tags_and_names_become_codes(declared, code):
    assert language_code(declared) == code


def test_what_is_declared_wins_and_what_is_no_language_stays():
    english = SENTENCES["en"]
    assert with_language(document(english, language="de-CH")).metadata == {"language": "de"}
    assert with_language(document(english, lang="fr")).metadata == {"lang": "fr", "language": "fr"}
    assert with_language(document(english, language="Python")).metadata == {"language": "Python"}
    assert with_language(document(english, topic="x")).metadata == {"topic": "x", "language": "en"}


def test_every_stemmer_has_its_language():
    assert set(Stemmer.algorithms()) <= set(STEMMERS)


def test_models_say_what_they_read(tmp_path):
    assert languages_of(EmbedderSettings()) == {"en"} and set(PACKAGED) == {"minilm"}
    assert languages_of(EmbedderSettings(model="some/hub-id")) == frozenset()
    for card, codes in (
        ("---\nlanguage: en\n---\n# Model", {"en"}),
        ("---\nlanguage: [de, fr]\n---\n", {"de", "fr"}),
        ("---\nlanguage: [multilingual, de]\n---\n", set()),
        ("---\ntags: x\n---\n", set()),
        ("# no front matter", set()),
        ("---\nbroken", set()),
        ("---\n: [\n---\n", set()),
    ):
        (tmp_path / "README.md").write_text(card)
        assert languages_of(EmbedderSettings(model=str(tmp_path))) == codes, card


def test_a_run_stores_languages_and_warns_once(make_runtime, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for code in ("en", "de", "fr"):
        (folder / f"{code}.txt").write_text(SENTENCES[code], "utf-8")
    (folder / "en2.txt").write_text(SENTENCES["en"] + " More.", "utf-8")
    (folder / "short.txt").write_text("Tiny.", "utf-8")
    (folder / "said.md").write_text(f"---\nlanguage: Dutch\n---\n{SENTENCES['en']}", "utf-8")
    runtime = make_runtime()
    report = ingest([str(folder)], "words", runtime)
    first, second = report.warnings
    assert first.startswith("3 of 6 documents are in de, fr, nl; the embedder minilm reads en: set embedder.model to")
    assert second.startswith("3 of 6 documents are in de, fr, nl; the stemmer english is for en: set bm25.stemmer to g")
    live = runtime.catalogue.live("words")
    stored = {item.doc_id: item.metadata.get("language") for item in runtime.catalogue.documents(live)}
    assert stored == {
        "en.txt": "en",
        "en2.txt": "en",
        "de.txt": "de",
        "fr.txt": "fr",
        "said.md": "nl",
        "short.txt": None,
    }
    german = runtime.catalogue.chunks(sorted(runtime.catalogue.matching(live, equal_to(language="de"))))
    assert {chunk.doc_id for chunk in german.values()} == {"de.txt"}
    (shown,) = status("words", runtime)
    assert shown.languages == {"en": 2, "de": 1, "fr": 1, "nl": 1, "": 1}
    assert ingest([str(folder)], "words", runtime).warnings == ()


def test_english_documents_and_models_of_unknown_languages_give_no_warning():
    tally = Tally()
    tally.add(document(SENTENCES["en"], language="en"), ())
    assert list(tally.warnings(Settings(), {"en"})) == []
    tally.add(document(SENTENCES["de"], language="de"), ())
    none = Settings.model_validate({"bm25": {"stemmer": "none"}})
    assert list(tally.warnings(none, ())) == []
    (said,) = tally.warnings(none, {"en"})
    assert said.startswith("1 of 2 documents is in de; the embedder")


def test_cut_words_and_chunks_without_their_header_are_said():
    text = "abc" * 10
    whole = Document("d", "Title", f"{text} ende", (), "0" * 64)
    tally = Tally()
    cut = [Chunk("1", "d", Span(0, 12), text[:12], "Title"), Chunk("2", "d", Span(12, 30), text[12:], "Title")]
    tally.add(whole, [*cut, Chunk("3", "d", Span(31, 35), "ende", "Title", header="Title")])
    words, headers = tally.warnings(Settings(), {"en"})
    assert words.startswith("1 of 3 chunks end inside a word") and "ingest.chunker.max_tokens (200)" in words
    assert headers.startswith("2 of 3 chunks are embedded without their title and headings")
    assert len(list(tally.warnings(Settings.model_validate({"ingest": {"chunker": {"header": False}}}), ()))) == 1


def test_scripts_without_spaces_are_not_said_to_be_cut_inside_words():
    tally = Tally()
    tally.add(Document("d", "", "漢字漢字漢字", (), "0" * 64), [Chunk("1", "d", Span(0, 3), "漢字漢")])
    assert list(tally.warnings(Settings(), {"en"})) == []


def test_the_semantic_chunker_runs_where_the_embedder_is(make_runtime, tmp_path):
    rows = [{"doc_id": f"d{i}", "title": "T", "text": f"First number {i}. Then more. " * 40} for i in range(3)]
    path = tmp_path / "documents.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    runtime = make_runtime(chunker={"name": "semantic", "max_tokens": 40})
    report = ingest([str(path)], "words", runtime)
    assert report.chunks > 20 and not report.failed
    documents, chunks = runtime.view("words")
    assert len(documents) == 3 and len(chunks) == report.chunks
    assert "First number 1." in runtime.embedder.texts
