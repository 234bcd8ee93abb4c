"""Language models that read requests, held to the same contract as the built-in interpreter.

`models` reaches a chat model, `answers` gets a JSON object out of it, `public` turns that into
clauses, and `reader` puts them together: what the text does not support is dropped
(`crystalsmith.agent.grounding`), and when the model fails the built-in interpreter takes over.
"""

from crystalsmith.agent.llm.models import LanguageModel, language_model
from crystalsmith.agent.llm.reader import LanguageModelReader

__all__ = ["LanguageModel", "LanguageModelReader", "language_model"]
