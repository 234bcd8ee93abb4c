"""``crystalsmith index``: the store of known crystals."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crystalsmith.core.errors import DataError

if TYPE_CHECKING:
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.tools.materials_project import MaterialsProject

index_app = typer.Typer(
    no_args_is_help=True,
    help="Known crystals: what the search takes analogues, novelty and stability from.",
)

StoreOption = Annotated[
    Path | None, typer.Option("--store", help="Folder of the store; the configured one otherwise.")
]


@index_app.command()
def build(
    csv: Annotated[
        list[Path] | None,
        typer.Option("--csv", help="A file in MP-20 format, plain or .gz; may be repeated."),
    ] = None,
    cif: Annotated[
        list[Path] | None,
        typer.Option("--cif", help="A folder with .cif files; may be repeated."),
    ] = None,
    mp: Annotated[
        bool,
        typer.Option(
            "--mp", help="The Materials Project (key in MP_API_KEY): all of it, or --chemsys."
        ),
    ] = False,
    chemsys: Annotated[
        list[str] | None,
        typer.Option(
            help="Of the Materials Project only this chemical system and those within it, such"
            " as Li-Fe-O; may be repeated."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores otherwise.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Make the store, or add to it; what was added before is not read again.

    An interrupted run goes on where it stopped when it is repeated. Without any source the store
    holds the prototypes that come with pymatgen.
    """
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.tools import sources
    from crystalsmith.tools.materials_project import chemical_system
    from crystalsmith.tools.store import open_store

    systems = [chemical_system(text) for text in chemsys or ()]
    with ConsoleProgress() as progress:
        project = _materials_project() if mp or systems else None
        known = open_store(store, progress=progress)
        options: dict[str, Any] = {"workers": workers, "progress": progress}
        for path in csv or ():
            typer.echo(str(sources.add_csv(known, path, **options)))
        for path in cif or ():
            typer.echo(str(sources.add_cifs(known, path, **options)))
        if project is not None and systems:
            today = dt.datetime.now(dt.UTC).date().isoformat()
            typer.echo(str(sources.add_systems(known, project, systems, today=today, **options)))
        elif project is not None:
            typer.echo(str(sources.add_materials_project(known, project, **options)))
        progress("encoding descriptions", 0, 1)
        known.index_texts()
        progress("encoding descriptions", 1, 1)
    typer.echo(str(known.info()))


def _materials_project() -> MaterialsProject:
    from crystalsmith.core.settings import settings
    from crystalsmith.tools.materials_project import MaterialsProject

    config = settings()
    return MaterialsProject(config.mp_api_key, config.mp_endpoint)


@index_app.command()
def info(store: StoreOption = None) -> None:
    """Say what the store holds, by source and date."""
    from crystalsmith.tools.materials_project import LOOKED_UP, WHOLE
    from crystalsmith.tools.store import open_store

    known = open_store(store, create=False)
    found = known.info()
    typer.echo(str(found))
    for source, count in found.counts.items():
        typer.echo(f"  {source}: {count} entries, last added {found.dates.get(source, 'unknown')}")
    whole, systems = known.noted(WHOLE), known.noted(LOOKED_UP)
    if whole:
        typer.echo(
            f"  Materials Project {whole['version']}: {whole['pages']} of {whole['of']} pages read"
        )
    if systems:
        days = sorted(systems.values())
        typer.echo(f"  {len(systems)} chemical systems looked up, {days[0]} to {days[-1]}")


@index_app.command()
def search(
    query: Annotated[
        str | None, typer.Argument(help="Words, such as 'cubic oxide with a wide gap'.")
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="A formula that compositions should be near.")
    ] = None,
    structure: Annotated[
        Path | None, typer.Option(help="A CIF or POSCAR whose structure should be alike.")
    ] = None,
    element: Annotated[
        list[str] | None, typer.Option(help="An element that is there; may be repeated.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="An element that is not; may be repeated.")
    ] = None,
    space_group: Annotated[int | None, typer.Option(min=1, max=230, help="Its number.")] = None,
    system: Annotated[str | None, typer.Option(help="Crystal system, such as cubic.")] = None,
    pattern: Annotated[str | None, typer.Option(help="Anonymous formula, such as ABC3.")] = None,
    gap: Annotated[str | None, typer.Option(help="Band gap in eV, as 1..2, 1.. or ..2.")] = None,
    above_hull: Annotated[
        str | None, typer.Option(help="Energy above the hull in eV/atom, as ..0.05.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many.")] = 10,
    store: StoreOption = None,
) -> None:
    """Find known crystals by words, composition and structure, all that are given together.

    Example: crystalsmith index search "wide gap" --like MgAl2O4 --element O --gap 3..
    """
    from rich.console import Console
    from rich.table import Table

    from crystalsmith.core.chemistry.formulas import parse_formula
    from crystalsmith.tools.known_crystals import Filters
    from crystalsmith.tools.store import open_store

    if query is None and like is None and structure is None:
        raise DataError("say what to find: words, --like FORMULA or --structure FILE")
    where = Filters(
        elements=tuple(element or ()),
        without=tuple(without or ()),
        space_group=space_group,
        crystal_system=system,
        anonymous_formula=pattern,
        band_gap=_range(gap),
        e_above_hull=_range(above_hull),
    )
    hits = open_store(store).find(
        count,
        where,
        text=query,
        composition=None if like is None else parse_formula(like),
        template=None if structure is None else _template(structure),
    )
    table = Table("id", "formula", "space group", "gap, eV", "formation energy, eV/atom", "source")
    for hit in hits:
        entry = hit.entry
        group = entry.crystal.template.group
        table.add_row(
            entry.id,
            entry.formula,
            f"{group.symbol} ({group.number})",
            "–" if entry.band_gap is None else f"{entry.band_gap:.2f}",
            "–" if entry.formation_energy is None else f"{entry.formation_energy:.2f}",
            entry.source,
        )
    Console().print(table)


def _range(text: str | None) -> tuple[float | None, float | None] | None:
    """``1..2``, ``1..`` or ``..2`` as lowest and highest value."""
    if text is None:
        return None
    low, dots, high = text.partition("..")
    try:
        bounds = (float(low) if low else None, float(high) if high else None)
    except ValueError:
        dots = ""
    if not dots:
        raise DataError(f"{text!r} is no range; write 1..2, 1.. or ..2")
    return bounds


def _template(path: Path) -> SymmetryTemplate:
    from pymatgen.core import Structure

    from crystalsmith.core.crystallography.crystal import describe

    try:
        found = Structure.from_file(path)
    except Exception as error:  # pymatgen's parsers raise many types on damaged text
        raise DataError(f"{path} cannot be read as a crystal ({type(error).__name__})") from None
    return describe(found.remove_oxidation_states()).template
