"""Clauses with the words that ask for them, English and Chinese, for the compliance benchmark."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.core.chemistry.elements import ELEMENT_GROUPS
from crystalsmith.core.chemistry.families import families_of, family_aliases
from crystalsmith.core.chemistry.formulas import ANION_CLASSES, has_anion_class, stoichiometry
from crystalsmith.core.clauses import (
    AnionClass,
    AtomCount,
    Centrosymmetric,
    Chiral,
    Clause,
    CrystalSystemClause,
    ElectronicClass,
    ElementCount,
    ExactFormula,
    ExcludeElements,
    ExcludeGroups,
    FamilyClause,
    IncludeElements,
    IncludeGroups,
    Novel,
    OnlyElements,
    PointGroupClause,
    Polar,
    PropertyRange,
    Ratio,
    SpaceGroupClause,
    Stable,
)
from crystalsmith.core.crystallography.groups import crystal_system, space_group
from crystalsmith.core.crystallography.point_groups import point_group

if TYPE_CHECKING:
    import random

    from crystalsmith.core.entry import Entry
    from crystalsmith.core.properties import PropertyName

FRAMES = {
    "en": (
        "Find a crystal {}.",
        "Design a material {}.",
        "I need a compound {}.",
        "Please propose a crystal structure {}.",
        "We are looking for a material {}.",
    ),
    "zh": ("请设计一种材料，{}。", "我想要一种化合物，{}。", "请找一种晶体，{}。"),
}

_UNWELCOME = ("Pb", "Cd", "Hg", "Tl", "As", "Be", "Co", "U", "Th")
ZH_ANIONS = {
    "oxide": "氧化物", "sulfide": "硫化物", "selenide": "硒化物", "telluride": "碲化物",
    "fluoride": "氟化物", "chloride": "氯化物", "bromide": "溴化物", "iodide": "碘化物",
    "halide": "卤化物", "chalcogenide": "硫族化合物", "nitride": "氮化物", "phosphide": "磷化物",
    "arsenide": "砷化物", "antimonide": "锑化物", "pnictide": "磷族化合物", "carbide": "碳化物",
    "boride": "硼化物", "silicide": "硅化物", "hydride": "氢化物", "intermetallic": "金属间化合物",
}  # fmt: skip
_ZH_GROUPS = {
    "alkali metal": "碱金属", "alkaline earth metal": "碱土金属", "rare earth": "稀土元素",
    "transition metal": "过渡金属", "halogen": "卤素", "actinide": "锕系元素",
    "noble metal": "贵金属", "toxic": "有毒元素", "radioactive": "放射性元素",
}  # fmt: skip
_EN_UNWELCOME_GROUPS = {
    "rare earth": "rare earths",
    "actinide": "actinides",
    "noble metal": "noble metals",
    "toxic": "toxic elements",
    "radioactive": "radioactive elements",
    "transition metal": "transition metals",
}
_ZH_SYSTEMS = {
    "triclinic": "三斜", "monoclinic": "单斜", "orthorhombic": "正交", "tetragonal": "四方",
    "trigonal": "三方", "hexagonal": "六方", "cubic": "立方",
}  # fmt: skip
_COUNTS = {2: ("binary", "二元"), 3: ("ternary", "三元"), 4: ("quaternary", "四元")}

# Textbook ranges of an anion class: gaps in eV, the highest formation energy that is common in
# eV/atom, and the bulk modulus in GPa that many of its crystals exceed.
RANGES: dict[str, tuple[float, float, float, float]] = {
    "oxide": (1.5, 4.5, -1.5, 100),
    "fluoride": (4.0, 7.0, -2.0, 50),
    "chloride": (3.0, 6.0, -1.0, 20),
    "bromide": (2.5, 5.0, -0.8, 15),
    "iodide": (1.5, 4.0, -0.5, 10),
    "sulfide": (0.6, 2.8, -0.6, 50),
    "selenide": (0.4, 2.2, -0.4, 45),
    "telluride": (0.3, 1.8, -0.3, 35),
    "nitride": (0.6, 3.5, -0.4, 150),
    "phosphide": (0.4, 2.0, -0.4, 70),
    "arsenide": (0.3, 1.6, -0.3, 55),
}
_METALS = {"intermetallic": 100, "carbide": 150, "boride": 150, "silicide": 100}


class Phrased(NamedTuple):
    """A clause with its words."""

    clause: Clause
    english: str
    chinese: str


def composition_phrases(witness: Entry, draw: random.Random) -> dict[str, Phrased]:
    """What can be asked about the witness's composition and size."""
    composition = witness.composition
    symbols = sorted(element.symbol for element in composition.elements)
    found = _element_phrases(symbols, draw) | _group_phrases(set(symbols), draw)
    formula = witness.formula
    found["formula"] = Phrased(
        ExactFormula(formula=formula), f"with the formula {formula}", f"化学式为{formula}"
    )
    amounts = ":".join(map(str, stoichiometry(composition)))
    found["ratio"] = Phrased(
        Ratio(ratio=amounts), f"with a {amounts} stoichiometry", f"化学计量比为{amounts}"
    )
    number = len(symbols)
    english, chinese = _COUNTS[number]
    found["n_elements"] = draw.choice(
        (
            Phrased(
                ElementCount(minimum=number, maximum=number), f"that is {english}", f"是{chinese}的"
            ),
            Phrased(
                ElementCount(maximum=number),
                f"made of at most {number} elements",
                f"最多{number}种元素",
            ),
        )
    )
    classes = [name for name in ANION_CLASSES if has_anion_class(composition, name)]
    classes = [name for name in classes if name in ZH_ANIONS]
    if classes:
        name = draw.choice(classes)
        article = "an" if name[0] in "aeiou" else "a"
        found["anion_class"] = Phrased(
            AnionClass(name=name), f"that is {article} {name}", f"属于{ZH_ANIONS[name]}"
        )
    most = witness.crystal.template.n_atoms + draw.choice((0, 2, 4))
    found["n_atoms"] = Phrased(
        AtomCount(maximum=most),
        f"with at most {most} atoms in the primitive cell",
        f"原胞原子数不超过{most}",
    )
    return found


def _element_phrases(symbols: list[str], draw: random.Random) -> dict[str, Phrased]:
    from pymatgen.core import Element

    wanted = sorted(draw.sample(symbols, draw.choice((1, min(2, len(symbols))))))
    names = [Element(symbol).long_name.lower() for symbol in wanted]
    include = draw.choice(
        (f"containing {' and '.join(names)}", f"that contains {' and '.join(wanted)}")
    )
    others = [symbol for symbol in _UNWELCOME if symbol not in symbols]
    unwanted = sorted(draw.sample(others, draw.choice((1, 2))))
    names = [Element(symbol).long_name.lower() for symbol in unwanted]
    exclude = draw.choice((f"without {' and '.join(names)}", f"free of {' and '.join(unwanted)}"))
    return {
        "include": Phrased(
            IncludeElements(elements=tuple(wanted)), include, f"含有{'和'.join(wanted)}"
        ),
        "exclude": Phrased(
            ExcludeElements(elements=tuple(unwanted)), exclude, f"不含{'和'.join(unwanted)}"
        ),
        "only": Phrased(
            OnlyElements(elements=tuple(symbols)),
            f"made of only {', '.join(symbols[:-1])} and {symbols[-1]}",
            f"只含{'、'.join(symbols)}",
        ),
    }


def _group_phrases(symbols: set[str], draw: random.Random) -> dict[str, Phrased]:
    found = {}
    present = [n for n in _ZH_GROUPS if n not in ("toxic", "radioactive")]
    present = [name for name in present if ELEMENT_GROUPS[name] & symbols]
    if present:
        name = draw.choice(present)
        article = "an" if name[0] in "aeiou" else "a"
        noun = f"{name} element" if name == "rare earth" else name
        found["include_groups"] = Phrased(
            IncludeGroups(groups=(name,)),
            f"containing {article} {noun}",
            f"含有{_ZH_GROUPS[name]}",
        )
    absent = [name for name in _EN_UNWELCOME_GROUPS if not ELEMENT_GROUPS[name] & symbols]
    if absent:
        name = draw.choice(absent)
        found["exclude_groups"] = Phrased(
            ExcludeGroups(groups=(name,)),
            f"without {_EN_UNWELCOME_GROUPS[name]}",
            f"不含{_ZH_GROUPS[name]}",
        )
    return found


def symmetry_phrases(witness: Entry, draw: random.Random) -> dict[str, Phrased]:
    """What can be asked about the witness's symmetry and structure type."""
    number = witness.crystal.template.number
    symbol, system, point = space_group(number).symbol, crystal_system(number), point_group(number)
    written = draw.choice((symbol, str(number)))
    found = {
        "space_group": Phrased(
            SpaceGroupClause(number=number), f"in space group {written}", f"空间群为{written}"
        ),
        "crystal_system": Phrased(
            CrystalSystemClause(name=system),  # type: ignore[arg-type]
            f"that is {system}",
            f"属于{_ZH_SYSTEMS[system]}晶系",
        ),
        "point_group": Phrased(
            PointGroupClause(symbol=point), f"with point group {point}", f"点群为{point}"
        ),
    }
    is_central = Centrosymmetric(value=True).allows_space_group(number)
    word, chinese = ("centrosymmetric", "中心对称") if is_central else (
        "non-centrosymmetric", "非中心对称"
    )  # fmt: skip
    found["centrosymmetric"] = Phrased(
        Centrosymmetric(value=is_central), f"that is {word}", f"是{chinese}的"
    )
    if Polar(value=True).allows_space_group(number):
        found["polar"] = Phrased(Polar(value=True), "that is polar", "是极性的")
    if Chiral(value=True).allows_space_group(number):
        found["chiral"] = Phrased(Chiral(value=True), "that is chiral", "是手性的")
    names = families_of(witness.crystal.template)
    if names:
        name = draw.choice(names)
        own = [alias for alias, known in family_aliases().items() if known == name]
        chinese = next((alias for alias in own if "\u4e00" <= alias[0] <= "\u9fff"), name)
        found["family"] = Phrased(
            FamilyClause(name=name), f"with the {name} structure", f"具有{chinese}结构"
        )
    return found


def property_phrases(witness: Entry, draw: random.Random) -> dict[str, Phrased]:
    """What can be asked about properties of crystals like the witness, and novelty."""
    found = _size_phrases(witness, draw)
    found["novel"] = Phrased(Novel(), "that has not been reported", "未被报道过")
    found["stable"] = Phrased(Stable(), "that is thermodynamically stable", "热力学稳定")
    limit = draw.choice((0.05, 0.1))
    found["e_above_hull"] = Phrased(
        PropertyRange(name="e_above_hull", maximum=limit),
        f"at most {limit} eV/atom above the hull",
        f"凸包以上能量不超过{limit} eV/atom",
    )
    composition = witness.composition
    name = next((name for name in RANGES if has_anion_class(composition, name)), None)
    if name is not None:
        low, high, energy, modulus = RANGES[name]
        found |= _gap_phrases(low, high, draw)
        found["formation_energy"] = _at_most("formation_energy", energy * draw.choice((0.6, 1.0)))
        found["bulk_modulus"] = _at_least("bulk_modulus", modulus * draw.choice((0.6, 1.0)))
        found["shear_modulus"] = _at_least("shear_modulus", modulus * draw.choice((0.3, 0.5)))
    metal = next((name for name in _METALS if has_anion_class(composition, name)), None)
    if metal is not None:
        found["electronic_class"] = Phrased(
            ElectronicClass(name="metallic"), "that is metallic", "呈金属性"
        )
        found["bulk_modulus"] = _at_least("bulk_modulus", _METALS[metal] * draw.choice((0.6, 1.0)))
        found["shear_modulus"] = _at_least("shear_modulus", _METALS[metal] * 0.4)
    return found


def _size_phrases(witness: Entry, draw: random.Random) -> dict[str, Phrased]:
    structure = witness.crystal.structure()
    density, volume = float(structure.density), float(structure.volume / len(structure))
    found = {}
    if draw.random() < 0.5:
        most = ceil(1.3 * density)
        found["density"] = _bound("density", f"{most} g/cm3", maximum=most)
    else:
        least = floor(7 * density) / 10
        found["density"] = _bound("density", f"{least} g/cm3", minimum=least)
    room = ceil(1.3 * volume)
    found["volume_per_atom"] = _bound("volume_per_atom", f"{room} Å3", maximum=room)
    return found


def _gap_phrases(low: float, high: float, draw: random.Random) -> dict[str, Phrased]:
    start = round(draw.uniform(low, high - 0.3 * (high - low)), 1)
    width = round(draw.choice((0.5, 0.8, 1.2)), 1)
    end = round(start + width, 1)
    words = (
        ("that is a semiconductor", "是半导体")
        if high < 3
        else ("that is an insulator", "是绝缘体")
    )
    window = (
        PropertyRange(name="band_gap", minimum=start, maximum=end),
        f"with a band gap between {start} and {end} eV",
        f"带隙在{start}到{end} eV之间",
    )
    above = (
        PropertyRange(name="band_gap", minimum=start),
        f"with a band gap above {start} eV",
        f"带隙大于{start} eV",
    )
    near = (
        PropertyRange(name="band_gap", target=start),
        f"with a band gap of about {start} eV",
        f"带隙约{start} eV",
    )
    return {
        "band_gap": Phrased(*draw.choice((window, above, near))),
        "electronic_class": Phrased(
            ElectronicClass(name="semiconductor" if high < 3 else "insulator"), *words
        ),
    }


_WORDS = {
    "formation_energy": ("formation energy", "形成能", "eV/atom"),
    "bulk_modulus": ("bulk modulus", "体积模量", "GPa"),
    "shear_modulus": ("shear modulus", "剪切模量", "GPa"),
    "density": ("density", "密度", "g/cm3"),
    "volume_per_atom": ("volume per atom", "原子体积", "Å3"),
}


def _at_least(name: PropertyName, value: float) -> Phrased:
    value = round(value)
    return _bound(name, f"{value} {_WORDS[name][2]}", minimum=value)


def _at_most(name: PropertyName, value: float) -> Phrased:
    value = round(value, 1)
    return _bound(name, f"{value} {_WORDS[name][2]}", maximum=value)


def _bound(
    name: PropertyName, figure: str, minimum: float | None = None, maximum: float | None = None
) -> Phrased:
    english, chinese, _ = _WORDS[name]
    article = "" if name == "volume_per_atom" else "a "
    word, sign = ("above", "大于") if maximum is None else ("below", "小于")
    return Phrased(
        PropertyRange(name=name, minimum=minimum, maximum=maximum),
        f"with {article}{english} {word} {figure}",
        f"{chinese}{sign}{figure}",
    )
