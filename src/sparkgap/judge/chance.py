"""Chance and the hour, taken out of what all programs share: the clock, dates, `random`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

EPOCH = 1_600_000_000  # 2020-09-13 12:26:40 UTC: when every program believes it starts
started = [0]  # the monotonic clock, in nanoseconds, when the program's process began


def fix() -> None:
    """Fix the clock, and what is imported already; the rest when it is."""
    _fix_clock()
    for name, fixed in _FIXES.items():
        if name in sys.modules:
            fixed(sys.modules[name])
    sys.meta_path.insert(0, _Fixing)


def _fix_clock() -> None:
    """Have the calendar start at EPOCH in every process; time still passes."""
    monotonic_ns, gmtime, strftime, asctime = time.monotonic_ns, time.gmtime, time.strftime, time.asctime

    def now_ns() -> int:
        return EPOCH * 10**9 + monotonic_ns() - started[0]

    time.time_ns = now_ns
    time.time = lambda: now_ns() / 1e9
    time.gmtime = time.localtime = lambda seconds=None: gmtime(time.time() if seconds is None else seconds)
    time.ctime = lambda seconds=None: asctime(time.gmtime(seconds))
    time.strftime = lambda form, moment=None: strftime(form, time.gmtime() if moment is None else moment)
    time.asctime = lambda moment=None: asctime(time.gmtime() if moment is None else moment)


def _fix_dates(_: Any) -> None:
    """Give `datetime` a today and a now that follow the fixed clock."""
    import datetime as dt

    class StandIn(type):
        """Instances of the original are instances of what stands in for it."""

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, cls.__mro__[1])

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, cls.__mro__[1])

    class datetime(dt.datetime, metaclass=StandIn):
        __slots__ = ()

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(time.time(), dt.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    class date(dt.date, metaclass=StandIn):
        __slots__ = ()

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(time.time())

    for stand_in in (datetime, date):
        stand_in.__module__ = "datetime"
        stand_in.__qualname__ = stand_in.__name__
        setattr(dt, stand_in.__name__, stand_in)


def _fix_random(random: Any) -> None:
    """Seed the generator that a program shares with itself alone."""
    random.seed(0)


_FIXES: dict[str, Callable[[Any], None]] = {"datetime": _fix_dates, "random": _fix_random}


class _Fixing:
    """The finder of modules that chance or the hour would get in by: they are fixed once loaded, whoever wants them."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        """Return where the module is found, as the other finders say, with what is to be done after its loading."""
        fix = _FIXES.get(name)
        if fix is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is _Fixing else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader.exec_module = partial(_load_and_fix, spec.loader.exec_module, fix)  # type: ignore[method-assign]
                return spec
        return None


def _load_and_fix(load: Callable[[Any], None], fix: Callable[[Any], None], module: Any) -> None:
    load(module)
    fix(module)
