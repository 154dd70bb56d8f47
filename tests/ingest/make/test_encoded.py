import base64
import json
import random
import textwrap

import pytest

from ingest.make.encoded import encoded_blocks

DATA = base64.b64encode(random.Random(7).randbytes(900)).decode()
SCRIPT = "!function(e,t){for(var n=0;n<t.length;n++){e[t[n]]=function(){return{a:[1,2,3],b:'x'}}}}(window,['f']);" * 12


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"Key:\n\n{DATA}\n\nend", "base64"),
        (
            "-----BEGIN KEY-----\n" + "\n".join(textwrap.wrap(DATA, 64)) + "\n-----END KEY-----",
            "base64",
        ),
        (f"see <img src='data:image/png;base64,{DATA}'> here", "base64"),
        (f"token={DATA.replace('+', '-').replace('/', '_')}", "base64"),
        (SCRIPT, "minified"),
        (".a{color:red;margin:0 1px}.b>.c{padding:2px}" * 40, "minified"),
        (json.dumps([{"id": n, "k": [n, n + 1]} for n in range(90)], separators=(",", ":")), "minified"),
    ],
)
def test_encoded_text_is_found_where_it_is(text, kind):
    found = list(encoded_blocks(text))
    assert [block.kind for block in found] == [kind]
    inside = text[found[0].start : found[0].end]
    assert len(inside) >= 900 and inside.split("\n")[0] in text


@pytest.mark.parametrize(
    "text",
    [
        "A sentence of ordinary length. " * 200,
        "-" * 5000 + "\n" + "=" * 5000,
        "| Part | Price |\n" + "\n".join(f"| PN-{n} | {n}.25 |" for n in range(400)),
        "".join(chr(0x4E00 + n % 500) for n in range(6000)),
        "https://example.org/" + "a-long-path/" * 40,
        "def add(first, second):\n    return first + second\n" * 100,
        "sha256:" + "0f" * 32,
        ", ".join(f"{n}.{n}" for n in range(2000)),
        "Donaudampfschifffahrtsgesellschaft" * 30,
    ],
)
def test_text_that_people_read_is_not(text):
    assert list(encoded_blocks(text)) == []
