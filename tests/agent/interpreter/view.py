"""A request as plain keys, so that expectations can be written down shortly."""

from crystalsmith.agent.interpreter import interpret
from crystalsmith.core.clauses import (
    AnionClass,
    AtomCount,
    Centrosymmetric,
    Chiral,
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

SINGLE = {
    ExactFormula: ("formula", "formula"),
    Ratio: ("ratio", "ratio"),
    AnionClass: ("anion_class", "name"),
    FamilyClause: ("family", "name"),
    SpaceGroupClause: ("space_group", "number"),
    CrystalSystemClause: ("crystal_system", "name"),
    PointGroupClause: ("point_group", "symbol"),
    Centrosymmetric: ("centrosymmetric", "value"),
    Polar: ("polar", "value"),
    Chiral: ("chiral", "value"),
}
FIGURES = (("minimum", "min"), ("maximum", "max"), ("target", "target"), ("tolerance", "tolerance"))


def read(text):
    return view(interpret(text))


def view(request):
    found = {}
    for clause in request.clauses:
        for key, value in rows(clause):
            if isinstance(value, list):
                found[key] = sorted({*found.get(key, []), *value})
            elif isinstance(value, dict):
                found[key] = {**found.get(key, {}), **value}
            else:
                assert found.get(key, value) == value, f"two different values for {key}"
                found[key] = value
    if request.count is not None:
        found["count"] = request.count
    return found


def rows(clause):
    if type(clause) in SINGLE:
        key, field = SINGLE[type(clause)]
        yield key, getattr(clause, field)
    elif isinstance(clause, IncludeElements | ExcludeElements | OnlyElements):
        yield clause.kind, list(clause.elements)
    elif isinstance(clause, IncludeGroups | ExcludeGroups):
        yield clause.kind, list(clause.groups)
    elif isinstance(clause, ElementCount | AtomCount):
        yield clause.kind, figures(clause)
    elif isinstance(clause, PropertyRange):
        yield clause.name, figures(clause)
    elif isinstance(clause, ElectronicClass) and clause.name == "non_metallic":
        yield "metallic", False
    elif isinstance(clause, ElectronicClass):
        yield clause.name, True
    elif isinstance(clause, Stable):
        yield "stable", True
    elif isinstance(clause, Novel):
        yield "novel", not clause.known


def figures(clause):
    values = {short: getattr(clause, name, None) for name, short in FIGURES}
    return {key: round(value, 3) for key, value in values.items() if value is not None}
