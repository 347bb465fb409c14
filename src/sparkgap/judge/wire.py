"""The only values that cross between candidate and examiner, and the bytes they cross as.

Values cross as JSON: scalars and lists as themselves, everything else as a one-key object whose key is a tag. The
reader is the standard library's scanner plus one builder per tag, so hostile bytes can at worst be refused: no
code, no class of the candidate's, no subclass ever comes out. What comes out is exactly one of

    None bool int float complex str bytes bytearray list tuple set frozenset dict range, an iterator over such,
    dict views, Decimal, Fraction, datetime/date/time/timedelta, deque, Counter, OrderedDict, defaultdict,
    array.array, a builtin type, an instance of a class that the reader itself supplied, or a `Handle`.

A subclass of one of these crosses as its base. numpy arrays and scalars cross as lists and Python scalars.
Not covered: shared references (each occurrence crosses as its own copy) and cycles (refused).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

Builder = Callable[[Any], Any]

MAX_ITEMS = 1_000_000  # of an iterator; one that never ends must not

_PLAIN = frozenset({type(None), bool, int, float, str})
_all_plain = partial(_PLAIN.issuperset)
_TYPES: dict[str, type] = {
    t.__name__: t
    for t in (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict, range, object, type, type(None))
}
_quoted = json.encoder.encode_basestring_ascii
# An iterator over the text of what JSON can hold; the second argument is 0.
json_chunks: Any = partial(
    vars(json.encoder)["c_make_encoder"](None, None, _quoted, None, ":", ",", False, False, True)
)


def _encode_json(packed: Any) -> bytes:
    return "".join(json_chunks(packed, 0)).encode()


class Uncrossable(Exception):
    """The value has no plain form."""


class TooLarge(Uncrossable):
    """The value's plain form is larger than may cross."""


class TooDeep(Uncrossable):
    """The value is nested too deeply, or contains itself."""


def _flat(mapping: dict[Any, Any]) -> list[Any]:
    return list(chain.from_iterable(dict.items(mapping)))


class Encoder:
    """Values to bytes.

    `classes` maps a class name to the class whose instances may cross by name and attributes. `keep` takes any other
    object and returns a number for it, under which it crosses as a handle; without it such objects raise.
    """

    def __init__(self, classes: dict[str, type] | None = None, keep: Callable[[Any], int] | None = None) -> None:
        self.classes = classes if classes is not None else {}
        self.keep = keep

    def dumps(self, value: Any) -> bytes:
        """Return the bytes of `value`.

        Raises:
            Uncrossable: it has no plain form.
            TooDeep: it is nested too deeply, or contains itself.
            TooLarge: an iterator that goes on past `MAX_ITEMS`.
        """
        kind = type(value)
        try:
            try:
                # The first case is one of the second, without the functions that it takes.
                if kind in _PLAIN or (kind is list and _all_plain(map(type, value))):
                    return "".join(json_chunks(value, 0)).encode()
                return _encode_json(self.pack(value))
            except ValueError:  # an int of more digits than Python converts to decimal
                return _encode_json(self.pack(value, big=True))
        except RecursionError:
            raise TooDeep("it is nested too deeply, or contains itself") from None

    def pack(self, value: Any, big: bool = False) -> Any:
        """Return `value` as what JSON can hold, with tags for what it cannot."""
        kind = type(value)
        if kind in _PLAIN:
            if big and kind is int and value.bit_length() > 2048:
                return {"i": hex(value)}
            return value
        if kind is list:
            if not big and _all_plain(map(type, value)):
                return value
            return [self.pack(item, big) for item in value]
        if kind is tuple:
            return {"t": self.pack(list(value), big)}
        if kind is dict:
            return {"d": self.pack(_flat(value), big)}
        packer = _PACKERS.get(kind)
        if packer is not None:
            tag, payload = packer(value)
            return {tag: self.pack(payload, big)}
        return self._pack_odd(value, big)

    def _pack_odd(self, value: Any, big: bool) -> Any:
        name = type(value).__name__
        if name in self.classes and type(value).__module__ not in ("builtins", "numpy"):
            form, payload = _instance_form(value)
            if form:
                return {"o": [name, form, self.pack(payload, big)]}
        if isinstance(value, type) and _TYPES.get(value.__name__) is value:
            return {"T": value.__name__}
        if type(value).__module__ == "numpy" and hasattr(value, "tolist"):  # arrays and scalars alike
            plain = value.tolist()
            if type(plain) is not type(value):
                return self.pack(plain, big)
        for base in type(value).__mro__[1:]:
            packer = _PACKERS.get(base)
            if packer is not None:
                tag, payload = packer(value)
                return {tag: self.pack(payload, big)}
            if base in _BASES:
                return self.pack(_BASES[base](value), big)
        if isinstance(value, Iterator):
            return {"g": self.pack(_drain(value), big)}
        if self.keep is None:
            raise Uncrossable(f"an object of type {name!r} is not a plain value")
        return {"h": [self.keep(value), name]}


def _instance_form(value: Any) -> tuple[str, Any]:
    """Return how an instance of a class that both sides know crosses: ("state" | "tuple" | "member" | "", payload)."""
    kind = type(value)
    if hasattr(kind, "__members__") and isinstance(getattr(value, "name", None), str):
        return "member", value.name  # an enumeration's
    if isinstance(value, tuple):
        return "tuple", list(tuple.__iter__(value))
    if any(base in _PACKERS or base in _BASES for base in kind.__mro__):
        return "", None  # a container or a number: its value crosses, not its class
    state = dict(getattr(value, "__dict__", {}))
    for slot in chain.from_iterable(_slots(c) for c in kind.__mro__):
        if hasattr(value, slot):
            state[slot] = getattr(value, slot)
    return "state", state


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    named = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in named if name not in ("__dict__", "__weakref__"))


def _drain(iterator: Iterator[Any]) -> list[Any]:
    items: list[Any] = []
    for item in iterator:
        items.append(item)
        if len(items) > MAX_ITEMS:
            raise TooLarge(f"an iterator that yields more than {MAX_ITEMS:,} items")
    return items


# How an instance of a subclass becomes its base, without asking the subclass.
_BASES: dict[type, Callable[[Any], Any]] = {
    int: lambda v: int.__add__(v, 0),
    float: lambda v: float.__mul__(v, 1.0),
    str: lambda v: str.__add__(v, ""),
    list: lambda v: list(list.__iter__(v)),
    tuple: lambda v: tuple(tuple.__iter__(v)),
    dict: lambda v: dict(dict.items(v)),
}


def _table() -> tuple[dict[type, Callable[[Any], tuple[str, Any]]], dict[str, Builder]]:
    """Return how each standard type is packed, and how each tag is rebuilt.

    The rarer modules are looked up only when a value of theirs turns up: a candidate's process starts lighter.
    """
    packers: dict[type, Callable[[Any], tuple[str, Any]]] = {
        set: lambda v: ("s", list(v)),
        frozenset: lambda v: ("f", list(v)),
        bytes: lambda v: ("b", v.hex()),
        bytearray: lambda v: ("B", v.hex()),
        complex: lambda v: ("c", [v.real, v.imag]),
        range: lambda v: ("r", [v.start, v.stop, v.step]),
        type({}.keys()): lambda v: ("k", list(v)),
        type({}.values()): lambda v: ("v", list(v)),
        type({}.items()): lambda v: ("I", list(v)),
        type(...): lambda v: ("e", None),
        type(NotImplemented): lambda v: ("n", None),
    }
    builders: dict[str, Builder] = {
        "t": tuple,
        "d": _dict,
        "s": set,
        "f": frozenset,
        "b": bytes.fromhex,
        "B": bytearray.fromhex,
        "c": lambda p: complex(*_typed(p, float)),
        "r": lambda p: range(*_typed(p, int)),
        "i": lambda p: int(p, 16),
        "g": iter,
        "k": lambda p: dict.fromkeys(p).keys(),
        "v": lambda p: dict(enumerate(p)).values(),
        "I": lambda p: dict(p).items(),
        "e": lambda p: ...,
        "n": lambda p: NotImplemented,
        "T": _TYPES.__getitem__,
    }
    return packers, builders


def _dict(flat: list[Any]) -> dict[Any, Any]:
    pairs = iter(flat)
    return dict(zip(pairs, pairs, strict=True))


def _typed(payload: list[Any], kind: type) -> list[Any]:
    if not all(type(item) is kind for item in payload):
        raise ValueError("wrong payload")
    return payload


class _Packers(dict[type, Callable[[Any], tuple[str, Any]]]):
    """The packers by exact type; the standard modules' types join when such a value is first seen."""

    def get(self, kind: type, default: Any = None) -> Any:
        packer = dict.get(self, kind)
        if packer is None and kind.__module__ in _RARE:
            _RARE.pop(kind.__module__)(self)
            packer = dict.get(self, kind)
        return packer


def _collections(table: dict[type, Any]) -> None:
    import collections

    table[collections.deque] = lambda v: ("q", [list(v), v.maxlen])
    table[collections.Counter] = lambda v: ("C", _flat(v))
    table[collections.OrderedDict] = lambda v: (
        "od",
        list(chain.from_iterable(collections.OrderedDict.items(v))),
    )
    table[collections.defaultdict] = lambda v: ("dd", _flat(v))


def _decimal(table: dict[type, Any]) -> None:
    import decimal

    table[decimal.Decimal] = lambda v: ("D", decimal.Decimal.__str__(v))


def _fractions(table: dict[type, Any]) -> None:
    import fractions

    table[fractions.Fraction] = lambda v: ("Q", [v.numerator, v.denominator])


def _array(table: dict[type, Any]) -> None:
    import array

    table[array.array] = lambda v: ("a", [v.typecode, v.tolist()])


def _datetime(table: dict[type, Any]) -> None:
    import datetime as dt

    # A candidate's process has stand-ins whose clock is fixed; the originals are their bases.
    originals = {kind.__name__: kind for kind in (*dt.date.__mro__, *dt.datetime.__mro__) if kind is not object}
    table[dt.timedelta] = lambda v: ("td", [v.days, v.seconds, v.microseconds])
    table[originals["date"]] = lambda v: ("da", [v.year, v.month, v.day])
    table[dt.time] = lambda v: ("ti", [v.hour, v.minute, v.second, v.microsecond, v.fold, _offset(v.tzinfo)])
    table[originals["datetime"]] = lambda v: (
        "dt",
        [v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.fold, _offset(v.tzinfo, v)],
    )
    table[dt.timezone] = lambda v: ("tz", v.utcoffset(None))


def _offset(zone: Any, moment: Any = None) -> Any:
    """Return a zone as its offset in seconds at that moment; zones cross as fixed offsets."""
    return None if zone is None else zone.utcoffset(moment).total_seconds()


_RARE: dict[str, Callable[[dict[type, Any]], None]] = {
    "collections": _collections,
    "decimal": _decimal,
    "fractions": _fractions,
    "array": _array,
    "datetime": _datetime,
}


def _build_rare(tag: str, payload: Any) -> Any:
    """Rebuild a value of one of the rarer standard modules."""
    import array
    import collections
    import datetime as dt
    import decimal
    import fractions

    def zone(seconds: Any) -> Any:
        return None if seconds is None else dt.timezone(dt.timedelta(seconds=seconds))

    builders: dict[str, Builder] = {
        "q": lambda p: collections.deque(p[0], p[1]),
        "C": lambda p: collections.Counter(_dict(p)),
        "od": lambda p: collections.OrderedDict(_dict(p)),
        "dd": lambda p: collections.defaultdict(None, _dict(p)),
        "D": decimal.Decimal,
        "Q": lambda p: fractions.Fraction(*_typed(p, int)),
        "a": lambda p: array.array(p[0], p[1]),
        "td": lambda p: dt.timedelta(*_typed(p, int)),
        "da": lambda p: dt.date(*_typed(p, int)),
        "ti": lambda p: dt.time(*_typed(p[:4], int)).replace(tzinfo=zone(p[5]), fold=p[4]),
        "dt": lambda p: dt.datetime(*_typed(p[:7], int)).replace(tzinfo=zone(p[8]), fold=p[7]),
        "tz": dt.timezone,
    }
    return builders[tag](payload)


_RARE_TAGS = frozenset({"q", "C", "od", "dd", "D", "Q", "a", "td", "da", "ti", "dt", "tz"})
_STRINGS = frozenset({"b", "B", "i", "T", "D"})
_FREE = frozenset({"e", "n", "tz", "o", "h"})  # each checks its own payload

_plain_packers, _REBUILD = _table()
_PACKERS = _Packers(_plain_packers)
for _tag in _RARE_TAGS:
    _REBUILD[_tag] = lambda p, tag=_tag: _build_rare(tag, p)  # type: ignore[misc]


class Malformed(ValueError):
    """The bytes are not what an `Encoder` writes."""


_UNREADABLE = (
    StopIteration, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip


class Decoder:
    """Bytes to values; `classes` and `handle` mirror the encoder's `classes` and `keep`."""

    def __init__(self, classes: dict[str, type] | None = None, handle: Callable[[int, str], Any] | None = None) -> None:
        self.classes = classes if classes is not None else {}
        self.handle = handle
        self._scan = json.JSONDecoder(object_hook=self._build).scan_once  # type: ignore[attr-defined]

    def loads(self, data: bytes) -> Any:
        """Return the value.

        Raises:
            Malformed: whatever is wrong with the bytes.
        """
        try:
            text = str(data, "ascii")  # by the scanner alone: `decode` would look for white space around it as well
            value, end = self._scan(text, 0)
            if end != len(text):
                raise ValueError("more than one value")
            return value
        except _UNREADABLE as error:
            raise Malformed(f"{type(error).__name__}: {error}"[:200]) from None

    def _build(self, tagged: dict[str, Any]) -> Any:
        ((tag, payload),) = tagged.items()
        if tag in _STRINGS:
            if type(payload) is not str:
                raise ValueError("wrong payload")
        elif tag not in _FREE and type(payload) is not list:
            raise ValueError("wrong payload")
        if tag == "h":
            number, name = payload
            if self.handle is None or type(number) is not int or type(name) is not str:
                raise ValueError("wrong handle")
            return self.handle(number, name)
        if tag == "o":
            return self._instance(payload)
        return _REBUILD[tag](payload)

    def _instance(self, payload: Any) -> Any:
        name, form, content = payload
        kind = self.classes[name]
        if form == "member":
            return kind.__members__[content]  # type: ignore[attr-defined]
        if form == "tuple" and issubclass(kind, tuple):
            return tuple.__new__(kind, content)
        if form != "state" or issubclass(kind, tuple):
            raise ValueError("wrong payload")
        made = kind.__new__(kind)
        for attribute, value in dict(content).items():
            if _shadows(kind, attribute):
                raise ValueError(f"the attribute {attribute!r} would stand in for one of the class's own")
            object.__setattr__(made, attribute, value)
        return made


def _shadows(kind: type, attribute: str) -> bool:
    """Whether an instance's attribute would hide behaviour of its class (a slot or a default value is no behaviour)."""
    for base in kind.__mro__:
        if attribute in base.__dict__:
            own = base.__dict__[attribute]
            return hasattr(type(own), "__get__") and type(own).__name__ != "member_descriptor"
    return attribute.startswith("__")


dumps = Encoder().dumps
loads = Decoder().loads
