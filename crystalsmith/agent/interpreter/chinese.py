"""Glosses Chinese phrases with the English words that the readers know.

Requests for materials have nearly the same order of words in both languages, so that one grammar
can read both. What differs is put right here: the particle 的, which ends a description; elements
that run together; "free of" before its elements; numerals; and lists between 由 and 组成.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pymatgen.core import Element

from crystalsmith.agent.interpreter.chinese_asides import asides
from crystalsmith.agent.interpreter.chinese_changes import changes_in
from crystalsmith.agent.interpreter.chinese_numbers import counted_elements, numeral_value, works_on
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.chemistry.families import family, family_aliases, family_names

Rewrite = tuple[int, int, str]

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_LONGEST = 14
_MARKS = (" ; ", " . ", " ; ", ", ", ": ", " ! ", " ? ")
_PUNCTUATION = dict(zip("，。；、：！？", _MARKS, strict=True))
_NUMERAL = re.compile(
    r"(?<![\u4e00-\u9fff])?[一二两三四五六七八九十百半]{1,4}(?=\s?(?:个|种|条|款|份|例|组|克|电子伏|[GM]Pa|m?eV|nm|g/|以上|以下|以内|左右))"
)
_ARTICLE = re.compile(r"(?:一|某|几|这|那)(?:种|个|类|些|款)")
_MADE_OF = re.compile(r"由([^，。；,;]{1,40}?)(?:(?<!种)元素)?(?:所)?(?:组成|构成|形成)(?:的)?")
_SAVE = re.compile(
    r"除(?:了|去)?([^，。；,;]{1,30}?)(?:之外|以外|外|(?=[，,]\s?(?:其他|其它|别的|其余)))"
)
_FREE = re.compile(r"无(?=[\u4e00-\u9fff])")
_OF = re.compile(r"的")
_NUMBER_OF = re.compile(
    r"(?:上限|下限|最大|最小|最低|最高|值|大小|数量|范围|数目|原子|距离|能量|体积|目标|要求|化学式|空间群)"
)
_LIKE_FORMULA = re.compile(r"(?<![A-Za-z0-9])([A-Z][A-Za-z0-9]*)\s?型(?:结构)?")  # CdI2型
_ORDINAL = re.compile(
    r"第\s?(\d+|[一二三四五六七八九十])(?!\s?(?:次|年|天|章|轮|批|步|版|周|期|季|学期))\s?(?:个|种|号|条)?"
)
_TAKE_BACK = re.compile(
    r"(?:去掉|去除|取消|放弃|删除|删掉|忽略|不再要求|不要求|忘掉|不考虑|移除|撤掉|不需要)"
    r"([^，。；,;]{1,20}?)(?:方面)?(?:的|这个|这一)?(?:要求|限制|条件|约束|需求)"
)
_UNLIMITED = re.compile(
    r"([^，。；,;]{1,10}?)(?:就|都|也)?(?:不限制?|可有可无|无所谓|随意|都可以|任意|不重要)(?:了)?"
)
_EXCHANGE = re.compile(
    r"(?:把|将)([^，。；,;]{1,12}?)(?:换成|替换为|替换成|改成|改为|换为|变成)(?=[^，。；,;])"
)
_CHANGED_TO = re.compile(  # 钠换成钾
    r"(?:^|(?<=[，。；,;\s]))([^，。；,;\s]{1,4}?)(?:都|全)?(?:换成|替换为|替换成|改成|改为|换为|变成)(?=[^，。；,;])"
)
_IN_PLACE = re.compile(r"用([^，。；,;]{1,12}?)(?:代替|替代|取代|替换)(?=[^，。；,;])")
_NAMED = r"(?:^|(?<=[，。；,;：:、？！?!\s]))((?:[^，。；,;：:\s]|(?<=[A-Za-z])\s(?=[A-Z])){1,16}?)"
_END = r"(?:了|哦|的)?(?=[，。；,;！!\s]|$)"
_ONLY_WITHIN = re.compile(
    r"(?:组成)?元素(?:种类|范围|选择|池)?(?:只能|仅)?(?:(?:限定|限制|局限|控制|限|选)?(?:在|于|为)|\s?[：:])\s?"
    r"((?:[A-Za-z\u4e00-\u9fff]{1,2}[、,和与及\s]{1,3}){1,7}[A-Za-z\u4e00-\u9fff]{1,2}?)\s?"
    r"(?:之内|以内|范围内|之中|中选|里选|[，,]\s?不得超出|[，,]\s?不能超出|[，,]\s?不(?:得|能|可)有?其他|内)"
)
_KINDS_OF_ELEMENT = re.compile(
    r"(?:元素|组元)(?:种类|种数|数目|数)?(?:[^，。；、,;]{0,8}?(?:\d|[一二两三四五六七八])\s?种[、，]?){1,2}"
)
_NUMBERED_GROUP = re.compile(r"(\d{1,3})\s?号\s?空间群")
_FEWER_ATOMS = re.compile(r"(\d+)\s?个?原子(?:以下|以内)\s?[（(]\s?不含\s?\1\s?[）)]")
_TOLD = re.compile(
    r"(?:^|(?<=[。！？\n，,；;]))(?:(?:我们|本组|我组|公司|厂里)(?:公司|组|厂)?)?"
    r"(?:现在|目前|此前|之前|以前|原来|原先|上次|上批|过去|现有|当前|一直)(?:我们)?(?:所|在|都)?(?:用|采用|使用|做|试|卖|生产|买)"
    r"(?:(?!要求|希望|需要|想要|想找|换成|改用|寻找|请)[^。；;\n！？]){2,60}?(?=[。；;\n！？]|$|[，,](?=[^。；\n]{0,8}(?:要求|希望|需要|想要|想找|换成|改用|寻找|请)))"
)
_FREE_SYMBOL = re.compile(r"无([A-Z][a-z]?)(?=[\u4e00-\u9fff、，,\s]|$)")
_PURPOSE = re.compile(
    r"(?:^|(?<=[，。；,;：:？！?!\s]))([^，。；,;：:\s]{2,10}?)用(?=(?:的)?[\u4e00-\u9fff]{0,6}(?:酸盐|化物|材料|晶体|陶瓷|半导体))"
)
_LATER_MATERIAL = re.compile(r"新(?:的)?材料(?=(?:希望|要|需|必须|应|最好|得|是))")
_AGAINST = re.compile(
    r"(?:对|在)([^，。；,;\s]{1,8}?)(?:中|里|下)?(?:的)?(?:很|较|化学)?稳定(?=[，。；,;]|$)"
)
_THAN = re.compile(r"比(?=\s?(?:[A-Z][a-z]?\d?){1,6})")
_NO_LIMIT = re.compile(
    r"不(?:限于|限|限制|限定)(?=(?:[一二三四五六]元|晶系|空间群|结构|带隙|密度|元素|原子|数量|对称))"
)
_USED_FOR = re.compile(r"(?:^|(?<=[，。；,;\s]))([^，。；,;\s]{1,8}?)用(?:的)?(?=[，。；,;]|$)")
_GIVE = re.compile(r"(?<![输给])出(?=\s?(?:\d|[一二两三四五六七八九十]))")
_RATHER = re.compile(
    r"(?:不要|别要|不想要)([^，。；,;]{1,6}?(?:化物|酸盐))了?[，,]\s?(?:要|换|换成|改成|改为|来)?([^，。；,;]{1,6}?(?:化物|酸盐))(?:吧|好了|就行|即可|就好)?(?=[，。；,;]|$)"
)
_DECIMAL = re.compile(r"([零一二两三四五六七八九])点([零一二三四五六七八九]{1,3})(?!点)")
_KINDS_OF = re.compile(
    r"([二两三四五六七八九十]|\d{1,2})种(?:以上)?(?:不同)?(?:的)?(过渡金属|稀土|金属|阳离子|阴离子)(?:元素)?"
)
_PLURALS = {
    "过渡金属": "transition metals", "稀土": "rare earths", "金属": "metals", "阳离子": "cations",
    "阴离子": "anions",
}  # fmt: skip
_METAL_OF = re.compile(
    r"(?<![渡碱土贵族系熔非])金属(?=(?:氮|氧|硫|硒|碲|卤|氟|氯|溴|碘|磷|砷|碳|硼|硅|氢)化物)"
)
_BELOW = re.compile(r"(?<=[\dA-Za-z%³Å])\s?(?:及)?以下")
_BETTER = re.compile(
    r"(?:[\u4e00-\u9fff]{2,6}?(?:要|得)?(?:尽量|尽可能)(?:地)?[高低大小轻重宽窄硬长多少强](?:[一点些]{0,2}))"
    r"|(?:[\u4e00-\u9fff]{0,4}?越[\u4e00-\u9fff]{1,4}?越好)"
)
_COMPARE = re.compile(r"^\s*比较(?=\s?(?:第|一下|\d))")
_SYMBOL = re.compile(r"(?<![A-Za-z])[A-Z][a-z]?(?![A-Za-z])")
_ONE_MORE = re.compile(r"(?:再|另|补)?(?:加|补充|还有)(?:上)?一(?:条|个条件|点|项)(?=[：:，,])")
_HARDER = re.compile(
    r"比([^，。；,;]{1,6}?)(?:更|还|还要)(?:硬|轻|重|软|稳定|便宜|耐热)(?:的|得多的?)?"
)
_ONE_OF = re.compile(
    r"((?:[A-Z][a-z]?|[\u4e00-\u9fff])(?:[、/或和,](?:[A-Z][a-z]?|[\u4e00-\u9fff])){1,5})(?:这\S种)?(?:里|中)?"
    r"(?:至少|任选|任意|任一)?(?:含|有|选|取)?(?:其中)?(?:一种|之一|任一种|其一)(?:元素)?(?:的)?"
)
_REGARDLESS = re.compile(
    r"(?:^|(?<=[，。；,;\s]))(?:先)?不(?:考虑|管|在乎|关心)([^，。；,;]{1,8}?)(?=[，。；,;]|$)"
)
_REASON = re.compile(  # 贵金属太贵了
    r"(?:^|(?<=[，。；,;：:？！?!\s]))[^，。；,;\s]{1,8}?太(?:贵|毒|稀缺|稀有|少|脆|危险|不稳定)了?(?=[，。；,;！!])"
)
_ONE_BEING = re.compile(r"其中(?:之一|一种|一个)(?:元素)?(?:必须|要|得)?(?:是|为)")
_SYMBOL_BASED = re.compile(r"(?<=[A-Z])基(?![底于本金础团])|(?<=[A-Z][a-z])基(?![底于本金础团])")
_BASED = re.compile(r"基(?!底|于|本|金|础|团)")


def has_chinese(text: str) -> bool:
    """Whether there is anything to gloss."""
    return _CHINESE.search(text) is not None


def glossed(text: str) -> list[Rewrite]:
    """Spans of a text and the words to read in their place, in order; empty without Chinese."""
    if not has_chinese(text):
        return []
    found = list(_constructions(text))
    taken = bytearray(len(text))
    for start, end, _ in found:
        taken[start:end] = b"\x01" * (end - start)
    position = 0
    while position < len(text):
        if taken[position]:
            position += 1
            continue
        rewrite = _at(text, position, taken)
        if rewrite is None:
            position += 1
            continue
        found.append(rewrite)
        position = rewrite[1]
    return sorted(found)


def _at(text: str, position: int, taken: bytearray) -> Rewrite | None:
    character = text[position]
    if character in _PUNCTUATION:
        return position, position + 1, _PUNCTUATION[character]
    known = _vocabulary()
    for length in range(min(_LONGEST, len(text) - position), 0, -1):
        end = position + length
        gloss = known.get(text[position:end])
        if gloss is not None and not any(taken[position:end]):
            return position, end, f" {gloss} " if gloss.strip() else " "
    if character == "的":
        return position, position + 1, _particle(text, position)
    return None


def _particle(text: str, position: int) -> str:
    """的 ends a description, unless what follows belongs to the noun before it."""
    return " " if _NUMBER_OF.match(text, position + 1) else " ; "


def _constructions(text: str) -> list[Rewrite]:
    """What has to be seen before single words are."""
    found: list[Rewrite] = []
    taken = bytearray(len(text))

    def add(start: int, end: int, gloss: str) -> None:
        if not any(taken[start:end]):
            taken[start:end] = b"\x01" * (end - start)
            found.append((start, end, gloss))

    for rewrite in counted_elements(text):
        add(*rewrite)
    for first, second in works_on(text):
        add(*first, " we work on ")
        add(*second, " ; we need ")
    for rewrite in asides(text):
        add(*rewrite)
    for start, end, gloss in changes_in(text, _names_elements):
        add(start, end, gloss)
    for match in _REASON.finditer(text):
        add(*match.span(), " ; ")
    for match in _ONE_BEING.finditer(text):
        add(*match.span(), " including ")
    for match in _SYMBOL_BASED.finditer(text):
        add(*match.span(), "-based ")
    for match in _ONE_MORE.finditer(text):
        add(*match.span(), " also ")
    for match in _TOLD.finditer(text):
        add(*match.span(), " ; ")
    for match in _LATER_MATERIAL.finditer(text):
        add(*match.span(), " candidate material ")
    for match in _ONLY_WITHIN.finditer(text):
        add(match.start(), match.start(1), " composed only of ")
        add(match.end(1), match.end(), " ; ")
    for match in _KINDS_OF_ELEMENT.finditer(text):
        for kind in re.finditer("种(?!类|数)", match.group()):
            add(match.start() + kind.start(), match.start() + kind.end(), " elements ")
    for match in _NUMBERED_GROUP.finditer(text):
        add(*match.span(), f" space group {match[1]} ")
    for match in _FEWER_ATOMS.finditer(text):
        add(*match.span(), f" fewer than {match[1]} atoms ")
    for match in _LIKE_FORMULA.finditer(text):
        name = family_aliases().get(f"{match[1].lower()}-type")
        if name is not None:
            add(*match.span(), f" {match[1]}-type ")
    for match in _ORDINAL.finditer(text):
        add(*match.span(), f" number {numeral_value(match[1]):g} ")
    for match in _TAKE_BACK.finditer(text):
        add(match.start(), match.start(1), " drop the ")
        add(match.end(1), match.end(), " requirement ; ")
    for match in _UNLIMITED.finditer(text):
        add(match.end(1), match.end(), " doesn't matter ; ")
    for match in _AGAINST.finditer(text):
        add(match.start(), match.start(1), " stable against ")
        add(match.end(1), match.end(), " ; ")
    for match in _HARDER.finditer(text):
        add(match.start(), match.start(1), " harder than ")
        add(match.end(1), match.end(), " ; ")
    for match in _ONE_OF.finditer(text):
        if not all(_names_elements(part) for part in re.split("[、/或和,]", match[1])):
            continue
        add(match.start(1), match.start(1), " one of ")
        add(match.end(1), match.end(), " ; ")
    for match in _REGARDLESS.finditer(text):
        if not _names_elements(match[1]):
            add(*match.span(), " ; ")
    for match in _THAN.finditer(text):
        add(*match.span(), " than ")
    for match in _NO_LIMIT.finditer(text):
        add(*match.span(), " drop the ")
    for match in _EXCHANGE.finditer(text):
        add(match.start(), match.start(1), " replace ")
        add(match.end(1), match.end(), " by ")
    for match in _CHANGED_TO.finditer(text):
        if match[1] in _elements() or _SYMBOL.fullmatch(match[1]):
            add(match.start(), match.start(1), " replace ")
            add(match.end(1), match.end(), " by ")
    for match in _IN_PLACE.finditer(text):
        add(match.start(), match.start(1), " use ")
        add(match.end(1), match.end(), " instead of ")
    for match in _RATHER.finditer(text):
        add(match.start(), match.start(1), " not ")
        add(match.end(1), match.start(2), " but ")
    for match in _said_behind("refused").finditer(text):
        if _names_elements(match[1]):
            add(match.start(), match.start(1), " without ")
            add(match.end(1), match.end(), " ; ")
    for match in _said_behind("wanted").finditer(text):
        if _names_elements(match[1]):
            add(match.start(), match.start(1), " containing ")
            add(match.end(1), match.end(), " ; ")
    for match in _FREE_SYMBOL.finditer(text):
        add(*match.span(), f" {match[1]}-free ")
    for match in _PURPOSE.finditer(text):
        add(match.start(), match.start(1), " for ")
        add(match.end(1), match.end(), " ; ")
    for match in _USED_FOR.finditer(text):
        add(match.start(), match.start(1), " for ")
        add(match.end(1), match.end(), " ; ")
    for match in _GIVE.finditer(text):
        add(*match.span(), " find ")
    for match in _DECIMAL.finditer(text):
        digits = "".join(str(int(numeral_value(c))) for c in match[2])
        add(*match.span(), f" {int(numeral_value(match[1]))}.{digits} ")
    for match in _KINDS_OF.finditer(text):
        add(*match.span(), f" {int(numeral_value(match[1]))} different {_PLURALS[match[2]]} ")
    for match in _METAL_OF.finditer(text):
        add(*match.span(), " metal ")
    for match in _BELOW.finditer(text):
        add(*match.span(), " or less ")  # elsewhere 以下 is "the following"
    for match in _BETTER.finditer(text):
        add(*match.span(), " as extreme as possible ")
    for match in _COMPARE.finditer(text):
        add(*match.span(), " compare ")
    for match in _MADE_OF.finditer(text):
        add(match.start(), match.start() + 1, " composed only of ")
        add(match.end(1), match.end(), " ; ")
    for match in _composed().finditer(text):
        add(match.start(), match.start(), " composed only of ")
        add(match.end(1), match.end(), " ; ")
    for match in _SAVE.finditer(text):
        add(match.start(), match.start(1), " without ")
        add(match.end(1), match.end(), " ; ")
    for match in _ARTICLE.finditer(text):
        if not text.startswith("元素", match.end()):
            add(*match.span(), " a ")
    for match in _NUMERAL.finditer(text):
        add(*match.span(), f" {numeral_value(match.group()):g} ")
    for match in _FREE.finditer(text):
        name, end = _free_of(text, match.end())
        if name:
            add(match.start(), end, f" {name}-free ")
    for match in _BASED.finditer(text):
        if match.start() and text[match.start() - 1] in _elements():
            add(*match.span(), "-based ")
    return found


def _free_of(text: str, position: int) -> tuple[str, int]:
    """The element or group right after 无: "lead-free" governs no more than its own name."""
    for length in range(5, 0, -1):
        word = text[position : position + length]
        name = _elements().get(word) or (_vocabulary().get(word) if word in _groups() else None)
        rest = text[position + length : position + length + 2]
        if name and not rest.startswith(("化", "酸")):
            return name, position + length
    return "", position


@lru_cache(maxsize=2)
def _said_behind(role: str) -> re.Pattern[str]:
    """What stands behind the elements that it is about: 稀土一律不要, Mg必须有."""
    rows = table("chinese")["behind"]
    words = "|".join(sorted(rows[role], key=len, reverse=True))
    return re.compile(f"{_NAMED}(?:{'|'.join(rows['adverbs'])})*(?:{words}){_END}")


def _names_elements(words: str) -> bool:
    """Whether words are about elements or groups of them."""
    named = any(name in words for name in (*_elements(), *_groups()))
    return named or _SYMBOL.search(words) is not None


@lru_cache(maxsize=1)
def _elements() -> dict[str, str]:
    rows = table("chinese")["elements"]
    named = {name: Element.from_Z(z).long_name.lower() for z, name in enumerate(rows["names"], 1)}
    others = {word: Element(symbol).long_name.lower() for word, symbol in rows["others"].items()}
    return named | others


@lru_cache(maxsize=1)
def _composed() -> re.Pattern[str]:
    """Elements and nothing else before 组成."""
    names = "|".join(sorted(_elements(), key=len, reverse=True))
    symbol = r"[A-Z][a-z]?"
    return re.compile(
        rf"(?<![由和与及、一-鿿])((?:(?:{names}|{symbol})[和与及、,\s]{{0,2}}){{2,8}})"
        r"(?:[三两二四五]?种)?(?:元素)?(?:所)?(?:组成|构成)(?!比|范围|元素)的?"
    )


@lru_cache(maxsize=1)
def _groups() -> frozenset[str]:
    groups = {*table("chemistry")["groups"], "radioactive element", "toxic element"}
    return frozenset(
        word
        for gloss, words in table("chinese")["phrases"].items()
        if gloss in groups
        for word in words
    )


@lru_cache(maxsize=1)
def _vocabulary() -> dict[str, str]:
    rows = table("chinese")
    known = dict(_elements())
    for stem, name in rows["elements"]["anions"].items():
        known[f"{stem}化物"] = known[f"{stem}化"] = name
    for stem, name in rows["elements"]["acids"].items():
        known[f"{stem}酸盐"] = known[f"{stem}酸"] = name
    for name in family_names():
        for alias in family(name).aliases:
            if _CHINESE.search(alias):
                known[alias] = name
                known.setdefault(alias.removesuffix("结构") + "型", name)
                known.setdefault(alias.removesuffix("结构") + "结构", f"{name} structure")
                known.setdefault(alias.removesuffix("结构") + "型结构", f"{name} structure")
    for gloss, words in rows["phrases"].items():
        known |= dict.fromkeys(words, gloss)
    return known
