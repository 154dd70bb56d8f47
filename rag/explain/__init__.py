"""Why a passage reached the context of a question, or why not, and what would let it in."""
