"""A name -> the one file that has it: built in, or a third party's entry point.

A built-in plug-in is a module of its kind's package; its file name is its name, and files that start with an
underscore are shared parts. A third party's is an entry point in the group `sparkgap.<kind>`, e.g. in pyproject.toml

    [project.entry-points."sparkgap.benchmarks"]
    my_benchmark = "my_package.my_benchmark"

A built-in name cannot be taken over. Listing imports no plug-in; finding imports the one that is asked for.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from os.path import join
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import sparkgap
from sparkgap.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind = Literal["benchmarks", "filters", "languages", "models", "rewards"]

_KINDS: dict[str, tuple[str, str]] = {  # kind -> (package of the built-in ones, the public name in each file)
    "benchmarks": ("benchmarks", "BENCHMARK"),
    "filters": ("curate.filters", "FILTER"),
    "languages": ("judge.languages", "LANGUAGE"),
    "models": ("models", "PROVIDER"),
    "rewards": ("rewards", "REWARD"),
}


def names(kind: Kind) -> tuple[str, ...]:
    """Return the names of all plug-ins of a kind, sorted, without importing any."""
    return tuple(sorted({*_built_in(kind), *(point.name for point in _third_party(kind))}))


def find(kind: Kind, name: str) -> Any:
    """Return the plug-in `name` of a kind: what its file calls `BENCHMARK`, `LANGUAGE`, and so on.

    Raises:
        PluginError: there is none of that name, or several, or it cannot be imported, or lacks its public name.
    """
    if name in _built_in(kind):
        return _public(kind, name, _imported(kind, name, f"sparkgap.{_KINDS[kind][0]}.{name}"))
    points = [point for point in _third_party(kind) if point.name == name]
    if not points:
        raise _unknown(kind, name)
    if len(points) > 1:
        homes = " and ".join(sorted(_origin(point) for point in points))
        raise PluginError(f"several installed packages bring {_one(kind)} {name!r}: {homes}; uninstall all but one")
    return _loaded(kind, points[0])


def _built_in(kind: Kind) -> frozenset[str]:
    folders = [join(root, *_KINDS[kind][0].split(".")) for root in sparkgap.__path__]
    return frozenset(module.name for module in iter_modules(folders) if not module.name.startswith("_"))


def _third_party(kind: Kind) -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # costs more than all the rest of this file

    return tuple(entry_points(group=f"sparkgap.{kind}"))


def _imported(kind: Kind, name: str, module: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in {"sparkgap", ""}:
            raise
        raise PluginError(
            f"{_one(kind)} {name!r} needs the package {missing!r}, which is not installed; `pip install {missing}`"
        ) from error


def _loaded(kind: Kind, point: EntryPoint) -> Any:
    try:
        loaded = point.load()
    except Exception as error:  # whatever a third party's file does, it is named
        raise PluginError(
            f"{_one(kind)} {point.name!r} of {_origin(point)} cannot be imported ({type(error).__name__}: {error}); "
            "update or uninstall that package"
        ) from error
    return _public(kind, point.name, loaded) if isinstance(loaded, ModuleType) else loaded


def _public(kind: Kind, name: str, module: ModuleType) -> Any:
    public = _KINDS[kind][1]
    try:
        return getattr(module, public)
    except AttributeError as error:
        raise PluginError(f"{_one(kind)} {name!r} is broken: {module.__name__} does not define {public}") from error


def _unknown(kind: Kind, name: str) -> PluginError:
    known = names(kind)
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    return PluginError(f"there is no {_one(kind)} {name!r}{meant} (there are: {', '.join(known) or 'none'})")


def _one(kind: Kind) -> str:
    return kind.removesuffix("s")


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
