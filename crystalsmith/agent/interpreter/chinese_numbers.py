"""Chinese counts of elements (三到五元, 至少出现四种), and what the writer works on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONE_TO_TEN = "一二两三四五六七八九十"
_COUNT_RANGE = re.compile(  # 三到五元, 二至四种
    rf"([{_ONE_TO_TEN}]|(?<![\d.])\d)\s?(?:到|至|[-~～—–])\s?([{_ONE_TO_TEN}]|\d)\s?"
    r"(元(?!素|/|钱|以?[上下])|(?=[种个]))"
)
_SO_MANY_KINDS = re.compile(  # said of the elements that alone are allowed: 至少出现四种
    r"((?:出现|用到|用上|用|含有?|包含|选)(?:其中)?(?:的)?)(?:至少|最多|不少于|不超过|恰好)?"
    rf"(?:\d|[{_ONE_TO_TEN}])(种)(?=[，。；,;！!\s]|$|及?以[上下])"
)
_ALLOWED = re.compile("只|仅|限|可选|可用|选自")
_THESE_KINDS = re.compile(r"这(?:些|几|[两三四五六七八])(?:种|个)?元素")
_WORKS_ON = re.compile(
    r"(?:^|(?<=[，。；,;：:！!？?\s]))(?:我们|本人|我|课题组|本组|团队|咱们)(?:组|课题组|实验室|公司|团队|这边)?"
    r"(?:主要|一直|目前|最近|在|是|正在|都)*(?:做|研究|从事|搞|主攻|开发|专注于?)"
    r"(?P<what>[^，。；,;：:\n]{1,14}?)(?:的|方面)?[，,；;。]"
    r"(?=(?:现在|目前|现|最近|所以|因此)?(?:我们|我)?(?:还|正|就)?(?:急需|需要|需|想|要|求|请|找|希望|打算))"
)


def numeral_value(numeral: str) -> float:
    """The number that a numeral up to 99 stands for."""
    if numeral.isdigit():
        return float(numeral)
    if numeral == "半":
        return 0.5
    digits = table("chinese")["numerals"]["digits"]
    if "百" in numeral:
        hundreds, _, rest = numeral.partition("百")
        return 100.0 * digits.get(hundreds, 1) + (numeral_value(rest.lstrip("零")) if rest else 0)
    tens, ten, ones = numeral.partition("十")
    if ten:
        return 10.0 * digits.get(tens, 1) + digits.get(ones, 0)
    return float(digits.get(numeral[0], 0))


def counted_elements(text: str) -> Iterator[tuple[int, int, str]]:
    """Ranges of numbers, and kinds of the elements that alone are allowed, with their glosses."""
    for match in _COUNT_RANGE.finditer(text):
        low, high = numeral_value(match[1]), numeral_value(match[2])
        yield *match.span(), f" {low:g} to {high:g} {'elements ' if match[3] else ''}"
    for match in _THESE_KINDS.finditer(text):
        yield *match.span(), " "
    for match in _SO_MANY_KINDS.finditer(text):
        if _ALLOWED.search(text, 0, match.start()):
            yield *match.span(1), " "
            yield *match.span(2), " elements "


def works_on(text: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Spans before and behind what the writer works on: 我们做*压电器件*, 想找."""
    for match in _WORKS_ON.finditer(text):
        yield (match.start(), match.start("what")), (match.end("what"), match.end())
