"""What each operation means: the oracle of the katas, which computes on values and knows nothing of any program.

`MEANING[name](x, k)` is the operation's result for the value `x` and the constant `k`. Every operation is total over
its kind, and none changes its argument. The ways taken here differ on purpose from the code in `operations.tsv`, which
is what solutions are made of: where both agree on many inputs, neither has slipped.
"""

from __future__ import annotations

import operator
import re
from bisect import insort_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from itertools import accumulate, chain, dropwhile, groupby, islice, pairwise, repeat, takewhile
from string import ascii_lowercase, ascii_uppercase
from typing import Any

Meaning = Callable[[Any, Any], Any]


def _decimals(number: int) -> list[int]:
    """Return the decimal digits of a number without its sign, highest first."""
    found = []
    rest = number if number >= 0 else -number
    while True:
        rest, digit = divmod(rest, 10)
        found.append(digit)
        if rest == 0:
            return found[::-1]


def _in_base(number: int, base: int) -> str:
    """Return a number without its sign in a base up to 16."""
    rest, text = abs(number), ""
    while True:
        rest, digit = divmod(rest, base)
        text = "0123456789abcdef"[digit] + text
        if rest == 0:
            return text


def _from_digits(digits: Iterable[int]) -> int:
    return reduce(lambda number, digit: 10 * number + digit, digits, 0)


def _halves(number: int) -> Iterator[int]:
    """Yield a number and its halves, down to 1; nothing for one that is not positive."""
    return takewhile(lambda half: half > 0, (number >> shift for shift in range(number.bit_length() + 1)))


def _halve_until(number: int, most: int) -> int:
    return number if number <= most else _halve_until(number >> 1, most)


def _without_factor(number: int, factor: int) -> int:
    quotient, rest = divmod(number, factor)
    return number if rest or number == 0 else _without_factor(quotient, factor)


def _parts(items: Any, size: int) -> list[Any]:
    return [items[:size], *_parts(items[size:], size)] if items else []


def _each(change: Callable[..., Any]) -> Meaning:
    """Return the operation that applies `change(item, k)` to every item of a list."""
    return lambda x, k: list(map(change, x, repeat(k)))


def _only(keeps: Callable[[Any, Any], bool]) -> Meaning:
    """Return the operation that keeps the items for which `keeps(item, k)` holds."""
    return lambda x, k: [item for item, kept in zip(x, map(keeps, x, repeat(k)), strict=True) if kept]


def _letters(pattern: str, new: str = "") -> Meaning:
    """Return the operation that replaces what `pattern` matches in a text."""
    compiled = re.compile(pattern)
    return lambda x, k: compiled.sub(new, x)


_UP = str.maketrans(ascii_lowercase, ascii_uppercase)
_DOWN = str.maketrans(ascii_uppercase, ascii_lowercase)


def _up(text: str) -> str:
    return text.translate(_UP)


def _down(text: str) -> str:
    return text.translate(_DOWN)


def _swapped(text: str) -> str:
    return text.translate(_UP | _DOWN)


def _firsts(items: Iterable[Any]) -> list[Any]:
    """Return the items without those that occurred before."""
    seen: list[Any] = []
    for item in items:
        if item not in seen:
            seen.append(item)
    return seen


def _words(text: str) -> list[str]:
    return re.findall(r"\S+", text)


def _runs(items: Iterable[Any]) -> list[Any]:
    return [item for item, _ in groupby(items)]


def _stable(items: Iterable[Any], rank: Callable[[Any], Any]) -> list[Any]:
    """Return the items in ascending order of their rank, equal ones in their order (by insertion)."""
    placed: list[Any] = []
    for item in items:
        insort_right(placed, item, key=rank)
    return placed


def _itself(item: Any) -> Any:
    return item


def _best(items: Iterable[Any], rank: Callable[[Any], Any], none: Any) -> Any:
    """Return the first item of the highest rank, `none` of nothing."""
    ranked = _stable(items, rank)
    return next((item for item in ranked if rank(item) == rank(ranked[-1])), none)


def _kept(x: Iterable[Any], takes: Callable[[Any, Any], bool]) -> list[Any]:
    """Return the first item and each further one that `takes(last kept, item)`."""
    return reduce(lambda kept, item: [*kept, item] if not kept or takes(kept[-1], item) else kept, x, [])


def _best_run(x: list[int]) -> int:
    places = range(len(x) + 1)
    return max(sum(x[start:end]) for start in places for end in places if end >= start)


def _tally(items: Iterable[Any]) -> dict[str, int]:
    return {str(item): count for item, count in Counter(items).items()}


def _entries(keeps: Callable[..., bool]) -> Meaning:
    return lambda x, k: dict(item for item in x.items() if keeps(*item, k))


def _values(change: Callable[[int, Any], int]) -> Meaning:
    return lambda x, k: dict(zip(x, map(change, x.values(), repeat(k)), strict=True))


def _upper_keys(x: Mapping[str, int]) -> dict[str, int]:
    changed: dict[str, int] = {}
    for key in x:
        changed[_up(key)] = x[key]
    return changed


_NUMBERS: dict[str, Meaning] = {
    "add": operator.add,
    "subtract": operator.sub,
    "times": lambda x, k: sum([x] * k),
    "divide": lambda x, k: divmod(x, k)[0],
    "modulo": lambda x, k: divmod(x, k)[1],
    "negate": lambda x, k: 0 - x,
    "square": lambda x, k: x * x,
    "absolute": lambda x, k: x if x > 0 else -x,
    "raise_to": lambda x, k: k if x < k else x,
    "cap_at": lambda x, k: k if x > k else x,
    "take_from": lambda x, k: -(x - k),
    "distance": lambda x, k: x - k if x > k else k - x,
    "digit_sum": lambda x, k: sum(_decimals(x)),
    "reverse_digits": lambda x, k: _from_digits(reversed(_decimals(x))),
    "count_digits": lambda x, k: len(_decimals(x)),
    "count_bits": lambda x, k: abs(x).bit_count(),
    "last_digit": lambda x, k: _decimals(x)[-1],
    "round_down": lambda x, k: x - x % k,
    "round_up": lambda x, k: x + (k - x % k) % k,
    "append_digit": lambda x, k: _from_digits([x, k]),
    "xor": operator.xor,
    "triangle": lambda x, k: (x * x + x) // 2,
    "clear_low_bit": lambda x, k: x - (x & -x),
    "halve_until": _halve_until,
    "digit_root": lambda x, k: 0 if x == 0 else 1 + (abs(x) - 1) % 9,
    "divide_out": _without_factor,
    "step_up": lambda x, k: (x // k + 1) * k,
    "to_text": lambda x, k: "-" * (x < 0) + "".join(map(chr, (48 + digit for digit in _decimals(x)))),
    "to_binary": lambda x, k: _in_base(x, 2),
    "to_hex": lambda x, k: _in_base(x, 16),
    "digits": lambda x, k: _decimals(x),
    "multiples": lambda x, k: list(accumulate([x] * k)),
    "quotient": lambda x, k: list(divmod(x, k)),
    "around": lambda x, k: [x + step for step in (-k, 0, k)],
    "halvings": lambda x, k: list(_halves(x)),
}

_TEXTS: dict[str, Meaning] = {
    "upper": lambda x, k: _up(x),
    "lower": lambda x, k: _down(x),
    "swap_case": lambda x, k: _swapped(x),
    "capitalize": lambda x, k: _up(x[:1]) + _down(x[1:]),
    "reverse_text": lambda x, k: "".join(reversed(x)),
    "strip": _letters(r"^ +| +$"),
    "first_chars": lambda x, k: "".join(islice(x, k)),
    "last_chars": lambda x, k: x[max(len(x) - k, 0) :],
    "drop_chars": lambda x, k: "".join(islice(x, k, None)),
    "drop_end": lambda x, k: x[: max(len(x) - k, 0)],
    "every_char": lambda x, k: "".join(c for place, c in enumerate(x) if place % k == 0),
    "repeat_text": lambda x, k: "".join(repeat(x, k)),
    "append_text": lambda x, k: "".join((x, k)),
    "prepend_text": lambda x, k: "".join((k, x)),
    "remove_char": lambda x, k: "".join(c for c in x if c != k),
    "mask_char": lambda x, k: "".join("*" if c == k else c for c in x),
    "double_chars": _letters(r"(?s)(.)", r"\1\1"),
    "keep_letters": _letters(r"[^A-Za-z]"),
    "keep_digits": _letters(r"[^0-9]"),
    "drop_vowels": _letters(r"[aeiouAEIOU]"),
    "keep_vowels": _letters(r"[^aeiouAEIOU]"),
    "sort_chars": lambda x, k: "".join(_stable(x, ord)),
    "unique_chars": lambda x, k: "".join(_firsts(x)),
    "pad_left": lambda x, k: "." * (k - len(x)) + x,
    "pad_right": lambda x, k: x + "." * (k - len(x)),
    "rotate_text": lambda x, k: "".join(chain(x[k:], islice(x, k))),
    "mirror_text": lambda x, k: "".join(chain(x, reversed(x))),
    "one_space": lambda x, k: " ".join(_words(x)),
    "hyphenate": lambda x, k: "-".join(_words(x)),
    "spread": lambda x, k: "".join(k + c for c in x)[len(k) :],
    "squash": lambda x, k: "".join(_runs(x)),
    "alternate": lambda x, k: "".join((_down if place % 2 else _up)(c) for place, c in enumerate(x)),
    "until_char": lambda x, k: x.partition(k)[0],
    "length": lambda x, k: sum(1 for _ in x),
    "count_char": lambda x, k: sum(1 for c in x if c == k),
    "count_vowels": lambda x, k: len(re.findall(r"[aeiouAEIOU]", x)),
    "count_numerals": lambda x, k: len(re.findall(r"[0-9]", x)),
    "count_upper": lambda x, k: len(re.findall(r"[A-Z]", x)),
    "count_words": lambda x, k: len(_words(x)),
    "distinct_chars": lambda x, k: len(_firsts(x)),
    "find_char": lambda x, k: next((place for place, c in enumerate(x) if c == k), -1),
    "digit_total": lambda x, k: sum(ord(c) - 48 for c in re.findall(r"[0-9]", x)),
    "code_total": lambda x, k: sum(x.encode("ascii")),
    "split_words": lambda x, k: _words(x),
    "characters": lambda x, k: re.findall(r"(?s).", x),
    "split_at": lambda x, k: re.split(re.escape(k), x),
    "chunks": _parts,
    "char_codes": lambda x, k: list(x.encode("ascii")),
    "char_counts": lambda x, k: _tally(x),
}

_LISTS: dict[str, Meaning] = {
    "sort": lambda x, k: _stable(x, _itself),
    "sort_down": lambda x, k: _stable(x, operator.neg),
    "reverse_list": lambda x, k: [x[-1 - place] for place in range(len(x))],
    "unique": lambda x, k: _firsts(x),
    "keep_above": _only(operator.gt),
    "keep_below": _only(operator.lt),
    "keep_even": _only(lambda v, k: not v & 1),
    "keep_odd": _only(lambda v, k: bool(v & 1)),
    "keep_multiples": _only(lambda v, k: v // k * k == v),
    "drop_value": _only(operator.ne),
    "add_each": _each(operator.add),
    "times_each": _each(operator.mul),
    "square_each": _each(lambda v, k: v * v),
    "negate_each": _each(lambda v, k: 0 - v),
    "absolute_each": _each(lambda v, k: v if v > 0 else -v),
    "modulo_each": _each(operator.mod),
    "divide_each": _each(operator.floordiv),
    "raise_each": _each(lambda v, k: k if v < k else v),
    "cap_each": _each(lambda v, k: k if v > k else v),
    "first_items": lambda x, k: list(islice(x, k)),
    "last_items": lambda x, k: x[max(len(x) - k, 0) :],
    "drop_items": lambda x, k: list(islice(x, k, None)),
    "drop_last_items": lambda x, k: x[: max(len(x) - k, 0)],
    "every_item": lambda x, k: [v for place, v in enumerate(x) if place % k == 0],
    "append_item": lambda x, k: [*x, k],
    "prepend_item": lambda x, k: [k, *x],
    "repeat_list": lambda x, k: list(chain.from_iterable(repeat(x, k))),
    "twice_each": lambda x, k: list(chain.from_iterable(zip(x, x, strict=True))),
    "by_index": lambda x, k: list(map(operator.mul, x, range(len(x)))),
    "plus_index": lambda x, k: list(map(operator.add, x, range(len(x)))),
    "running_sum": lambda x, k: list(accumulate(x)),
    "running_max": lambda x, k: list(accumulate(x, max)),
    "differences": lambda x, k: [later - former for former, later in pairwise(x)],
    "rotate": lambda x, k: [*islice(x, k, None), *islice(x, k)],
    "mirror_list": lambda x, k: [*x, *reversed(x)],
    "keep_records": lambda x, k: _runs(v for v, most in zip(x, accumulate(x, max), strict=True) if v == most),
    "take_until": lambda x, k: list(takewhile(lambda v: v <= k, x)),
    "skip_while": lambda x, k: list(dropwhile(lambda v: v < k, x)),
    "squash_list": lambda x, k: _runs(x),
    "sum": lambda x, k: reduce(operator.add, x, 0),
    "largest": lambda x, k: _best(x, _itself, 0),
    "smallest": lambda x, k: -_best(map(operator.neg, x), _itself, 0),
    "count": lambda x, k: sum(1 for _ in x),
    "count_above": lambda x, k: sum(map(operator.gt, x, repeat(k))),
    "count_even": lambda x, k: sum(1 - v % 2 for v in x),
    "sum_even": lambda x, k: sum(v * (1 - v % 2) for v in x),
    "sum_squares": lambda x, k: sum(map(operator.mul, x, x)),
    "distinct": lambda x, k: len(_firsts(x)),
    "spread_of": lambda x, k: _best(x, _itself, 0) + _best(map(operator.neg, x), _itself, 0),
    "first": lambda x, k: next(iter(x), 0),
    "last": lambda x, k: next(reversed(x), 0),
    "alternating": lambda x, k: sum(-v if place % 2 else v for place, v in enumerate(x)),
    "mean": lambda x, k: divmod(sum(x), len(x))[0] if x else 0,
    "as_digits": lambda x, k: _from_digits(x),
    "best_run": lambda x, k: _best_run(x),
    "join_numbers": lambda x, k: "".join(f"{k}{v}" for v in x)[len(k) :],
    "texts": _each(lambda v, k: f"{v}"),
    "tally": lambda x, k: _tally(x),
}

_WORDS: dict[str, Meaning] = {
    "sort_words": lambda x, k: _stable(x, _itself),
    "by_length": lambda x, k: _stable(x, len),
    "reverse_words": lambda x, k: [x[-1 - place] for place in range(len(x))],
    "unique_words": lambda x, k: _firsts(x),
    "upper_each": _each(lambda v, k: _up(v)),
    "title_each": _each(lambda v, k: _up(v[:1]) + _down(v[1:])),
    "reverse_each": _each(lambda v, k: "".join(reversed(v))),
    "starts": _each(lambda v, k: "".join(islice(v, k))),
    "endings": _each(lambda v, k: v[max(len(v) - k, 0) :]),
    "keep_longer": _only(lambda v, k: len(v) >= k + 1),
    "keep_shorter": _only(lambda v, k: len(v) <= k - 1),
    "keep_with": _only(lambda v, k: v.find(k) >= 0),
    "drop_with": _only(lambda v, k: v.find(k) < 0),
    "suffix_each": _each(operator.add),
    "prefix_each": _each(lambda v, k: "".join((k, v))),
    "first_words": lambda x, k: list(islice(x, k)),
    "drop_words": lambda x, k: list(islice(x, k, None)),
    "last_words": lambda x, k: x[max(len(x) - k, 0) :],
    "every_word": lambda x, k: [v for place, v in enumerate(x) if place % k == 0],
    "chain_words": lambda x, k: _kept(x, lambda last, v: last[:1] != v[:1]),
    "number_words": lambda x, k: sum(1 for _ in x),
    "total_length": lambda x, k: len("".join(x)),
    "longest_length": lambda x, k: _best(map(len, x), _itself, 0),
    "distinct_words": lambda x, k: len(_firsts(x)),
    "join_words": lambda x, k: "".join(k + v for v in x)[len(k) :],
    "concatenate": lambda x, k: reduce(operator.add, x, ""),
    "initials": lambda x, k: "".join(v[0] for v in x if v),
    "finals": lambda x, k: "".join(v[len(v) - 1] for v in x if v),
    "longest": lambda x, k: _best(x, len, ""),
    "alphabetical": lambda x, k: next(iter(_stable(x, _itself)), ""),
    "lengths": _each(lambda v, k: sum(1 for _ in v)),
    "count_in_each": _each(lambda v, k: len(v.split(k)) - 1),
    "length_map": lambda x, k: dict(zip(x, map(len, x), strict=True)),
    "word_tally": lambda x, k: _tally(x),
    "places": lambda x, k: dict(zip(x, range(len(x)), strict=True)),
}

_DICTS: dict[str, Meaning] = {
    "values_above": _entries(lambda a, b, k: b >= k + 1),
    "values_below": _entries(lambda a, b, k: b <= k - 1),
    "add_values": _values(operator.add),
    "times_values": _values(operator.mul),
    "negate_values": _values(lambda b, k: 0 - b),
    "upper_keys": lambda x, k: _upper_keys(x),
    "drop_key": lambda x, k: dict(zip((a for a in x if a != k), (x[a] for a in x if a != k), strict=True)),
    "short_keys": _entries(lambda a, b, k: len(a) <= k - 1),
    "sum_values": lambda x, k: reduce(operator.add, (x[a] for a in x), 0),
    "max_value": lambda x, k: _best(x.values(), _itself, 0),
    "size": lambda x, k: sum(1 for _ in x),
    "look_up": lambda x, k: next((b for a, b in x.items() if a == k), 0),
    "count_values": lambda x, k: sum(map(operator.gt, x.values(), repeat(k))),
    "values": lambda x, k: [x[a] for a in x],
    "sorted_values": lambda x, k: _stable(x.values(), _itself),
    "keys": lambda x, k: [a for a, _ in x.items()],
    "sorted_keys": lambda x, k: _stable(x, _itself),
    "keys_by_value": lambda x, k: [a for a, _ in _stable(x.items(), operator.itemgetter(1))],
    "best_key": lambda x, k: _best(x.items(), operator.itemgetter(1), ("", 0))[0],
}

_PREDICATES: dict[str, Meaning] = {
    "above": operator.gt,
    "is_even": lambda x, k: not x & 1,
    "divisible": lambda x, k: x // k * k == x,
    "is_long": lambda x, k: len(x) >= k + 1,
    "has_char": lambda x, k: x.find(k) >= 0,
    "is_lower": lambda x, k: re.search(r"[A-Z]", x) is None,
    "longer": lambda x, k: len(x) >= k + 1,
    "sums_above": lambda x, k: reduce(operator.add, x, 0) > k,
    "contains": lambda x, k: any(v == k for v in x),
    "many": lambda x, k: len(x) >= k + 1,
    "any_long": lambda x, k: any(len(v) > k for v in x),
    "entries": lambda x, k: len(x) >= k + 1,
    "has_key": lambda x, k: any(a == k for a in x),
}

MEANING: dict[str, Meaning] = _NUMBERS | _TEXTS | _LISTS | _WORDS | _DICTS | _PREDICATES
