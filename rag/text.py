"""Sentences and words with exact offsets; the one place that decides where a sentence ends."""
