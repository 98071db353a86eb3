"""Prompts to token ids: the caption normaliser and the tokenizer of DALL·E Mini."""
