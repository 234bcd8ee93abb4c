"""A request as plain keys, so that expectations can be written down shortly."""

from crystalsmith.agent.interpreter import interpret
from crystalsmith.agent.interpreter import read as any_text
from crystalsmith.core.public_request import public_view, wishes_only


def read(text):
    return view(interpret(text))


def view(request):
    """The public view's wishes, with those that it has no key for; figures to three digits."""
    found = public_view(request)
    wishes = {**wishes_only(found), **found.get("other", {})}
    wishes.pop("unsupported", None)
    return {key: rounded(value) for key, value in wishes.items()}


def rounded(value):
    if isinstance(value, dict):
        return {key: round(number, 3) for key, number in value.items()}
    return value


def said_and_wishes(text):
    """The public view's wishes of any text, with what was said back."""
    found = wishes_only(public_view(any_text(text)))
    return {key: rounded(value) for key, value in found.items()}
