"""Learned models: constraint generator, structure generator, surrogates; and relaxation."""
