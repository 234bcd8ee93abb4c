"""Learned models: constraint generator, structure generator, surrogates; and relaxation."""

import os

# oneDNN keeps a program for every shape of matrices that it has met, 1,024 of them: 280 MB after a
# thousand crystals, of which hardly any is met again.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
