"""Names and numbers of RTF: code pages of fonts, control words that stand for a character, groups that hold no text."""

from __future__ import annotations

import codecs

CHARSETS = {
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    134: "gbk",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    255: "cp850",
}
"""Character set of a font -> the encoding of its letters."""

_PAGES = {10000: "mac_roman", 10007: "mac_cyrillic", 936: "gbk", 950: "cp950", 65001: "utf-8"}

SIGNS = {
    **{"tab": "\t", "line": "\n", "emspace": " ", "enspace": " ", "qmspace": " ", "emdash": "—", "endash": "–"},
    **{"lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•", "zwbo": "", "zwnbo": ""},
}
"""Control word -> the character that it stands for."""

SKIPPED = frozenset(
    """colortbl info pict objdata themedata colorschememapping generator listtable listoverridetable rsidtbl revtbl
    xmlnstbl filetbl datastore latentstyles latentstyle pgptbl mmathPr sp sn sv atnid atnref atndate atntime atnicn
    atnparent bkmkstart bkmkend nonshppict shprslt ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn nesttableprops
    do private userprops docvar xe tc rxe template passwordhash""".split()
)
"""Groups without text of the document; the fallbacks of shapes repeat what is read already."""


def code_page(number: int) -> str:
    """Return the encoding of a code page, cp1252 for an unknown one."""
    name = _PAGES.get(number, f"cp{number}")
    try:
        codecs.lookup(name)
    except LookupError:
        return "cp1252"
    return name
