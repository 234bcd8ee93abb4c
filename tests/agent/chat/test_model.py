"""What the built-in chat model takes a message for."""

import pytest
from langchain_core.messages import HumanMessage

from crystalsmith.agent.chat.model import BuiltInChatModel


def called(text):
    (call,) = BuiltInChatModel().invoke([HumanMessage(text)]).tool_calls
    return call["name"], call["args"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("why did 3 fail?", ("explain", {"number": 3})),
        ("why is the first one ranked first?", ("rank", {"number": 1})),
        ("compare the first and the third", ("compare", {"first": 1, "second": 3})),
        ("More like the Second candidate", ("more_like", {"number": 2})),
        ("known crystals like number 4", ("similar", {"number": 4})),
        ("show", ("show", {})),
        ("为什么第2个失败了？", ("explain", {"number": 2})),
        ("第2个为什么没通过", ("explain", {"number": 2})),
        ("比较第一个和第三个", ("compare", {"first": 1, "second": 3})),
        ("更像第2个", ("more_like", {"number": 2})),
        ("导出第1个为cif", ("export", {"number": 1, "format": "cif"})),
        ("显示结果", ("show", {})),
    ],
)
def test_candidates_go_by_number_or_place(text, expected):
    assert called(text) == expected


@pytest.mark.parametrize(
    "text", ["only first-row transition metals", "forget the oxygen", "给我10个", "空间群221"]
)
def test_everything_else_changes_the_request(text):
    assert called(text) == ("change_request", {"text": text})
