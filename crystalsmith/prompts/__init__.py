"""Texts that language models are given, and the grammar they answer in."""
