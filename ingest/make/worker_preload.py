"""What every worker needs, loaded once, in the process that workers are forked from; nothing else imports this."""

from ingest import chunkers
from ingest.make import languages, minhash
from ingest.sources import reading

__all__ = ["chunkers", "reading"]

languages.identifier()
minhash.signature("loads its permutations")
