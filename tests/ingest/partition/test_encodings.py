"""Code pages of Latin scripts, and line ends of other systems, in every text format."""

import pytest

from ingest.partition import partition_file

TEXTS = {
    "cp1252": [
        "nom;ville;prix\nRené Müller;Orléans;12\nÉlodie Façade;Besançon;13\n",
        "navn;by;pris\nSøren Ærø;København;12\nÅse Bjørn;Ålborg;14\n",
        "nombre;ciudad\nJosé Peña;Logroño\nÍñigo Muñoz;A Coruña\n",
        "nome;cidade\nJoão Gonçalves;São Paulo\nConceição;Brasília\n",
        "città;qualità\nForlì;più\n",
        "item;price\nrope;12 €\n“quoted”;5 – 6\n",
        "sensor;limit\nA;25 °C ± 2\n",
        "Þór;Reykjavík\nÁsgeir;Guðrún\n",
        "René Müller\nSøren Ærø\nJosé Peña\nSão Paulo\n",
    ],
    "cp1250": [
        "imię;miasto\nŁukasz Gąsior;Łódź\nŻaneta Święcicka;Kraków\n",
        "jméno;město\nJiří Dvořák;Plzeň\nTomáš Růžička;Brno\n",
        "név;város\nErdős Győző;Székesfehérvár\nKűrtös Ödön;Győr\n",
        "nume;oraş\nŞtefan Ţepeş;Braşov\nIonuţ;Bucureşti\n",
        "ime;grad\nŽeljko Šimić;Zagreb\nĐurđa Čačić;Osijek\n",
    ],
    "cp1257": ["vardas\nŽemaitė;Šiauliai;Kaunų\n", "nimi\nJõgeva Mõisaküla;Võru\nŠumera\n"],
    "cp1254": ["ad;şehir\nÇağlar Yıldız;Şişli\nİpek;Iğdır\n"],
    "cp850": ["Müller;Größe\nélève;façade\n"],
    "mac_roman": ["Müller;Größe\nélève;façade\n"],
    "cp1251": ["имя;город\nИван Петров;Москва\nОльга Смирнова;Казань\n"],
}


@pytest.mark.parametrize("suffix", [".csv", ".txt", ".md", ".html"])
@pytest.mark.parametrize(("page", "text"), [(page, text) for page, texts in TEXTS.items() for text in texts])
def test_letters_of_one_language_tell_the_code_page(tmp_path, suffix, page, text):
    if suffix == ".html":
        text = "".join(f"<p>{line}</p>" for line in text.split())
    path = tmp_path / f"a{suffix}"
    path.write_bytes(text.encode(page))
    document = partition_file(path, "x")
    wanted = {word for word in text.replace(";", " ").replace("<p>", " ").replace("</p>", " ").split()}
    assert wanted - set(document.text.replace("|", " ").replace(";", " ").split()) == set()
    assert any("not UTF-8" in warning for warning in document.warnings)


def test_the_first_accent_may_stand_late(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"name;city\n" + b"Ann;Rome\n" * 40_000 + "René;Orléans\n".encode("cp1252"))
    assert partition_file(tmp_path / "a.csv", "x").text.endswith("René | Orléans")


@pytest.mark.parametrize("end", ["\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.txt", "One.\n\nTwo."),
        ("a.md", "---\ntitle: T\n---\n\n# Head\n\nText.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"),
        ("a.rst", "Head\n====\n\nText.\n\n.. code::\n\n   x\n"),
        ("a.csv", "a,b,c\n1,2,3\n4,5,6\n"),
        ("a.jsonl", '{"id": 1, "v": "x"}\n{"id": 2, "v": "y"}\n'),
        ("a.eml", "From: a@example.org\nSubject: S\n\nOne.\n\nTwo.\n"),
        ("a.html", "<html><body><h1>H</h1><pre>a\nb</pre><p>One\ntwo.</p></body></html>"),
        ("a.rtf", "{\\rtf1\\ansi One.\\par\nTwo.\\par\n}"),
    ],
)
def test_line_ends_of_other_systems_change_nothing(tmp_path, end, name, source):
    plain, other = tmp_path / name, tmp_path / f"x{name}"
    plain.write_bytes(source.encode())
    other.write_bytes(source.replace("\n", end).encode())
    a, b = partition_file(plain, "x"), partition_file(other, "x")
    assert (a.text, a.blocks, a.metadata) == (b.text, b.blocks, b.metadata)
