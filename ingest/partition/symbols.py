"""Characters of symbol fonts as Unicode: Word writes Ω as a W of the font Symbol, a ticked box as one of Wingdings."""

from __future__ import annotations

_SYMBOL = {
    start: row
    for start, row in (
        (0x20, " !∀#∃%&∋()∗+,−./0123456789:;<=>?"),
        (0x40, "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_"),
        (0x60, "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼ "),
        (0xA0, "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵"),
        (0xC0, "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓"),
        (0xE0, "◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭ "),
    )
}
# Boxes of all looks become the three that a check list needs: empty, ticked, crossed.
_EMPTY, _TICKED, _CROSSED = "☐", "☑", "☒"
_WINGDINGS = {
    **dict.fromkeys((0x6F, 0x70, 0x71, 0x72, 0xA8), _EMPTY),
    **{0xFE: _TICKED, 0xFD: _CROSSED, 0x78: _CROSSED, 0xFC: "✓", 0xFB: "✗", 0x20: " "},
    **{0x28: "☎", 0x29: "☎", 0x2A: "✉", 0x36: "⌛", 0x41: "✌", 0x43: "👍", 0x44: "👎", 0x4A: "☺", 0x4B: "😐"},
    **{0x4C: "☹", 0x45: "☜", 0x46: "☞", 0x47: "☝", 0x48: "☟", 0x4E: "☠", 0x52: "☼", 0x54: "❄", 0xAB: "★", 0x76: "❖"},
    **{0x6C: "●", 0x75: "◆", 0x6E: "■", 0x9E: "·", 0x9F: "•", 0xA7: "▪", 0xA0: "▪", 0xA1: "○", 0xD8: "➢", 0xE8: "➔"},
    **{0xF0: "⇨", 0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE3: "↖", 0xE4: "↗", 0xE5: "↙", 0xE6: "↘", 0xEF: "⇦"},
    **{0x80 + number: "⓪①②③④⑤⑥⑦⑧⑨⑩"[number] for number in range(11)},
    **{0x8B + number: "⓿❶❷❸❹❺❻❼❽❾❿"[number] for number in range(11)},
}
_WINGDINGS_2 = {
    **dict.fromkeys((0x2A, 0xA3), _EMPTY),
    **{0x52: _TICKED, 0x51: _CROSSED, 0x53: _CROSSED, 0x54: _CROSSED, 0x50: "✓", 0x4F: "✗", 0x20: " "},
}
_WEBDINGS = {
    0x61: "✓",
    0x72: "✗",
    0x63: _EMPTY,
    0x67: "■",
    0x6E: "●",
    0x33: "◀",
    0x34: "▶",
    0x35: "▲",
    0x36: "▼",
    0x20: " ",
}
_FONTS: dict[str, dict[int, str]] = {
    "symbol": {start + at: sign for start, row in _SYMBOL.items() for at, sign in enumerate(row)},
    "wingdings": _WINGDINGS,
    "wingdings 2": _WINGDINGS_2,
    "webdings": _WEBDINGS,
}
# Office puts the characters of symbol fonts here, so that no other font shows them.
_PRIVATE = range(0xF000, 0xF100)


def is_symbol_font(font: str) -> bool:
    """Say whether the characters of a font are signs other than their codes say."""
    return font.strip().lower() in _FONTS


def symbol(font: str, code: int) -> str:
    """Return the Unicode character of a code in a symbol font, or '' where it is not known.

    >>> symbol("Symbol", 0xF057), symbol("Wingdings", 0xFE)
    ('Ω', '☑')
    """
    table = _FONTS.get(font.strip().lower())
    if table is None:
        # An ordinary font: the code is that of Unicode.
        return "" if code in _PRIVATE or not 0x20 <= code <= 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)
    return table.get(code - 0xF000 if code in _PRIVATE else code, "")


def symbol_text(font: str, text: str) -> str:
    """Return text that is set in a symbol font; a character that is not known stays as it is."""
    if not is_symbol_font(font):
        return text
    return "".join(symbol(font, ord(sign)) or sign for sign in text)


def box(is_checked: bool) -> str:
    """Return the sign of a check box of a form."""
    return _CROSSED if is_checked else _EMPTY
