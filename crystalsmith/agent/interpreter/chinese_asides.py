"""Chinese words that tell, say a reason, or say how long a list is: 上一批质量不太理想, 镉有毒."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.chinese_numbers import numeral_value

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOLD_OF = re.compile(  # 上一批Ga2O3薄膜质量不太理想
    r"(?:^|(?<=[。！？\n，,；;]))(?:上|前)(?:一|几)?(?:批|次|回|轮|版|炉)(?:(?!要求|希望|需要|想要|想找|换成|改用|寻找|请|不要|不含)[^。；;\n！？，,]){2,40}?"
    r"(?:不(?:太|够|是很|怎么)?(?:理想|好|行|满意|稳定|达标|合格|均匀)|失败|开裂|裂了|太差|很差|偏[高低大小]|报废|没做成|没成功|变质|分解了?|潮解了?|一般)了?(?=[。；;，,\n！？]|$)"
)
_LIST_OF = re.compile(  # Li、Fe、P、O四种元素
    r"(?:[A-Z][a-z]?|[\u4e00-\u9fff])(?:[、,，和与及](?:[A-Z][a-z]?|[\u4e00-\u9fff])){1,7}(?P<said>这?(?P<number>[两二三四五六七八2-8])\s?(?:种|个)元素)(?!组成|构成|的|所)"
)
_TOXIC_SO = re.compile(  # 镉有毒，别用
    r"(?:^|(?<=[，。；,;\s]))(?P<what>[^，。；,;\s]{1,8}?)(?:也|都)?(?:有毒|剧毒|有放射性|太贵|很贵|太毒|稀缺|受管制|被禁|被管制)了?[，,]\s?"
    r"(?:所以|因此|故|请|就|咱们|我们)?(?:别用|不要用|不能用|不用|不要|排除|避开|避免|剔除|别要)(?:它|它们|掉)?了?(?=[，。；,;！]|$)"
)


def asides(text: str) -> Iterator[tuple[int, int, str]]:
    """Spans that only tell or say again, and exclusions with their reason, with their glosses."""
    for match in _TOLD_OF.finditer(text):
        yield *match.span(), " ; "
    for match in _LIST_OF.finditer(text):
        names = re.split("[、,，和与及]", text[match.start() : match.start("said")])
        if len(names) == numeral_value(match["number"]):
            yield *match.span("said"), " "  # says how long the list is
    for match in _TOXIC_SO.finditer(text):
        yield match.start(), match.start("what"), " without "
        yield match.end("what"), match.end(), " ; "
