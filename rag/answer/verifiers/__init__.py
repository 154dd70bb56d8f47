"""The verifiers of `rag.answer.verify.VERIFIERS`, one a file."""
