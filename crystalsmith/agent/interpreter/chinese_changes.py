"""Glosses what a Chinese turn takes back, exchanges and allows again, before single words are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crystalsmith.agent.interpreter.chinese import Rewrite

_START = r"(?:^|(?<=[，。；,;：:、？！?!\s]))(?:那就|那么|那|嗯|哦|好的?|对了)?[，,]?"
_END = r"(?:了|吧|哦|的|呢|啦|好了|就好|就行|即可){0,2}(?=[，。；,;：:！!？?\s]|$)"
_N = r"([^，。；,;：:、？！?!\s]{1,10}?)"
_NAMED = r"((?:(?!化物|酸盐)[^，。；,;：:？！?!\s]){1,12}?)"
_DEAR = r"(?:贵|毒|有毒|稀缺|稀有|脆|危险|不稳定|难买|难搞|买不到|缺货|不安全)"
_NO_USE = r"(?:不要用|不要|别用|不用|不能用|排除掉?|去掉|避开|不考虑|禁用|剔除|不行)"
_ITEM = (
    r"(?:这一条|那一条|这条|那条|这个|那个|这项|那项|这点|的事儿?|这个要求|那个要求|的要求|要求"
    r"|的限制|限制|的条件|条件|这个条件)"
)
_VOID = (
    r"(?:取消|不要|作废|去掉|删掉|删除|删|去|算|不管|不考虑|不限|免|撤销|撤掉|忽略|不用管|放开|不作要求"
    r"|不做要求|不再要求|不要求|不提|放弃|拿掉)"
)
_CHANGES = (
    r"(?:再|重新)?(?:放宽|放大|收紧|缩小|收窄|扩大|改|调|调整|降|降低|提高|设|定)"
    r"(?:到|为|成|至)"
)

# what is searched for, the words before, between and after its groups, and whether its first
# group has to name elements
_Row = tuple[re.Pattern[str], tuple[str, ...], bool]
_ROWS: tuple[_Row, ...] = (
    (  # 前面的全部作废，重新来：
        re.compile(
            r"^(?:那|嗯|算了|好吧|不)?[，,]?(?:我)?(?:前面|之前|刚才|上面|以上|先前)(?:的|说的|那些|讲的|提的){0,2}"
            r"(?:要求|条件|内容)?(?:全部|全|都|统统|一律)?(?:作废|不算|不要|推翻|忘掉|清空|取消|不管|忽略)了?"
            r"(?:[，,。；]?(?:我们)?(?:重新来|重新开始|从头来|重来|从头开始|重头来|换一个|换个需求)(?:吧|过)?)?[：:，,。；]?"
        ),
        (" start over : ",),
        False,
    ),
    (
        re.compile(
            rf"{_START}(?:全部)?(?:推倒重来|全部推翻|从头再来)(?:吧)?[：:，,。；]?"
        ),
        (" start over : ",),
        False,
    ),
    (
        re.compile(
            rf"{_START}{_NAMED}(?:实在|都|也)?(?:太|很|又)?{_DEAR}了?[，,](?:所以|因此|就"
            rf"|请|那就|还是){{0,2}}(?:都|全|也)?{_NO_USE}{_END}"
        ),
        (" without ", " ; "),
        True,
    ),
    (
        re.compile(
            rf"{_START}(?:把|将)?{_N}(?:元素)?(?:都|全|全部)?(?:换成|替换为|替换成|改成"
            rf"|改为|换为|变成|换){_N}(?:元素)?{_END}"
        ),
        (" replace ", " by ", " ; "),
        True,
    ),
    (
        re.compile(
            rf"{_START}{_N}(?:元素)?(?:的位置|那个位置|的位子)?(?:用|由|拿|让){_N}"
            rf"(?:元素)?(?:来)?(?:代替|替代|取代|替换|顶替|替){_END}"
        ),
        (" replace ", " by ", " ; "),
        True,
    ),
    (
        re.compile(
            rf"{_START}(?:应该)?不是{_N}[，,]?\s?(?:而是|是|要|改用|用|换成|改成|应该是"
            rf"|应为){_N}{_END}"
        ),
        (" replace ", " by ", " ; "),
        True,
    ),
    (
        re.compile(
            rf"{_START}{_N}(?:打|写|说|输)错了[，,]\s?(?:应该是|应为|是|改成|要){_N}{_END}"
        ),
        (" replace ", " by ", " ; "),
        True,
    ),
    (
        re.compile(
            rf"{_START}{_NAMED}(?:还是|其实|也|又|现在|倒是|倒|都){{0,3}}(?<![不没别就])"
            r"(?:可以(?:有|用|要|加|含|留|保留|接受|存在)?|能用|能有|能加|允许|行|没问题|解禁|放行|恢复"
            rf"|留着){_END}"
        ),
        ("", " is fine ; "),
        True,
    ),
    (
        re.compile(
            rf"{_START}{_NAMED}(?:还是)?(?:算了|免了|就算了)(?:[，,]?(?:别用|不要|不用"
            rf"|别要)了?)?{_END}"
        ),
        (" without ", " ; "),
        True,
    ),
    (
        re.compile(
            rf"{_START}(?:还是)?(?:换回|改回|用回|恢复成?|回到){_N}{_END}"
        ),
        (" change back to ", ""),
        True,
    ),
    (
        re.compile(
            rf"{_START}(?:刚才|上面)?(?:打|写|说|输)错了[，,]\s?(?:应该是|应为|是|要)"
            rf"{_N}{_END}"
        ),
        (" change to ", ""),
        True,
    ),
    (re.compile(rf"{_START}{_N}改{_N}{_END}"), (" replace ", " by ", " ; "), True),
    (
        re.compile(
            rf"(?:能不能|可不可以|能否|可否)(?:用|加|加入|加上|含|含有|有|使用){_N}(?:呢"
            r"|吗)?(?=[，。；？?]|$)"
        ),
        (" containing ", " ; "),
        True,
    ),
    (
        re.compile(rf"{_START}(?:要|我要|改要)?{_N}(?:而不是|而非){_N}{_END}"),
        ("", " instead of ", " ; "),
        False,
    ),
    (
        re.compile(r"(?:再|整体|都|各){0,2}(?:上移|提高|增加|调高|上调|升高)(?=\s?\d)"),
        (" raise by ",),
        False,
    ),
    (
        re.compile(r"(?:再|整体|都|各){0,2}(?:下移|降低|减少|调低|下调|减小)(?=\s?\d)"),
        (" lower by ",),
        False,
    ),
    (re.compile(r"(?:降回|调回|改回|退回)(?:到)?(?=\s?\d)"), (" lower to ",), False),
    (re.compile(r"能不能|可不可以"), (" please ",), False),
    (
        re.compile(
            rf"{_START}不(?:一定|必)(?:非要|非得|要求|要|是|得)?(?:含有?|有)?{_N}{_END}"
        ),
        (" not necessarily ", " ; "),
        False,
    ),
    (
        re.compile(
            r"(?<=[\dVa])\s?(?:就|也|已经)?(?:够了?|行了?|可以了?"
            r"|足够了?)(?=[，。；,;！!\s]|$)"
        ),
        (" is enough ; ",),
        False,
    ),
    (
        re.compile(
            r"\d+(?:\.\d+)?\s?[A-Za-z/³]{0,8}(?:有点|还是|也)?太(?:高|低|大|小|严|多|少|宽"
            r"|窄|重|轻)了?(?=[，,])"
        ),
        (" ; ",),
        False,
    ),
    (
        re.compile(
            rf"{_START}(?:还有|以及|和)?{_NAMED}(?:也一样|也是一样|也是|同理|也如此|也同样)"
            rf"{_END}"
        ),
        ("", " too ; "),
        True,
    ),
    (re.compile(rf"(?:误差|容差|公差|偏差)(?:范围)?{_CHANGES}"), (" tolerance to ",), False),
    (
        re.compile(
            rf"(?:数量|个数|候选数量?|结果数量?){_CHANGES}"
        ),
        (" number of candidates : ",),
        False,
    ),
    (
        re.compile(
            rf"{_START}我(?:们)?是[^，。；,;！!]{{1,24}}(?:学生|老师|研究生|博士生?|硕士生?"
            r"|工程师|新手|博后|同学|教授|课题组|公司|厂家)(?=[，。；,;！!])"
        ),
        (" ; ",),
        False,
    ),
)  # fmt: skip
_THAT_ITEM = re.compile(r"(?<=[\u4e00-\u9fff])(?<![找出给])[这那]一?[条项点](?:要求|限制|条件)?")
_TAKEN_BACK = re.compile(
    rf"{_START}(?:把|将|关于)?{_N}({_ITEM})?(?:就|先|也|都|可以|还是|全|全部){{0,2}}{_VOID}{_END}"
)


def changes_in(text: str, names_elements: Callable[[str], bool]) -> Iterator[Rewrite]:
    """What of a text is to be read as a change, span by span.

    Args:
        text: a Chinese text.
        names_elements: whether words are about elements or groups of them.
    """
    seen: list[tuple[int, int]] = []

    def is_new(match: re.Match[str]) -> bool:
        is_open = all(match.end() <= low or high <= match.start() for low, high in seen)
        if is_open:
            seen.append(match.span())
        return is_open

    for pattern, glosses, needs_element in _ROWS:
        for match in pattern.finditer(text):
            if needs_element and not all(names_elements(part) for part in match.groups()):
                continue
            if not is_new(match):
                continue
            yield from _around(match, glosses)
    for match in _TAKEN_BACK.finditer(text):
        if match[2] or (match[1][:1] not in "不没无非别" and not names_elements(match[1])):
            if not is_new(match):
                continue
            name = {"体积": "volume per atom"}.get(match[1])
            if name is not None:
                yield match.start(), match.end(), f" drop the {name} requirement ; "
                continue
            yield match.start(), match.start(1), " drop the "
            yield match.end(1), match.end(), " ; "

    for match in _THAT_ITEM.finditer(text):
        if is_new(match):
            yield *match.span(), " "


def _around(match: re.Match[str], glosses: tuple[str, ...]) -> Iterator[Rewrite]:
    """What stands around the groups of a match, glossed."""
    start = match.start()
    for group, gloss in enumerate(glosses[:-1], 1):
        yield start, match.start(group), gloss
        start = match.end(group)
    yield start, match.end(), glosses[-1]
