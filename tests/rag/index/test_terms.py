import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import UnknownKeyError
from rag.index.terms import Analyzer
from rag.settings import Bm25Settings

FAULTS = Path(__file__).parents[2] / "faults"
ENGLISH = Analyzer(Bm25Settings())
PLAIN = Analyzer(Bm25Settings(stemmer="none", stop_words=False))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("max_retry_count", ["max_retry_count", "max", "retry", "count"]),
        ("camelCase", ["camelcase", "camel", "case"]),
        ("getHTTPResponse", ["gethttpresponse", "get", "http", "response"]),
        ("4.2.1", ["4.2.1"]),
        ("v4.2.1", ["v4.2.1", "4.2.1"]),
        ("ERR-1042", ["err-1042", "err", "1042"]),
        ("--flag-name=3", ["flag-name", "flag", "name", "3"]),
        ("state-of-the-art", ["state-of-the-art", "state", "of", "the", "art"]),
        ("config.yaml", ["config.yaml", "config", "yaml"]),
        ("/etc/app/main.conf", ["etc", "app", "main.conf", "main", "conf"]),
        ("C++ or C# or C", ["c++", "or", "c#", "or", "c"]),
        ("1,000,000 rows, 1,2", ["1000000", "rows", "1", "2"]),
        ("3.5GB", ["3.5gb", "3.5", "gb"]),
        ("the user's users’", ["the", "user", "users"]),
        ("o'Reilly l’eau", ["reilly", "eau"]),
        ("Café CAFE\u0301 cafe", ["cafe", "cafe", "cafe"]),
        ("Straße Öl Ελλάδα Москва", ["straße", "ol", "ελλαδα", "москва"]),
        ("ﬁle １２", ["file", "12"]),
        ("__init__ _ __", ["init"]),
        ("end. Start", ["end", "start"]),
        ("Wohn\u00adgebäude\u200bschutz zero\u2060width", ["wohngebaudeschutz", "zerowidth"]),
        ("T\u00ad-250", ["t-250", "250"]),
        ("", []),
        ("… — !?", []),
    ],
)
def test_terms_of(text: str, terms: list[str]) -> None:
    assert PLAIN.terms(text) == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("4.2.1", ["4.2.1", "4.2"]),
        ("v4.2.1.7", ["v4.2.1.7", "4.2.1.7", "4.2", "4.2.1"]),
        ("python3.11", ["python3.11", "python", "3.11"]),
        ("größeÄndern", ["großeandern", "große", "andern"]),
        ("параметрHTTPЗапрос", ["параметрhttpзапрос", "параметр", "http", "запрос"]),
        (
            "ERR\u20111042 multi\u2010factor sy\u00adstem",
            ["err-1042", "err", "1042", "multi-factor", "multi", "factor", "system"],
        ),
        ("ERR-1042 maxRetryCount", ["err-1042", "err", "1042", "maxretrycount", "max", "retry", "count"]),
    ],
)
def test_beginnings_of_versions_and_capitals_of_any_script(text: str, terms: list[str]) -> None:
    analyzer = Analyzer(Bm25Settings(stemmer="none", stop_words=False, identifiers="prefixes"))
    assert analyzer.terms(text) == terms


@given(st.text(alphabet="aBcÄß1.-_ 42", max_size=20))
def test_prefixes_only_add_terms(text: str) -> None:
    more = Analyzer(Bm25Settings(stemmer="none", stop_words=False, identifiers="prefixes"))
    if text.isascii():
        assert set(PLAIN.terms(text)) <= set(more.terms(text))


def test_english_words_are_stemmed_and_stop_words_dropped() -> None:
    assert ENGLISH.terms("How do I configure the retries?") == ["configur", "retri"]
    assert ENGLISH.terms("It doesn't run, don't retry") == ["run", "retri"]
    assert ENGLISH.terms("not supported, no limit") == ["not", "support", "no", "limit"]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("résumé", "Resumes are stored"),
        ("retry-limit", "the retry limit"),
        ("error 1042", "ERR-1042 error"),
        ("version 4.2.1", "since v4.2.1"),
        ("user", "the users' consoles"),
    ],
)
def test_a_question_meets_its_text(question: str, text: str) -> None:
    assert set(ENGLISH.terms(question)) & set(ENGLISH.terms(text))


def test_other_languages_use_their_stemmer_and_no_english_stop_words() -> None:
    german = Analyzer(Bm25Settings(stemmer="german"))
    assert german.terms("die Häuser was") == ["die", "haus", "was"]


def test_an_unknown_stemmer_lists_the_valid_ones() -> None:
    with pytest.raises(UnknownKeyError, match=r"unknown stemmer 'klingon'; choose one of: .*english.*none"):
        Analyzer(Bm25Settings(stemmer="klingon"))


@given(st.text())
def test_any_text_gives_clean_lower_case_terms(text: str) -> None:
    for term in ENGLISH.terms(text):
        assert term and not any(char.isspace() for char in term)
    assert ENGLISH.terms(text) == ENGLISH.terms(text)


@given(st.lists(st.sampled_from(["alpha", "beta_gamma", "x-1", "don't", "4.2"]), max_size=6))
def test_terms_of_a_text_are_those_of_its_words(words: list[str]) -> None:
    assert PLAIN.terms(" ".join(words)) == [term for word in words for term in PLAIN.terms(word)]


def test_threads_may_share_an_analyzer() -> None:
    analyzer = Analyzer(Bm25Settings())
    start = threading.Barrier(4)
    texts = [f"running{i} tests quickly repeated{i % 5} configurations" for i in range(300)]

    def run(_: int) -> list[list[str]]:
        start.wait()
        return [analyzer.terms(text) for text in texts]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(4)))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize(
    ("text", "same", "never"),
    [
        ("10⁶ CFU", "10 6 CFU", "106"),
        ("2 × 10⁻³ mbar", "2 10 3 mbar", "103"),
        ("2½ cups", "2 1 2 cups", "21"),
        ("1010₂", "1010 2", "10102"),
    ],
)
def test_a_raised_digit_never_extends_a_number(text: str, same: str, never: str) -> None:
    terms = Analyzer(Bm25Settings()).terms(text)
    assert never not in " ".join(terms)
    assert set(Analyzer(Bm25Settings()).terms(same)) <= set(terms)


def test_a_raised_digit_after_a_letter_stays_with_it() -> None:
    assert Analyzer(Bm25Settings()).terms("45 m²") == Analyzer(Bm25Settings()).terms("45 m2")


# --- scripts without blanks between words -----------------------------------------------------------------------------

THAI = ["ที่จอดรถอยู่หลังอาคาร เปิดเวลาแปดโมง", "พนักงานขอใบลาได้ที่ชั้นสอง", "รหัสผ่านต้องเปลี่ยนทุกปี"]
JAPANESE = ["駐車場は建物の裏にあります。", "パスワードは毎年変更してください。", "休暇届は二階で受け付けます。"]
KOREAN = ["주차장은 건물 뒤에 있습니다.", "비밀번호는 매년 바꿉니다.", "휴가는 이층에서 신청합니다."]
CHINESE = {path.stem: path.read_text(encoding="utf-8") for path in (FAULTS / "cjk_keywords" / "zh").glob("*.md")}


def best(documents, query, analyzer):
    table = [analyzer.terms(text) for text in documents]
    wanted = set(analyzer.terms(query))
    counts = [sum(term in wanted for term in set(terms)) for terms in table]
    assert max(counts) == len(wanted) and counts.count(max(counts)) == 1, counts
    return counts.index(max(counts))


@pytest.mark.parametrize("analyzer", [ENGLISH, PLAIN], ids=["english", "none"])
@pytest.mark.parametrize("word", ["退货", "停车场", "密码", "报销", "货梯", "素食", "门禁卡"])
def test_a_chinese_word_finds_the_document_that_holds_it(word, analyzer):
    assert word in list(CHINESE.values())[best(CHINESE.values(), word, analyzer)]


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        (THAI, ["ที่จอดรถ", "ใบลา", "รหัสผ่าน"]),
        (JAPANESE, ["駐車場", "パスワード", "休暇届"]),
        (KOREAN, ["주차장", "비밀번호", "휴가"]),
    ],
)
def test_words_of_other_scripts_without_blanks(documents, words):
    assert [best(documents, word, PLAIN) for word in words] == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("停车场", ["停车", "车场"]),
        ("水", ["水"]),
        ("型号AB-12的泵", ["型号", "ab-12", "ab", "12", "的泵"]),
        ("ｶﾞｽ 東京2025年", ["ガス", "東京", "2025", "年"]),
        ("Wi-Fi密码", ["wi-fi", "wi", "fi", "密码"]),
    ],
)
def test_pairs_of_letters_beside_other_words(text, terms):
    assert PLAIN.terms(text) == terms
