"""What the documents say is true: links resolve, and names, options, defaults and variables exist.

`test_commands.py` runs their blocks.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from functools import reduce
from typing import Any

import pytest
import yaml

from api.app import create_app
from api.cli.arguments import build_parser
from rag.settings import JudgeModelSettings, ModelSettings, Settings
from tests.docs.pages import PACKAGES, PAGES, REPOSITORY, anchors, code, page

README, CONTRIBUTING, CONFIGURATION = page("README.md"), page("CONTRIBUTING.md"), page("docs/configuration.md")
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
LINKED = [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md", "corpora/README.md"]
SPOKEN = [*PAGES, "CONTRIBUTING.md"]
# The variables of the contract.
VARIABLES = (
    "OPENAI_BASE_URL OPENAI_API_KEY QDRANT_URL QDRANT_API_KEY QDRANT_ALLOW_HTTP DATABASE_URL TIKTOKEN_CACHE_DIR"
    " OTEL_EXPORTER_OTLP_ENDPOINT OTEL_SERVICE_NAME RAGWRIGHT_HOME RAGWRIGHT_DATA TORCH_INDEX_URL"
).split()


def sources() -> str:
    files = [path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_the_readme_is_one_page() -> None:
    assert len(README.encode()) <= 9_000


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#]+)", README))
    assert {name for name in PAGES if name.startswith("docs/")} <= linked


@pytest.mark.parametrize("name", LINKED)
def test_relative_links_and_their_anchors_resolve(name: str) -> None:
    path = REPOSITORY / name
    for link in re.findall(r"\]\(([^)\s]+)\)", page(name)):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert "://" in link or target.exists(), link
        assert "://" in link or not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_every_make_target_has_a_help_line() -> None:
    targets = re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE)
    assert targets == re.findall(r"^([a-z][\w-]*):.*##\s+\S", MAKEFILE, re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert sorted(targets) == sorted(phony.split())


@pytest.mark.parametrize("name", LINKED)
def test_every_make_command_is_a_target(name: str) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE))
    named = [target for piece in code(page(name)) for target in re.findall(r"(?:^|&& )make ([^\s`]+)", piece)]
    assert set(named) <= targets


def test_contributing_names_what_exists() -> None:
    text, known = sources(), set(VARIABLES)
    for piece in code(CONTRIBUTING):
        if re.fullmatch(r"[A-Z][A-Z_]{3,}", piece):
            assert piece in known or re.search(rf"^{piece}\b.*=", text, re.MULTILINE), piece
        elif re.fullmatch(r"[\w.@/-]*(?:/[\w.@-]*|\.(?:py|md|toml|yml))", piece):
            pattern = piece.replace("NAME@VERSION", "*@*")
            assert list(REPOSITORY.glob(pattern.rstrip("/"))), piece


@pytest.mark.parametrize("name", PAGES)
def test_paths_exist(name: str) -> None:
    roots = "|".join([*PACKAGES, "corpora", "tests"])
    named = [path for piece in code(page(name)) for path in re.findall(rf"(?<![\w./])(?:{roots})/[\w./-]*[\w-]", piece)]
    assert [path for path in named if not (REPOSITORY / path).exists()] == []


def verbs_and_options(parser: argparse.ArgumentParser) -> tuple[set[str], set[str]]:
    """Return every verb, as typed after `ragwright`, and every long option of any of them."""
    verbs: set[str] = set()
    options = {name for action in parser._actions for name in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                inner, more = verbs_and_options(child)
                verbs |= {f"{name} {verb}" for verb in inner} or {name}
                options |= more
    return verbs, options


@pytest.mark.parametrize("name", SPOKEN)
def test_verbs_and_options_exist(name: str) -> None:
    verbs, options = verbs_and_options(build_parser())
    options |= set(re.findall(r'"(--ragwright-[a-z]+)"', sources()))  # of the pytest plugin
    ours = "ragwright " if "/lab/" in name else "ragwright |--"  # recipes of the lab have options of their own
    text = "\n".join(piece for piece in code(page(name)) if re.match(ours, piece))
    for words in re.findall(r"(?<![\w./])ragwright ([a-z]+(?: [a-z]+)?)", text):
        assert words in verbs or words.split()[0] in verbs, words
    assert set(re.findall(r"(?<!\S)(--[a-z][a-z-]+)", text)) <= options


def test_the_page_of_http_has_every_route_and_no_other() -> None:
    served = create_app(Settings()).openapi()["paths"]
    routes = {(verb.upper(), path) for path, verbs in served.items() for verb in verbs} | {("GET", "/openapi.json")}
    assert set(re.findall(r"^\| `([A-Z]+) (/[^`]+)` \|", page("docs/http-api.md"), re.MULTILINE)) == routes


@pytest.mark.parametrize("name", SPOKEN)
def test_http_paths_exist(name: str) -> None:
    served = {*create_app(Settings()).openapi()["paths"], "/openapi.json", "/v1"}
    said = re.findall(r"(?:8484|`(?:GET |POST )?)(/(?:v1|healthz|readyz|openapi)[^`\s]*)", page(name))
    shapes = [re.compile(re.sub(r"{\w+}", "[^/]+", path)) for path in served]
    assert [path for path in said if not any(shape.fullmatch(path) for shape in shapes)] == []


@pytest.mark.parametrize("name", SPOKEN)
def test_settings_that_are_named_exist(name: str) -> None:
    tree = Settings().model_dump(mode="json")
    for piece in code(page(name)):
        for key in re.findall(r"(?:--set \"?|^)([a-z0-9]+(?:\.[a-z0-9_]+)+)(?==|: |$)", piece):
            if key.partition(".")[0] in tree and not key.endswith((".json", ".py", ".md")):
                entry = re.fullmatch(r"(judge\.)?models\.[a-z0-9_-]+(?:\.(\w+))?", key)  # a name of the reader's choice
                if entry:
                    assert entry[2] in (None, *(JudgeModelSettings if entry[1] else ModelSettings).model_fields), key
                else:
                    looked_up(tree, key)


def looked_up(tree: dict[str, Any], key: str) -> Any:
    return reduce(lambda branch, part: branch[part], key.split("."), tree)


def test_every_variable_that_is_read_is_explained_and_no_other() -> None:
    text = sources() + MAKEFILE.replace("$(", '"').replace(")", '"')
    read = {name for name in VARIABLES if f'"{name}"' in text}
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", CONFIGURATION, re.MULTILINE)) == read


def test_exit_codes_are_those_of_the_help() -> None:
    told = set(re.findall(r"(\d+) [a-z]", build_parser().epilog or ""))
    assert set(re.findall(r"^\| (\d+) \|", page("docs/cli.md"), re.MULTILINE)) == told


def test_the_version_is_in_the_changelog_and_the_readme() -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    heads = re.findall(r"^## \[([^\]]+)\]", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert version in heads or "Unreleased" in heads
    assert f"Version {version}." in README


def test_pip_check_complains_about_what_the_page_names() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=120)
    missing = re.findall(r"^(\S+) \S+ requires (\S+), which is not installed", done.stdout, re.MULTILINE)
    (said,) = re.findall(r"exactly three things: (\S+) requires (\S+), (\S+) and (\S+?)\.\s", page("docs/operate.md"))
    assert len(done.stdout.strip().splitlines()) == 3, done.stdout
    assert {owner for owner, _ in missing} == {said[0]} and {name for _, name in missing} == set(said[1:])


def test_the_image_copies_what_exists() -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    recipe = compose["services"]["api"]["build"]["dockerfile_inline"]
    copied = [name for line in re.findall(r"^COPY (.*)$", recipe, re.MULTILINE) for name in line.split()[:-1]]
    assert {*PACKAGES, "pyproject.toml", "Makefile"} <= set(copied)
    assert [name for name in copied if not (REPOSITORY / name).exists()] == []
