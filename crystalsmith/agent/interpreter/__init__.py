"""The built-in interpreter: a grammar and a vocabulary that turn a request into clauses.

`interpret` brings the text into a plain spelling (`source`), then lets readers look at it one after
the other (`interpret` has their order). A reader claims the spans that it has understood, so that
nothing is read twice, and what nobody claims is reported. The vocabulary is data
(``lexicon/*.toml``, families and elements from the core); a language is added there and, where its
numbers and lists are built differently, in `numbers`, `quantities` and `scope`.
"""

from crystalsmith.agent.interpreter.explain import explain
from crystalsmith.agent.interpreter.interpret import interpret, read

__all__ = ["explain", "interpret", "read"]
