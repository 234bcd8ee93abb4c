"""crystalsmith: crystal structures for a sentence."""
