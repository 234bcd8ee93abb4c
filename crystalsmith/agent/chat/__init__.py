"""Chat: a conversation that designs crystals.

One LangChain agent (`agent`) serves both kinds of chat model: a language model plans freely, the
built-in one (`model`) decides by rules; both see the same tools (`tools`), whose state (request,
result) lives in the agent's graph and is saved after every step (`sessions`). `answers` words what
is in the data, `shell` is the terminal.
"""
