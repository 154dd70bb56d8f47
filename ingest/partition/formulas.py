"""Built-up formulas as one line of text: MathML of web pages, books and OpenDocument, OMML of Office files.

`<mfrac>` becomes `3/4`, `<msup>` becomes `r^2`. Only the layout is read, not a TeX source beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ingest.partition.clean import one_line
from ingest.partition.raised import bracketed, fraction, index, power, root

# Signs of multiplication and application that nobody sees, and marks that only stretch.
_INVISIBLE = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064\u200b\u2060\ufeff"))
_ASIDE = frozenset("annotation annotation-xml mphantom malignmark maligngroup none mprescripts".split())
_ACCENTS = {"^": "^", "ˆ": "^", "¯": "¯", "‾": "¯", "~": "~", "˜": "~", "→": "→", "⃗": "→", "˙": "˙", "¨": "¨"}


def mathml_text(element: Any) -> str:
    """Return a `<math>` element as one line; where it has no layout, its `alttext` or TeX annotation."""
    text = one_line(_math(element).translate(_INVISIBLE))
    return text or one_line(element.get("alttext") or "") or one_line("".join(element.itertext()))


def omml_text(element: Any) -> str:
    """Return an `<m:oMath>` element, or an `<m:oMathPara>` of several, as one line."""
    return one_line(_office(element).translate(_INVISIBLE))


def joined(parts: Iterable[str]) -> str:
    """Join the parts of a formula; a blank keeps apart names and numbers that stand side by side."""
    text = ""
    for part in parts:
        if text and part and _is_word(text[-1]) and _is_word(part[0]):
            text += " "
        text += part
    return text


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign in "√∞"


# --- MathML ----------------------------------------------------------------------------------------------------------


def _math(element: Any) -> str:
    name = _local(element)
    if not name or name in _ASIDE:
        return ""
    if name in _MATH:
        return _MATH[name](_children(element))
    if name in {"mi", "mn", "mo", "ms"}:
        return _token(name, "".join(element.itertext()))
    if name == "mtext":
        return re.sub(r"\s+", " ", "".join(element.itertext()))
    if name in {"mfenced", "mmultiscripts"}:
        return _fenced(element) if name == "mfenced" else _scripts(element)
    if name == "semantics":
        return _math(element[0]) if len(element) else ""
    if name in {"mtable", "mtr", "mlabeledtr"}:
        inner = [_math(child) for child in element]
        return f"[{'; '.join(inner)}]" if name == "mtable" else ", ".join(inner)
    return joined(_children(element)) or (element.text or "").strip()


def _token(name: str, text: str) -> str:
    token = one_line(text)
    # Word operators need blanks around them, signs need none.
    return f" {token} " if name == "mo" and token.isalpha() and len(token) > 1 else token


def _children(element: Any) -> list[str]:
    return [_math(child) for child in element if _local(child)]


def _part(parts: Sequence[str], at: int) -> str:
    return parts[at] if at < len(parts) else ""


def _fenced(element: Any) -> str:
    signs = (element.get("separators") or ",").strip()[:1] or ","
    inner = f"{signs} ".join(_math(child) for child in element if _local(child))
    return f"{element.get('open', '(')}{inner}{element.get('close', ')')}"


def _scripts(element: Any) -> str:
    """Return a base with the scripts behind it and, after `<mprescripts>`, those before it: `_6^14 C`."""
    parts = [("<" if _local(child) == "mprescripts" else _math(child)) for child in element if _local(child)]
    cut = parts.index("<") if "<" in parts else len(parts)
    base, behind, ahead = _part(parts, 0), parts[1:cut], parts[cut + 1 :]
    for at in range(0, len(behind), 2):
        base = _both(base, _part(behind, at), _part(behind, at + 1))
    return joined(("".join(_both("", _part(ahead, at), _part(ahead, at + 1)) for at in range(0, len(ahead), 2)), base))


def _both(base: str, lower: str, upper: str) -> str:
    return index(base, lower) + power("", upper) if lower else power(base, upper)


def _over(parts: Sequence[str]) -> str:
    base, sign = _part(parts, 0), _part(parts, 1).strip()
    return base + _ACCENTS[sign] if sign in _ACCENTS else power(base, sign)


_MATH: dict[str, Callable[[Sequence[str]], str]] = {
    "mfrac": lambda parts: fraction(_part(parts, 0), _part(parts, 1)),
    "msup": lambda parts: power(_part(parts, 0), _part(parts, 1)),
    "msub": lambda parts: index(_part(parts, 0), _part(parts, 1)),
    "msubsup": lambda parts: _both(_part(parts, 0), _part(parts, 1), _part(parts, 2)),
    "munder": lambda parts: index(_part(parts, 0), _part(parts, 1)),
    "mover": _over,
    "munderover": lambda parts: _both(_part(parts, 0), _part(parts, 1), _part(parts, 2)),
    "msqrt": lambda parts: root(joined(parts)),
    "mroot": lambda parts: root(_part(parts, 0), _part(parts, 1)),
}


# --- OMML ------------------------------------------------------------------------------------------------------------


def _office(element: Any) -> str:
    """Return what an OMML element shows; its parts are found by their names."""
    name = _local(element)
    if not name or name.endswith("Pr") or name in {"del", "moveFrom"}:
        return ""
    if name == "t":
        return element.text or ""
    if name in _OMML:
        return _OMML[name](element)
    return _run_on(element)


def _run_on(element: Any) -> str:
    """Join what follows each other: runs as they stand, built-up parts kept apart from the names beside them."""
    text, after_run = "", False
    for child in element:
        part, is_run = _office(child), _local(child) in {"r", "t"}
        text = text + part if is_run and after_run else joined((text, part))
        after_run = is_run
    return text


def _of(element: Any, name: str) -> str:
    return "".join(_office(child) for child in element if _local(child) == name)


def _option(element: Any, name: str) -> str | None:
    """Return the value of an option of an element, '' where it is set to nothing, None where it is not set."""
    for properties in element:
        if _local(properties).endswith("Pr"):
            for option in properties:
                if _local(option) == name:
                    return next((value for key, value in option.attrib.items() if key.endswith("val")), "")
    return None


def _delimited(element: Any) -> str:
    opening, sign, closing = (_option(element, name) for name in ("begChr", "sepChr", "endChr"))
    inner = ("|" if sign is None else sign).join(_office(child) for child in element if _local(child) == "e")
    return f"{'(' if opening is None else opening}{inner}{')' if closing is None else closing}"


def _nary(element: Any) -> str:
    sign = _option(element, "chr")
    return joined((_both(sign or "∫", _of(element, "sub"), _of(element, "sup")), " ", bracketed(_of(element, "e"))))


def _office_fraction(element: Any) -> str:
    if _option(element, "type") == "noBar":  # a binomial coefficient
        return f"{_of(element, 'num')}; {_of(element, 'den')}"
    return fraction(_of(element, "num"), _of(element, "den"))


def _accent(element: Any) -> str:
    sign = _option(element, "chr") or "^"
    return _of(element, "e") + _ACCENTS.get(sign, sign)


_OMML: dict[str, Callable[[Any], str]] = {
    "f": _office_fraction,
    "sSup": lambda e: power(_of(e, "e"), _of(e, "sup")),
    "sSub": lambda e: index(_of(e, "e"), _of(e, "sub")),
    "sSubSup": lambda e: _both(_of(e, "e"), _of(e, "sub"), _of(e, "sup")),
    "sPre": lambda e: joined((_both("", _of(e, "sub"), _of(e, "sup")), _of(e, "e"))),
    "rad": lambda e: root(_of(e, "e"), _of(e, "deg")),
    "d": _delimited,
    "nary": _nary,
    "func": lambda e: joined((_of(e, "fName"), _of(e, "e"))),
    "limLow": lambda e: index(_of(e, "e"), _of(e, "lim")),
    "limUpp": lambda e: power(_of(e, "e"), _of(e, "lim")),
    "acc": _accent,
    "bar": lambda e: _of(e, "e") + "¯",
    "m": lambda e: f"[{'; '.join(_office(child) for child in e if _local(child) == 'mr')}]",
    "mr": lambda e: ", ".join(_office(child) for child in e if _local(child) == "e"),
    "eqArr": lambda e: "; ".join(_office(child) for child in e if _local(child) == "e"),
    "oMathPara": lambda e: "; ".join(filter(None, (_office(child) for child in e))),
}


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2] if isinstance(tag, str) else ""
