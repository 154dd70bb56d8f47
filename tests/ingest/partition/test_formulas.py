import pytest
from lxml import etree

from ingest.partition.formulas import joined, mathml_text, omml_text

MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'
OMML = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<mfrac><mn>3</mn><mn>4</mn></mfrac>", "3/4"),
        ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mi>c</mi></mfrac>", "(a+b)/c"),
        ("<msup><mi>r</mi><mn>2</mn></msup>", "r^2"),
        ("<msub><mi>x</mi><mi>i</mi></msub>", "x_i"),
        ("<msqrt><mi>n</mi></msqrt>", "√(n)"),
        ("<mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup>", "E=m c^2"),
        ("<mphantom><mi>x</mi></mphantom><mi>y</mi>", "y"),
    ],
)
def test_mathml_as_one_line(body: str, text: str) -> None:
    found = mathml_text(etree.fromstring(f"<math {MATHML}>{body}</math>"))
    assert found.replace(" = ", "=").replace(" + ", "+") == text


def test_a_formula_without_a_layout_is_its_source() -> None:
    alone = etree.fromstring(f'<math {MATHML} alttext="x^2"/>')
    assert mathml_text(alone) == "x^2"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<m:f><m:num>{a}</m:num><m:den>{b}</m:den></m:f>", "a/b"),
        ("<m:sSup><m:e>{a}</m:e><m:sup>{2}</m:sup></m:sSup>", "a^2"),
        ("<m:sSub><m:e>{a}</m:e><m:sub>{1}</m:sub></m:sSub>", "a_1"),
        ("<m:d><m:e>{a}</m:e><m:e>{b}</m:e></m:d>", "(a|b)"),
        ("<m:d><m:dPr><m:begChr m:val='['/><m:endChr m:val=']'/></m:dPr><m:e>{a}</m:e></m:d>", "[a]"),
    ],
)
def test_omml_as_one_line(body: str, text: str) -> None:
    for name in "ab12":
        body = body.replace("{" + name + "}", f"<m:r><m:t>{name}</m:t></m:r>")
    assert omml_text(etree.fromstring(f"<m:oMath {OMML}>{body}</m:oMath>")) == text


def test_names_and_numbers_side_by_side_are_kept_apart() -> None:
    assert joined(["sin", "x"]) == "sin x" and joined(["2", "x"]) == "2 x" and joined(["(", "x", ")"]) == "(x)"
