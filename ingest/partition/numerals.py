"""Numbers of list items as word processors show them."""

from __future__ import annotations

from ingest.partition.grids import numeral

_SIMPLE = {"decimal": "1", "lowerRoman": "i", "upperRoman": "I"}
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
             "twelve": "twelfth"}  # fmt: skip
_SYMBOLS = "*†‡§"
_DIGITS = "〇一二三四五六七八九"
_LETTERS = {
    "lowerLetter": "abcdefghijklmnopqrstuvwxyz",
    "upperLetter": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "russianLower": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "russianUpper": "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЭЮЯ",
    "aiueo": "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン",
    "aiueoFullWidth": "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン",
    "iroha": "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセスン",
    "ganada": "가나다라마바사아자차카타파하",
    "chosung": "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ",
    "ideographTraditional": "甲乙丙丁戊己庚辛壬癸",
    "ideographZodiac": "子丑寅卯辰巳午未申酉戌亥",
    "hebrew2": "אבגדהוזחטיכלמנסעפצקרשת",
    "arabicAlpha": "أبتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "thaiLetters": "กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ",
}
_COUNTING = frozenset(
    """chineseCounting chineseCountingThousand ideographDigital japaneseCounting japaneseDigitalTenThousand
    taiwaneseCounting taiwaneseCountingThousand taiwaneseDigital koreanDigital2""".split()
)
_DIGITAL = frozenset({"ideographDigital", "japaneseDigitalTenThousand", "taiwaneseDigital", "koreanDigital2"})
_ENCLOSED = {
    "decimalEnclosedCircle": ("①", 20),
    "decimalEnclosedCircleChinese": ("①", 20),
    "decimalEnclosedParen": ("⑴", 20),
    "decimalEnclosedFullstop": ("⒈", 20),
}
_MAX_REPEATED = 780


def word_numeral(number: int, style: str) -> str:
    """Return a number in one of the formats of Word (`w:numFmt`), in figures where the format is not known.

    >>> [word_numeral(28, style) for style in ("lowerLetter", "upperRoman", "ordinal", "decimalZero", "cardinalText")]
    ['bb', 'XXVIII', '28th', '28', 'Twenty-eight']
    """
    if style in _SIMPLE:
        return numeral(number, _SIMPLE[style])
    if style in _LETTERS:
        return repeated(number, _LETTERS[style])
    if style in _COUNTING:
        return _counted(number, style in _DIGITAL)
    if style in _ENCLOSED and 0 < number <= _ENCLOSED[style][1]:
        return chr(ord(_ENCLOSED[style][0]) + number - 1)
    others = {"decimalZero": f"{number:02d}", "ordinal": _ordinal(number), "hex": f"{number:X}", "none": "",
              "cardinalText": _text(number).capitalize(), "ordinalText": _ordinal_text(number).capitalize(),
              "chicago": repeated(number, _SYMBOLS), "numberInDash": f"- {number} -"}  # fmt: skip
    return others.get(style, str(number))


def repeated(number: int, letters: str) -> str:
    """Return the letter of a number; behind the last letter they go on doubled: z, aa, bb."""
    if not 1 <= number <= _MAX_REPEATED:
        return str(number)
    times, at = divmod(number - 1, len(letters))
    return letters[at] * (times + 1)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _text(number: int) -> str:
    if not 0 <= number < 100:
        return str(number)
    if number < len(_UNITS):
        return _UNITS[number]
    tens, rest = divmod(number, 10)
    return _TENS[tens] + (f"-{_UNITS[rest]}" if rest else "")


def _ordinal_text(number: int) -> str:
    head, dash, last = _text(number).rpartition("-")
    if last.isdecimal():
        return _ordinal(number)
    last = _ORDINALS.get(last, last[:-1] + "ieth" if last.endswith("y") else f"{last}th")
    return head + dash + last


def _counted(number: int, is_digital: bool) -> str:
    """Return a number in Chinese characters: 二十一, by its digits 二一."""
    if is_digital or not 0 < number < 100:
        return "".join(_DIGITS[int(digit)] for digit in str(number))
    tens, rest = divmod(number, 10)
    return (_DIGITS[tens] if tens > 1 else "") + ("十" if tens else "") + (_DIGITS[rest] if rest else "")
