"""documents list, show and chunks."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from api.cli.commands.session import open_runtime
from api.cli.grammar import add_corpus, add_group, add_verb
from api.cli.output import note, print_json, print_text
from api.errors import EXIT_DONE

if TYPE_CHECKING:
    from api.cli.grammar import Verbs
    from rag.runtime import Runtime
    from rag.types import Chunk, Document, Generation


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of `documents`."""
    group = add_group(verbs, "documents", "list the documents of a corpus, show one, or how it was cut")
    listing = add_verb(group, "list", list_all, "list the documents of the live generation")
    listing.add_argument(
        "--filter",
        metavar="CONDITION",
        action="append",
        default=[],
        help="only documents whose metadata meets this, as in search (repeatable)",
    )
    shown = add_verb(group, "show", show, "print the metadata and the clean text of a document")
    cut = add_verb(group, "chunks", list_chunks, "list the chunks of a document with their ranges and headings")
    for parser in (shown, cut):
        parser.add_argument("document", metavar="DOC_ID", help="its id, as documents list and hits show it")
    for parser in (listing, shown, cut):
        add_corpus(parser)


def list_all(arguments: argparse.Namespace) -> int:
    """Print the documents of a corpus that meet the filter."""
    from api.cli.render_documents import documents_text
    from rag.conditions import parse_condition
    from rag.shapes.documents import documents_json
    from rag.state.listing import list_documents

    conditions = [parse_condition(text) for text in arguments.filter]
    with open_runtime(arguments) as runtime:
        live = runtime.catalogue.live(arguments.corpus)
        rows = list_documents(runtime.catalogue, live, conditions)
        note_unknown_fields((condition.field for condition in conditions), arguments.corpus, runtime)
    if arguments.json:
        print_json(documents_json(rows, live).model_dump(mode="json"))
    else:
        print_text(documents_text(rows))
    return EXIT_DONE


def show(arguments: argparse.Namespace) -> int:
    """Print one document."""
    from api.cli.render_documents import document_text
    from rag.shapes import document_json

    with open_runtime(arguments) as runtime:
        live, document = _document(arguments, runtime)
    if arguments.json:
        print_json(document_json(document, live).model_dump(mode="json"))
    else:
        print_text(document_text(document))
    return EXIT_DONE


def list_chunks(arguments: argparse.Namespace) -> int:
    """Print the chunks of one document in reading order."""
    from api.cli.render_documents import chunks_text
    from rag.shapes.documents import chunks_json

    with open_runtime(arguments) as runtime:
        live, document = _document(arguments, runtime)
        chunks: list[Chunk] = runtime.catalogue.document_chunks(live, document.doc_id)
    if arguments.json:
        print_json(chunks_json(document.doc_id, chunks, live).model_dump(mode="json"))
    else:
        print_text(chunks_text(document.doc_id, chunks))
    return EXIT_DONE


def _document(arguments: argparse.Namespace, runtime: Runtime) -> tuple[Generation, Document]:
    """Return a document of the live generation.

    Raises:
        DocumentNotFoundError: there is none of that id; the nearest ids are named.
    """
    from rag.errors import DocumentNotFoundError
    from rag.state.listing import list_documents, near_ids

    live = runtime.catalogue.live(arguments.corpus)
    try:
        return live, runtime.catalogue.document(live, arguments.document)
    except DocumentNotFoundError as error:
        known = [row.doc_id for row in list_documents(runtime.catalogue, live)]
        near = near_ids(arguments.document, known)
        hint = f"did you mean: {', '.join(map(repr, near))}?" if near else "see: ragwright documents list"
        raise DocumentNotFoundError(f"{arguments.corpus!r} has no document {arguments.document!r} ({hint})") from error


def note_unknown_fields(fields: Iterable[str], corpus: str, runtime: Runtime, setting: str = "") -> None:
    """Say which fields of a filter no document has: such a filter lets nothing through, or all.

    `setting` names where the condition stands, if not in the filter.
    """
    from difflib import get_close_matches

    asked = dict.fromkeys(fields)
    known = runtime.catalogue.fields(runtime.catalogue.live(corpus)) if asked else frozenset()
    for field in asked:
        if field not in known:
            near = get_close_matches(field, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"they have: {', '.join(sorted(known)) or 'none'}"
            where = f"{setting}: " if setting else ""
            note(f"{where}no document of {corpus!r} has the metadata field {field!r}; {hint}")
