"""The built-in interpreter: a grammar and a vocabulary that turn a request into clauses."""

from crystalsmith.agent.interpreter.explain import explain
from crystalsmith.agent.interpreter.interpret import interpret

__all__ = ["explain", "interpret"]
