"""What crosses, crosses exactly; what does not, is refused: never code, never a class of somebody else's."""

from __future__ import annotations

import array
import datetime as dt
import itertools
import json
import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sparkgap.judge import wire

_EMPTY: dict[Any, Any] = {}
DICT_KEYS, DICT_VALUES, DICT_ITEMS = type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items())
LIST_ITERATOR = type(iter(list(_EMPTY)))
SEQUENCES = (list, tuple, deque, array.array, DICT_VALUES, LIST_ITERATOR)
SETS = (set, frozenset, DICT_KEYS)
MAPPINGS = (dict, Counter, OrderedDict, defaultdict)
SCALARS = (
    type(None), bool, int, float, complex, str, bytes, bytearray, range, Decimal, Fraction, dt.datetime, dt.date,
    dt.time, dt.timedelta, dt.timezone, type(...), type(NotImplemented), type,
)  # fmt: skip


def shape(value: Any) -> Any:
    """Return a hashable description that tells apart whatever differs in type, value or order."""
    kind = type(value)
    if kind in SEQUENCES:
        return kind, tuple(map(shape, value)), getattr(value, "maxlen", None), getattr(value, "typecode", None)
    if kind in SETS:
        return kind, frozenset(map(shape, value))
    if kind is DICT_ITEMS:
        return kind, tuple((shape(k), shape(v)) for k, v in value)
    if kind in MAPPINGS:
        return kind, tuple((shape(k), shape(v)) for k, v in value.items())
    assert kind in SCALARS, kind
    if kind is int:
        return kind, value
    if kind is dt.timezone:
        return kind, value.utcoffset(None)
    if kind in (dt.datetime, dt.time):
        return kind, repr(value.replace(tzinfo=None)), value.utcoffset()
    return kind, repr(value)


unhurried = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

zones = st.none() | st.builds(
    dt.timezone, st.timedeltas(min_value=dt.timedelta(hours=-23), max_value=dt.timedelta(hours=23))
)
finite = st.floats(allow_nan=True, allow_infinity=True)
_atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    finite,
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
    st.builds(range, st.integers(), st.integers(), st.integers().filter(bool)),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=zones),
    st.timedeltas(),
)


@st.composite
def atom(draw: st.DrawFn) -> Any:
    """Return a scalar (as a composite, for its short name in reports)."""
    return draw(_atoms)


hashable: st.SearchStrategy[Any] = st.recursive(
    atom(), lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3)
)
arrays = st.sampled_from("bBhHiIlLqQ").flatmap(
    lambda code: st.builds(array.array, st.just(code), st.lists(st.integers(0, 100), max_size=4))
) | st.builds(array.array, st.just("d"), st.lists(finite, max_size=4))
values: st.SearchStrategy[Any] = st.recursive(
    hashable | arrays | st.builds(bytearray, st.binary()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.sets(hashable, max_size=4),
        st.dictionaries(hashable, inner, max_size=4),
        st.builds(deque, st.lists(inner, max_size=3), st.none() | st.integers(3, 9)),
        st.dictionaries(hashable, st.integers(), max_size=3).map(Counter),
        st.dictionaries(hashable, inner, max_size=3).map(OrderedDict),
        st.dictionaries(hashable, inner, max_size=3).map(lambda d: defaultdict(None, d)),
        st.dictionaries(hashable, inner, max_size=3).map(lambda d: d.items()),
        st.dictionaries(hashable, st.none(), max_size=3).map(lambda d: d.keys()),
        st.dictionaries(st.integers(), inner, max_size=3).map(lambda d: d.values()),
    ),
    max_leaves=12,
)


@unhurried
@given(values)
@example([True, 1, 1.0, -0.0, 10**5000, -(10**4300), math.inf, "", b"", None, ..., NotImplemented])
@example({1: [{"t": (1,)}, {"h": [0, "x"]}], "d": {}, (): set()})
@example([int, type(None), list, object, type])
def test_plain_values_cross_exactly(value: Any) -> None:
    assert shape(wire.loads(wire.dumps(value))) == shape(value)


@unhurried
@given(st.lists(values, max_size=4))
def test_iterators_cross_as_what_they_yield(items: list[Any]) -> None:
    crossed = wire.loads(wire.dumps(iter(items)))
    assert isinstance(crossed, Iterator)
    assert shape(list(crossed)) == shape(items)
    generated = wire.loads(wire.dumps(item for item in items))
    assert shape(list(generated)) == shape(items)


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\udc00\ud800", "\x00", "\u2028", "\U0001f600"])
def test_odd_text_crosses(text: str) -> None:
    assert wire.loads(wire.dumps([text, {text: text}])) == [text, {text: text}]


def _closed(value: Any) -> bool:
    """Whether a value consists of the listed types alone."""
    kind = type(value)
    if kind in (*SEQUENCES, *SETS):
        return all(map(_closed, value))
    if kind in MAPPINGS:
        return all(_closed(k) and _closed(v) for k, v in value.items())
    if kind is DICT_ITEMS:
        return all(_closed(k) and _closed(v) for k, v in value)
    if isinstance(value, Iterator):
        return all(map(_closed, list(value)))
    return kind in SCALARS


def _read(data: bytes) -> None:
    try:
        value = wire.loads(data)
    except wire.Malformed:
        return
    assert _closed(value)


@unhurried
@given(st.binary())
def test_any_bytes_are_a_value_or_malformed(data: bytes) -> None:
    _read(data)


@unhurried
@given(values, st.data())
def test_damaged_bytes_are_a_value_or_malformed(value: Any, data: st.DataObject) -> None:
    encoded = bytearray(wire.dumps(value))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(encoded)))
        encoded[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    _read(bytes(encoded))


TAGS = "t d s f b B c r i g k v I e n T q C od dd D Q a td da ti dt tz h o zz".split()  # noqa: SIM905
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["int", "d", "1"]),
    lambda inner: st.lists(inner, max_size=4) | st.builds(lambda tag, p: {tag: p}, st.sampled_from(TAGS), inner),
    max_leaves=12,
)


@unhurried
@given(trees)
def test_any_tags_are_a_value_or_malformed(tree: Any) -> None:
    _read(json.dumps(tree).encode())


@unhurried
@given(st.sampled_from(TAGS), trees, trees)
def test_two_tags_in_one_are_malformed(tag: str, one: Any, other: Any) -> None:
    with pytest.raises(wire.Malformed):
        wire.loads(json.dumps({tag: one, tag + "x": other}).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000 + b"]" * 100_000,
        b'{"t":[' * 100_000 + b"]}" * 100_000,
        b"9" * 10_000,
        b'{"i":"zz"}',
        b'{"h":[0,"x"]}',
        b'{"o":["int",{"d":[]}]}',
        b'{"o":["Point","state",{"d":[]}]}',
        b'{"T":"eval"}',
        b'{"D":"abc"}',
        b'{"Q":[1,0]}',
        b'{"s":[[1]]}',
        b"\xff",
        b"",
        b"1 2",
    ],
    ids=lambda data: data[:16].decode("ascii", "replace"),
)
def test_hostile_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(wire.Malformed):
        wire.loads(data)


_LIES = {"__eq__": lambda *_: True, "__ne__": lambda *_: False, "__hash__": lambda _: 5, "__bool__": lambda _: True,
         "__len__": lambda _: 5, "__repr__": lambda _: "lie"}  # fmt: skip


@unhurried
@given(st.one_of(st.integers(), finite, st.text(), st.lists(st.integers()), st.tuples(st.text()),
                 st.dictionaries(st.text(), st.integers()), st.binary(), st.sets(st.integers()),
                 st.frozensets(st.integers()), st.decimals(allow_nan=False), st.fractions(), st.dates(),
                 st.complex_numbers(allow_nan=False), st.builds(deque, st.lists(st.integers())),
                 st.dictionaries(st.text(), st.integers()).map(OrderedDict)))  # fmt: skip
def test_a_lying_subclass_crosses_as_its_base_with_its_true_value(value: Any) -> None:
    liar = type("Liar", (type(value),), dict(_LIES))
    if isinstance(value, dt.date):
        made = liar(value.year, value.month, value.day)
    elif isinstance(value, complex):
        made = liar(value.real, value.imag)
    else:
        made = liar(value)
    assert shape(wire.loads(wire.dumps([made]))) == shape([value])


class Point:
    def __init__(self, x: Any) -> None:
        self.x = x

    def valid(self) -> bool:
        return bool(self.x == 3)


class Slotted:
    __slots__ = ("x",)


class Pair(NamedTuple):
    x: Any
    y: Any


class Colour(Enum):
    RED = 1
    BLUE = 2


CLASSES: dict[str, type] = {kind.__name__: kind for kind in (Point, Slotted, Pair, Colour)}


def test_instances_of_supplied_classes_cross_as_such() -> None:
    encode, decode = wire.Encoder(CLASSES).dumps, wire.Decoder(CLASSES).loads
    slotted = Slotted()
    slotted.x = (1, {2})  # type: ignore[attr-defined]
    point = decode(encode(Point([Point(3)])))
    assert type(point) is Point
    assert type(point.x[0]) is Point
    assert point.x[0].x == 3
    assert decode(encode(slotted)).x == (1, {2})
    assert decode(encode([Pair(1, Pair(2, 3))])) == [Pair(1, Pair(2, 3))]
    assert type(decode(encode(Pair(1, 2)))) is Pair
    assert decode(encode(Colour.RED)) is Colour.RED


def test_classes_named_after_the_codec_was_made_count() -> None:
    named: dict[str, type] = {}
    encoder, decoder = wire.Encoder(named), wire.Decoder(named)
    named["Point"] = Point
    assert type(decoder.loads(encoder.dumps(Point(1)))) is Point


@pytest.mark.parametrize(
    "content",
    ['{"d":["valid",true]}', '{"d":["__class__",{"T":"int"}]}', '{"d":[1,2]}', "[]x", "5", '{"d":["__eq__",1]}'],
)
def test_an_instance_may_not_replace_behaviour_of_its_class(content: str) -> None:
    with pytest.raises(wire.Malformed):
        wire.Decoder(CLASSES).loads(f'{{"o":["Point","state",{content}]}}'.encode())


def test_other_objects_cross_by_number_or_not_at_all() -> None:
    kept: list[Any] = []

    def keep(value: Any) -> int:
        kept.append(value)
        return len(kept) - 1

    encoded = wire.Encoder({}, keep).dumps([Point(1), Point(2)])
    assert wire.Decoder({}, lambda number, name: (name, kept[number].x)).loads(encoded) == [("Point", 1), ("Point", 2)]
    for odd in (Point(1), lambda: 5, open, json, memoryview(b"")):
        with pytest.raises(wire.Uncrossable):
            wire.dumps([odd])


def test_what_has_no_end_is_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (cycle, deep, {0: cycle}):
        with pytest.raises(wire.TooDeep):
            wire.dumps(value)
    with pytest.raises(wire.TooLarge):
        wire.dumps(itertools.count())


def test_numpy_crosses_as_plain_values() -> None:
    import numpy as np

    value = [np.int64(5), np.float64(0.5), np.bool_(True), np.array([[1, 2], [3, 4]]), np.str_("x"), np.array(7)]
    assert shape(wire.loads(wire.dumps(value))) == shape([5, 0.5, True, [[1, 2], [3, 4]], "x", 7])
