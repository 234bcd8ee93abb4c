"""What remains: courtesies, what cannot be scored, what was not understood, what is off topic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.applications import LIGHT, read_applications
from crystalsmith.agent.interpreter.lexicon import stop_words
from crystalsmith.agent.interpreter.reading import word_set
from crystalsmith.agent.interpreter.source import singulars
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.chemistry.formulas import parse_formula
from crystalsmith.core.clauses import (
    AtomCount,
    ExcludeElements,
    ExcludeGroups,
    FamilyClause,
    IncludeElements,
    Novel,
    PropertyRange,
    SpaceGroupClause,
    Stable,
)
from crystalsmith.core.errors import FormulaError

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.lexicon import Mention
    from crystalsmith.agent.interpreter.reading import Reading
    from crystalsmith.agent.interpreter.source import Token

_NAME = r"[A-Z][\w.-]*"
_ADDRESSEE = (
    rf"(?:{_NAME}|all|team|there|everyone|everybody|folks|guys|colleagues|sir|madam|or|and|again"
    r"|assistant)"
)
_COURTESIES = (
    re.compile(
        r"(?:^|(?<=\n))\s*(?i:hi|hello|hey|hiya|dear|good\s(?:morning|afternoon|evening)|greetings(?:\sof\sthe\sday)?|bom\sdia|boa\starde"
        r"|boa\snoite|ol[aá]|hola|buenos\sd[ií]as|buenas(?:\stardes)?|bonjour|salut|guten\s(?:tag|morgen)|moin|ciao"
        r"|buongiorno|namaste|merhaba|salaam?|privet|konnichiwa)"
        rf"(?:\s{_ADDRESSEE}){{0,4}}\s*[,!.:\n-]"
    ),
    re.compile(
        r"\b(?i:(?:best|kind|warm)\s+(?:regards|wishes)|best|regards|cheers|many\s+thanks|thx|tia"
        r"|obrigad[oa]|gracias|merci|danke(?:\s+(?:sch[oö]n|sehr))?|abra[cç]os?|saludos|cordialement|grazie|te[sş]ekk[uü]rler|(?:mit\s+)?(?:freundlichen|besten|sch[oö]nen)\s+gr[uü][sß]+en?|arigato"
        r"|thanks(?:\s+(?:a\s+lot|again|in\s+advance))?|thank\s+you|sincerely|yours(?:\s+\w+)?)"
        rf"\s*[,!.\n-]\s*(?:{_NAME}\s?){{0,3}}[\s.!]*$"
    ),
    re.compile(rf"\b(?i:dr|prof|professor|mr|mrs|ms)\.?\s(?:{_NAME}\s?){{1,3}}"),
    re.compile(
        rf"\b(?i:my\sname\sis|this\sis|i\s?am|i'm)\s{_NAME}(?:\s{_NAME})?"
        r"(?=\s(?:from|at|with|and)\b|[,.])"
    ),
    re.compile(
        r"(?:^|(?<=[.!?\n]\s)|(?<=\n))(?:Ta|ta)[!.]\s*$|\b(?i:at|by|until|before|around)\s\d{1,2}(?:[:.]\d\d)?\s?(?i:[ap]\.?m\b\.?)"
    ),
    re.compile(r"(?:</[\w ]{1,20}>\s*)?\b(?i:assistant)\s*:[^\n]*"),
    re.compile(r"\b(?:mp|mvc|icsd|cod|oqmd|jvasp|agm)[\s-]?#?\d{2,8}\b", re.IGNORECASE),
    re.compile(  # Field geologist here, just curious
        r"(?:^|(?<=[.!?,\n]\s))\s*(?:an?\s+)?(?:[A-Za-z]+\s+){0,3}(?i:geologists?|chemists?|physicists?|engineers?|students?"
        r"|mineralogists?|scientists?|teachers?|postdocs?|researchers?|crystallographers?|[a-z]{3,}ers?|[a-z]{4,}ists?|guy|girl"
        r"|person|newbie|professor)\s+here(?=\s*[,.!;:\n-])"
    ),
    re.compile(  # above the H+/H2 potential
        r"\b(?:the\s+)?(?:[A-Z][a-z]?(?:\d?[+-]?|O\d?))/(?:[A-Z][a-z]?\d?(?:O\d?)?)(?:\d?[+-])?(?=\s+(?:redox|couple|potential|level|line))"
        r"(?:\s+(?:redox|couple|potential|level|line))*"
        r"|\b(?:H\+/H2|H2O/O2|O2/H2O|H2/H2O|H2O/H2)(?![\w/])"
    ),
    re.compile(r"https?://\S{1,200}|\S{1,60}@\S{1,60}\.\w{2,10}"),
)
_LIKENESSES = (
    re.compile(
        r"\b(?:something|anything|stuff)\s+(?:like|similar\s+to)\s+(?P<what>[a-z]+(?:\s[a-z]+)?)"
        r"(?=\s+(?:but|with|that|which|without)\b|\s*[,.;]|\s*$)"
    ),
    re.compile(
        r"(?P<what>\b[A-Z]{2,6})\s+(?:replacement|alternative|substitute|analogue|analog)s?\b"
    ),
    re.compile(r"\bas\s+(?P<what>(?!soon|many|much|close|near|far|well)[a-z]+)\s+as\s+possible\b"),
)
_CENTRED = re.compile(r"(?:face|body) cent(?:er|re)d")
_EXPLAINED_BY = {
    **dict.fromkeys(("dense", "heavy", "light", "lightweight", "light weight"), ("density",)),
    **dict.fromkeys(
        ("soft", "incompressible", "ultraincompressible", "compressible", "stiff", "rigid"),
        ("bulk_modulus", "shear_modulus"),
    ),
}
_HIGH_K = frozenset({"high k", "low k", "high k dielectric"})
_PERMITTIVITY = re.compile(
    r"\b(?:dielectric\s+constant|permittivity)\b[^.;\n\d]{0,24}\d|\b(?:k|kappa|\u03b5r?)\s?[=<>≥≤~]+\s?\d",
    re.IGNORECASE,
)
_FOR = re.compile(
    r"\bfor\s+(?:the\s+|use\s+in\s+|an?\s+|detect(?:ing|ion\s+of)?\s+(?:of\s+)?)?(?:(?:deep|far|mid|near)[\s-]+)?$",
    re.IGNORECASE,
)
_LIST_POINT = re.compile(r"(?:(?<=^)|(?<=[\s,;]))\(?(\d{1,2})[).](?=\s)")
_ELEMENT_OF = re.compile(r"(?<![\w-])([A-Z][a-z]?[+\d-]{0,3})[\s-]$")
# in Chinese the degree follows: 离子电导率高
_DEGREE = re.compile(r"\s?(高|低|大|小|好|强|长|快|优异|优良|良好)(?=\W|$)")
_HYPHENED = re.compile(r"(?<![\w-])(?!non-)[a-z\d]{1,12}-$")
_MEANS = re.compile(
    r"[^.;,:\n]{0,50}?\s*[,(;:-]*\s*(?:\bi\.?e\.?,?|(?<=[,;(-]\s)that\s+is(?:\s+to\s+say)?,?|\bmeaning|by\s+which\s+(?:i|we)\s+mean"
    r"|in\s+other\s+words,?|\bnamely|\bviz\.?|which\s+(?:to\s+me\s+|for\s+us\s+)?means)\s",
    re.IGNORECASE,
)
_DEFINING = (PropertyRange, ExcludeElements, ExcludeGroups)
_SOON = 30  # characters
_SUBJECT = re.compile(
    r"\s+(?:phase|layer|material|component|coating|compound|crystal)\s+(?:should|must|has\s+to|needs\s+to|is\s+to"
    r"|will|shall|would)\b",
    re.IGNORECASE,
)
_SCENE = re.compile(  # where it begins: our group works on, I grow
    r"(?:^|[.;!?\n,:]|\b(?:and|so|because|since|as)\b)\s*(?:i|we|(?:my|our|the)\s+(?:[a-z]+\s+)?(?:group|lab|team"
    r"|company|institute|department|startup|phd|thesis|project))(?:'m|'re|\s+am|\s+are|\s+is)?"
    r"(?:\s+(?:mainly|mostly|currently|usually|also|here|normally|only|just|at\s+\w+|from\s+\w+)){0,2}"
    r"\s+(?:work(?:s|ing)?(?:\s+(?:on|in|with))?|teach(?:es|ing)?|lectur(?:es?|ing)|run(?:s|ning)?|supervis(?:es?|ing)|stud(?:y|ies|ying)|research(?:es|ing)?|do(?:es|ing)?"
    r"|investigat(?:es?|ing)|develop(?:s|ing)?|mak(?:es?|ing)|grow(?:s|ing)?|build(?:s|ing)?|deposit(?:s|ing)?"
    r"|fabricat(?:es?|ing)|produc(?:es?|ing)|manufactur(?:es?|ing)|is\s+about|is\s+on|model(?:s|ing|ling)?"
    r"|measur(?:es?|ing)|simulat(?:es?|ing))\s+[^.;!?\n]{0,40}$",
    re.IGNORECASE,
)
_NEEDS = re.compile(  # and where the wish does
    r"[^.;!?\n:]{0,50}?(?:[.;!?\n:]|,?\s*\b(?:and|so|but)?\s*(?:(?:we|i)(?:'d|'m|'re)?\s*)?\b(?:need|want|require|would\s+like"
    r"|seek|(?:am|are)?\s*(?:now\s+)?(?:looking|searching|hunting|after)|like|wish|could\s+use)\b)",
    re.IGNORECASE,
)
_SIZES = frozenset(
    {"small unit cell", "small cell", "small primitive cell", "compact cell", "large unit cell"}
)
_WEAK = (IncludeElements, Novel, Stable)


def claim_courtesies(reading: Reading) -> None:
    """Put greetings, names and addresses aside, so that Al and Li are not read as elements."""
    for pattern in _COURTESIES:
        for match in pattern.finditer(reading.source.plain):
            reading.source.claim(*match.span())
    points = list(_LIST_POINT.finditer(reading.source.plain))
    if [int(point[1]) for point in points[:2]] == [1, 2]:
        for point in points:
            reading.source.claim(*point.span())


def claim_chatter(reading: Reading) -> None:
    """Put turns of speech aside, so that "lead to" and "no idea" are not read as wishes."""
    for mention in reading.mentions("chatter"):
        if mention.value not in ("cation", "anion", "at least", "at most"):
            reading.source.claim(mention.start, mention.end)


def read_unsupported(reading: Reading) -> None:
    """Say back what cannot be scored, neighbouring words as one phrase."""
    read_applications(reading)
    spans: list[tuple[int, int]] = []
    for mention in reading.mentions("quality", "other_property", "optical"):
        if mention.kind == "optical" and not _is_optical_wish(reading, mention.end):
            continue
        start = mention.start
        following = next(reading.after(mention.end, "optical"), None)
        if (
            mention.value.lower() in LIGHT
            and following is not None
            and (
                reading.source.plain[mention.end : following.start] in (" ", "-")
                and not reading.source.is_open(following.start, following.end)
            )
        ):
            reading.source.claim(mention.start, mention.end)  # a UV emitter around 250 nm
            continue
        if _CENTRED.fullmatch(mention.value) and reading.of_kind(SpaceGroupClause):
            reading.source.claim(mention.start, mention.end)  # body-centred tetragonal I4_1md
            continue
        if mention.end <= reading.heading and mention.value.lower() in LIGHT:
            reading.source.claim(mention.start, mention.end)
            continue
        if _is_explained(reading, mention) or _is_defined(reading, mention.end):
            reading.source.claim(mention.start, mention.end)  # dense (> 9 g/cm3)
            continue
        if _says_purpose(reading, mention) or sets_scene(reading, mention.start, mention.end):
            reading.source.claim(mention.start, mention.end)
            reading.note(
                f"'{reading.source.words(mention.start, mention.end)}' says what it is for"
            )
            continue
        if mention.value in _SIZES and reading.of_kind(AtomCount):
            reading.source.claim(mention.start, mention.end)  # small unit cell (≤ 6 atoms)
            continue
        if reading.skip_optional(start, mention.end):
            continue
        if _is_subject(reading, mention):
            reading.source.claim(mention.start, mention.end)  # the hard phase should be a carbide
            continue
        negation = reading.is_negated(start)
        start = (
            _adjective(reading, start_of_property(reading, mention))
            if negation is None
            else negation.start
        )
        degree = _DEGREE.match(reading.source.plain, mention.end)
        end = mention.end if degree is None else degree.end(1)
        if spans and not reading.source.plain[spans[-1][1] : start].strip(" -"):
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
    for start, end in spans:
        reading.cannot_score(start, end)


def _is_explained(reading: Reading, mention: Mention) -> bool:
    """Whether a figure of the same text says what dense, light or soft means."""
    names = _EXPLAINED_BY.get(mention.value.lower(), ())
    if mention.value.lower() == "framework":
        return bool(reading.of_kind(FamilyClause))  # a filled skutterudite, Co and Sb framework
    if mention.value.lower() in _HIGH_K:
        return _PERMITTIVITY.search(reading.source.plain) is not None
    return any(c.name in names for c in reading.of_kind(PropertyRange))


def _says_purpose(reading: Reading, mention: Mention) -> bool:
    """Whether a word only says what for: magnets: cubic iron oxides."""
    name = mention.value.lower()
    purposes = word_set("purpose", "nouns")
    is_for = _FOR.search(reading.text_before(mention.start, 24)) is not None
    if name in word_set("purpose", "headed"):
        return is_for or mention.end <= reading.heading
    if name in LIGHT or name not in purposes:
        return name in LIGHT and is_for
    after = reading.source.plain[mention.end : mention.end + 12]
    is_heading = not reading.source.plain[: mention.start].strip() and after[:1] == ":"
    is_heading = is_heading or mention.end <= reading.heading
    return is_for or is_heading or re.match(r"\s(?:materials?|phases?)\b", after) is not None


def sets_scene(reading: Reading, start: int, end: int) -> bool:
    """Whether a stretch only says what the writer works on: we grow *thin films* and need ..."""
    plain = reading.source.plain
    scene = _SCENE.search(plain[max(0, start - 90) : start])
    needs = _NEEDS.match(plain, end)
    return (
        scene is not None
        and needs is not None
        and any(wish.start >= needs.end() for wish in reading.wishes)
    )


def _is_subject(reading: Reading, mention: Mention) -> bool:
    """Whether a quality only names the thing of which something is asked."""
    plain = reading.source.plain
    before = plain[max(0, mention.start - 5) : mention.start].lower()
    return before.endswith("the ") and _SUBJECT.match(plain, mention.end) is not None


def _is_defined(reading: Reading, end: int) -> bool:
    """Whether the text itself says what a quality means: safe, i.e. no toxic elements."""
    means = _MEANS.match(reading.source.plain, end)
    if means is None:
        return False
    return any(
        isinstance(wish.clause, _DEFINING) and 0 <= wish.start - means.end() < _SOON
        for wish in reading.wishes
    )


def read_likenesses(reading: Reading) -> None:
    """Say back what nothing is known about: something like table salt, as light as possible."""
    for pattern in _LIKENESSES:
        for match in pattern.finditer(reading.source.plain):
            if reading.source.is_open(*match.span("what")):
                reading.cannot_score(*match.span())


def _is_optical_wish(reading: Reading, end: int) -> bool:
    following = next(reading.after(end, "quality"), None)
    return following is not None and following.start - end < 20


def start_of_property(reading: Reading, mention: Mention) -> int:
    """Where a property's name begins with what it is of: *high H* capacity, *d-*electrons."""
    plain = reading.source.plain
    if mention.kind == "other_property":
        of = _ELEMENT_OF.search(plain[max(0, mention.start - 16) : mention.start])
        if of is not None and of[1].rstrip("+-0123456789") in ALL_ELEMENTS:
            return mention.start - len(of.group())
        named = next(reading.before(mention.start, "element"), None)
        if named is not None and plain[named.end : mention.start] in (" ", "-"):
            return named.start
    hyphened = _HYPHENED.search(plain[max(0, mention.start - 16) : mention.start])
    if hyphened is not None and reading.source.is_open(
        mention.start - len(hyphened.group()), mention.start
    ):
        return mention.start - len(hyphened.group())
    return mention.start


def _adjective(reading: Reading, start: int) -> int:
    mention = next(reading.before(start, "vague"), None)
    if mention is not None and reading.source.plain[mention.end : start] in (" ", "-"):
        return mention.start
    return start


def not_understood(reading: Reading) -> tuple[str, ...]:
    """Content words that no reader has claimed, neighbours joined into phrases."""
    phrases: list[list[Token]] = []
    previous: Token | None = None
    for token in reading.source.tokens:
        if not is_content(reading, token):
            continue
        between = reading.source.plain[previous.end : token.start] if previous else "x"
        if previous is not None and len(between) <= 2 and not between.strip(" -"):
            phrases[-1].append(token)
        else:
            phrases.append([token])
        previous = token
    spans = [(phrase[0].start, phrase[-1].end) for phrase in phrases]
    return tuple(dict.fromkeys(reading.source.words(*span) for span in spans))


def is_content(reading: Reading, token: Token) -> bool:
    """Whether a word is unread and says something."""
    if not reading.source.is_open(token.start, token.end):
        return False
    word = token.text.lower()
    if word in word_set("vague", "words"):
        return False
    if word in stop_words() or any(form in stop_words() for form in singulars(word)):
        return False
    if "'" in word and word.split("'")[0] in stop_words():
        return False
    return len(word) > 1 or word.isdigit() or not word.isascii() or token.text in ALL_ELEMENTS


def is_on_topic(reading: Reading, leftover: tuple[str, ...]) -> bool:
    """Whether more than a chance word was recognised.

    An element that does not exist (NaXx) is refused here, when nothing else was read.
    """
    strong = sum(not isinstance(wish.clause, _WEAK) for wish in reading.wishes)
    weak = len(reading.wishes) - strong
    strong += any(m.kind == "ions" for m in reading.all_mentions)  # borates are no chance word
    topics = [m for m in reading.all_mentions if m.kind == "topic"]
    off = [m for m in reading.all_mentions if m.kind == "off"]
    words = sum(len(phrase.split()) for phrase in leftover)
    others = len(reading.unsupported) + reading.purposes
    on_topic = bool(strong) or bool(topics and (weak or others or reading.count))
    on_topic = on_topic or (bool(weak or others) and words <= 2 * (weak + others))
    on_topic = on_topic or (bool(topics) and words == 0)
    on_topic = on_topic or bool(weak and others)  # tungsten bronzes with potassium
    off_weak = any(m.kind == "off_weak" for m in reading.all_mentions)
    if (off and strong < 2 and not topics) or (off_weak and not strong and not topics):
        on_topic = False
    if not on_topic and not reading.refusals:
        _refuse_unknown_elements(reading, leftover)
    return on_topic or (bool(reading.refusals) and not off and not off_weak)


def _refuse_unknown_elements(reading: Reading, leftover: tuple[str, ...]) -> None:
    """Say which element of NaXx does not exist, rather than that nothing was recognised."""
    for word in leftover:
        symbols = re.findall(r"[A-Z][a-z]?", word)
        if "".join(symbols) == word and len(word) > 2 and any(s in ALL_ELEMENTS for s in symbols):
            try:
                parse_formula(word)
            except FormulaError as error:
                start = reading.source.plain.find(word)
                if start >= 0:
                    reading.refuse(start, start + len(word), error)
                return
