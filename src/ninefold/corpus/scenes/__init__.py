"""Scenes composed from the corpus: backgrounds, attributes, counts and relations, by a grammar."""
