"""Retrieval, context, answers and citations: everything index time and query time must agree on."""
