"""Hello: 28 small problems that ship with the package, with sample answers of every kind, honest and not.

It needs no download, shows a first user what a scorecard looks like, and is what the judge tests itself on. It has
every kind of tests and both kinds of prompt: code to go on from, and a chat turn. It measures no model: everything in
it is public, its answers too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

from sparkgap.benchmarks import Ability
from sparkgap.benchmarks._prompts import CHAT, COMPLETION, EVALPLUS_STOPS, ask_for_function, turn
from sparkgap.types import (
    CodeTests,
    DocTests,
    InputTests,
    Problem,
    Reply,
    Request,
    StdioTests,
    Tests,
    Variant,
)


def samples_path() -> AbstractContextManager[Path]:
    """Return a context manager that gives the path of the sample answers, four to a problem.

    Each line has `task_id`, `response`, `expect` (the status that the judge should give the program in it; a list where
    it depends on how the machine refuses) and `note` (what the answer is up to).
    """
    return as_file(files("sparkgap.benchmarks") / "_hello" / "samples.jsonl")


class Hello:
    """28 problems in one split."""

    name = "hello"
    title = "Hello: 28 small Python problems that ship with Sparkgap"
    files: tuple[str, ...] = ()
    ability: Ability = "code"
    split = ""
    variants = (CHAT, COMPLETION)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems; nothing is read."""
        for number, (entry_point, prompt, solution, tests) in enumerate(_CODE + _CHAT):
            continues = number < len(_CODE)
            yield Problem(
                id=f"Hello/{number}",
                benchmark=self.name,
                prompt=prompt,
                reference=prompt + solution if continues else solution,
                tests=tests,
                entry_point=entry_point,
                continues=continues,
            )

    def ask(self, problem: Problem, variant: Variant, replies: tuple[Reply, ...]) -> Request | None:
        """Return the one request; a task in prose becomes a docstring for a model that only completes."""
        if replies:
            return None
        if problem.continues:
            return ask_for_function(problem, variant)
        if variant.form == "completion":
            decoding = replace(variant.decoding, stop=EVALPLUS_STOPS[:2])
            return Request(text=f'"""\n{problem.prompt}\n"""\n', decoding=decoding)
        return turn(problem.prompt + " Answer with the whole program in one fenced code block.", variant.decoding)


_Row = tuple[str, str, str, Tests]  # entry point, prompt, solution (what follows the prompt, or a whole program), tests

# Code to go on from.
_CODE: tuple[_Row, ...] = (
    (
        "clamp",
        'def clamp(value, low, high):\n    """Return `value`, or the bound that it lies beyond."""\n',
        "    return max(low, min(value, high))\n",
        CodeTests(
            "def check(f):\n"
            "    assert f(5, 0, 10) == 5\n"
            "    assert f(-3, 0, 10) == 0\n"
            "    assert f(30, 0, 10) == 10\n"
            "    assert f(0.5, 0.75, 1.5) == 0.75\n"
            "check(clamp)\n"
        ),
    ),
    (
        "vowels",
        'def vowels(text: str) -> int:\n    """Count the vowels (a, e, i, o, u) in `text`, in either case."""\n',
        "    return sum(letter in 'aeiou' for letter in text.lower())\n",
        CodeTests("assert vowels('') == 0\nassert vowels('Rhythm') == 0\nassert vowels('AEIou and y') == 6"),
    ),
    (
        "flatten",
        'def flatten(nested: list) -> list:\n    """Return the items of lists in lists, however deep, in order."""\n',
        "    flat = []\n    for item in nested:\n"
        "        flat.extend(flatten(item) if isinstance(item, list) else [item])\n    return flat\n",
        CodeTests(
            "assert flatten([]) == []\n"
            "assert flatten([1, [2, [3, []], 4]]) == [1, 2, 3, 4]\n"
            "assert flatten([['a'], [[['b']]], (1, [2])]) == ['a', 'b', (1, [2])]"
        ),
    ),
    (
        "word_counts",
        "from collections import Counter\n\n\ndef word_counts(text: str) -> dict:\n"
        '    """Count how often each word occurs, all in lower case; words are parted by white space."""\n',
        "    return dict(Counter(text.lower().split()))\n",
        CodeTests(
            "assert word_counts('') == {}\n"
            "assert word_counts('to be or not to be') == {'to': 2, 'be': 2, 'or': 1, 'not': 1}\n"
            "assert word_counts('Well,\\twell\\n WELL') == {'well,': 1, 'well': 2}"
        ),
    ),
    (
        "variance",
        "def mean(numbers):\n    return sum(numbers) / len(numbers)\n\n\ndef variance(numbers):\n"
        '    """Return the mean of the squared distances to the mean; `mean` is there to be used."""\n',
        "    middle = mean(numbers)\n    return mean([(number - middle) ** 2 for number in numbers])\n",
        CodeTests(
            prelude="def mean(numbers):\n    return sum(numbers) / len(numbers)\n",
            code="import math\n"
            "assert math.isclose(variance([1, 2, 3, 4]), 1.25)\n"
            "assert abs(variance([0.1, 0.2, 0.4]) - 0.0155555555) < 1e-8\n"
            "for numbers in ([2.0], [5, 5, 5]):\n"
            "    assert math.isclose(variance(numbers), mean([n * n for n in numbers]) - mean(numbers) ** 2)",
        ),
    ),
    (
        "countdown",
        'def countdown(start: int):\n    """Yield `start`, then each number below it, down to 1."""\n',
        "    while start > 0:\n        yield start\n        start -= 1\n",
        CodeTests(
            "assert list(countdown(3)) == [3, 2, 1]\nassert list(countdown(0)) == []\nassert sum(countdown(99)) == 4950"
        ),
    ),
    (
        "hanoi",
        "def hanoi(discs: int, source='A', target='C', spare='B') -> list:\n"
        '    """Return the moves, as (from, to), that carry a tower of discs from `source` to `target`."""\n',
        "    if discs == 0:\n        return []\n    before = hanoi(discs - 1, source, spare, target)\n"
        "    return [*before, (source, target), *hanoi(discs - 1, spare, target, source)]\n",
        CodeTests(
            "assert hanoi(0) == []\nassert hanoi(2) == [('A', 'B'), ('A', 'C'), ('B', 'C')]\n"
            "assert len(hanoi(6)) == 63\nassert hanoi(1, target='B') == [('A', 'B')]"
        ),
    ),
    (
        "second_largest",
        "from typing import List, Optional\n\n\ndef second_largest(numbers: List[int]) -> Optional[int]:\n"
        '    """Return the second largest of the different numbers, None where there are fewer than two."""\n',
        "    ranked = sorted(set(numbers))\n    return ranked[-2] if len(ranked) > 1 else None\n",
        CodeTests(
            "assert second_largest([3, 9, 9, 4]) == 4\nassert second_largest([7, 7]) is None\n"
            "assert second_largest([]) is None\nassert second_largest([-5, -2]) == -5"
        ),
    ),
    (
        "hypotenuse",
        "import math\n\n\ndef hypotenuse(a: float, b: float) -> float:\n"
        '    """Return the longest side of a right triangle, from its two others."""\n',
        "    return math.sqrt(a * a + b * b)\n",
        InputTests("hypotenuse", ((3, 4), (1, 1), (0, 2.5), (5e3, 12e3)), (5.0, 1.4142135623730951, 2.5, 13e3)),
    ),
    (
        "initials",
        'def initials(name: str) -> str:\n    """Return the first letters of a name.\n\n'
        "    >>> initials('Ada Lovelace')\n    'A.L.'\n    >>> initials('alan mathison turing')\n    'A.M.T.'\n"
        "    >>> initials('')\n    ''\n    \"\"\"\n",
        "    return ''.join(word[0].upper() + '.' for word in name.split())\n",
        DocTests(
            ">>> initials('Ada Lovelace')\n'A.L.'\n>>> initials('alan mathison turing')\n'A.M.T.'\n"
            ">>> initials('')\n''\n>>> print(initials('grace  hopper'))\nG.H.\n"
        ),
    ),
    (
        "merge",
        'def merge(left: list, right: list) -> list:\n    """Merge two sorted lists into one; change neither."""\n',
        "    merged, i, j = [], 0, 0\n    while i < len(left) and j < len(right):\n"
        "        if left[i] <= right[j]:\n            merged.append(left[i])\n            i += 1\n"
        "        else:\n            merged.append(right[j])\n            j += 1\n"
        "    return merged + left[i:] + right[j:]\n",
        CodeTests(
            "left, right = [1, 4, 6], [2, 4]\n"
            "assert merge(left, right) == [1, 2, 4, 4, 6]\n"
            "assert (left, right) == ([1, 4, 6], [2, 4])\n"
            "assert merge([], [3]) == [3] == merge([3], [])"
        ),
    ),
    (
        "transpose",
        'def transpose(rows: list) -> list:\n    """Turn the rows of a table into its columns, as lists."""\n',
        "    return [list(column) for column in zip(*rows)]\n",
        InputTests(
            "transpose",
            (([[1, 2, 3], [4, 5, 6]],), ([],), ([["a"], [None]],)),
            ([[1, 4], [2, 5], [3, 6]], [], [["a", None]]),
            groups=(("base", 2), ("plus", 1)),
        ),
    ),
)

# A turn of a chat.
_CHAT: tuple[_Row, ...] = (
    (
        "is_palindrome",
        "Write a Python function `is_palindrome(text)` that tells whether a text reads the same backwards. Ignore case "
        "and everything that is no letter or digit.",
        "def is_palindrome(text):\n    kept = [c.lower() for c in text if c.isalnum()]\n"
        "    return kept == kept[::-1]\n",
        CodeTests(
            "assert is_palindrome('A man, a plan, a canal: Panama') is True\n"
            "assert is_palindrome('') == True\nassert is_palindrome('1 2') == False\nassert not is_palindrome('abca')"
        ),
    ),
    (
        "gcd",
        "I need a function gcd(a, b) in Python, the greatest common divisor of two integers, never negative. Please do "
        "not use math.gcd.",
        "def gcd(a, b):\n    while b:\n        a, b = b, a % b\n    return abs(a)\n",
        InputTests("gcd", ((12, 18), (7, 13), (0, 5), (-12, 18), (2**64, 6)), (6, 1, 5, 6, 2)),
    ),
    (
        "group_by_length",
        "Write `group_by_length(words)`: a dict from each length to the list of the words of that length, in order.",
        "def group_by_length(words):\n    groups = {}\n    for word in words:\n"
        "        groups.setdefault(len(word), []).append(word)\n    return groups\n",
        CodeTests(
            "assert group_by_length([]) == {}\n"
            "assert group_by_length(['a', 'bb', 'c']) == {1: ['a', 'c'], 2: ['bb']}\n"
            "assert group_by_length(('', 'no'))[0] == ['']"
        ),
    ),
    (
        "parse_pairs",
        "Please write `parse_pairs(text)`, which turns a text like 'a=1;b=x;c=2.5' into a dict. Values become an int "
        "or a float where they are one, 'true' and 'false' become booleans, everything else stays a string.",
        "def parse_pairs(text):\n    found = {}\n    for pair in filter(None, text.split(';')):\n"
        "        key, _, value = pair.partition('=')\n        found[key] = _value(value)\n    return found\n\n\n"
        "def _value(text):\n    if text in ('true', 'false'):\n        return text == 'true'\n"
        "    for kind in (int, float):\n        try:\n            return kind(text)\n"
        "        except ValueError:\n            pass\n    return text\n",
        CodeTests(
            "got = parse_pairs('a=1;b=x;c=2.5;d=true;e=')\n"
            "assert got == {'a': 1, 'b': 'x', 'c': 2.5, 'd': True, 'e': ''}\n"
            "assert [type(value).__name__ for value in got.values()] == ['int', 'str', 'float', 'bool', 'str']\n"
            "assert parse_pairs('') == {}"
        ),
    ),
    (
        "caesar",
        "Implement caesar(text, shift): move every letter along the alphabet by `shift`, keep case, leave the rest.",
        "def caesar(text, shift):\n    out = []\n    for c in text:\n"
        "        first = ord('A') if c.isupper() else ord('a')\n"
        "        out.append(chr((ord(c) - first + shift) % 26 + first) if c.isalpha() else c)\n"
        "    return ''.join(out)\n",
        CodeTests("assert caesar('Xyz, abc!', 3) == 'Abc, def!'\nassert caesar(caesar('Secret', 11), -11) == 'Secret'"),
    ),
    (
        "binary_search",
        "Write binary_search(items, target): the index of `target` in a sorted list, or -1. No linear scan.",
        "def binary_search(items, target):\n    low, high = 0, len(items)\n    while low < high:\n"
        "        middle = (low + high) // 2\n        if items[middle] < target:\n            low = middle + 1\n"
        "        else:\n            high = middle\n"
        "    return low if low < len(items) and items[low] == target else -1\n",
        CodeTests(
            "items = list(range(0, 2000, 2))\nassert binary_search(items, 1998) == 999\n"
            "assert binary_search(items, 7) == -1\nassert binary_search([], 1) == -1\nassert binary_search([5], 5) == 0"
        ),
    ),
    (
        "depth",
        "A tree is a dict with the key 'children', a list of trees. Write depth(tree): how many levels it has.",
        "def depth(tree):\n    return 1 + max((depth(child) for child in tree.get('children', [])), default=0)\n",
        CodeTests(
            "leaf = {'children': []}\nassert depth(leaf) == 1\nassert depth({}) == 1\n"
            "assert depth({'children': [leaf, {'children': [leaf, leaf]}]}) == 3"
        ),
    ),
    (
        "unique_letters",
        "Write unique_letters(words), which returns the letters that occur in exactly one of the words, in any order.",
        "from collections import Counter\n\n\ndef unique_letters(words):\n"
        "    counts = Counter(letter for word in words for letter in set(word))\n"
        "    return [letter for letter, count in counts.items() if count == 1]\n",
        InputTests("unique_letters", ((["ab", "bc"],), (["aa"],), ([],)), (["a", "c"], ["a"], []), oracle="set"),
    ),
    (
        "chunks",
        "Write chunks(items, size), which cuts a list into lists of `size`; the last may be shorter. A size below 1 is "
        "a ValueError that says 'size must be positive'.",
        "def chunks(items, size):\n    if size < 1:\n        raise ValueError('size must be positive')\n"
        "    return [items[i : i + size] for i in range(0, len(items), size)]\n",
        DocTests(
            ">>> chunks([1, 2, 3, 4, 5], 2)\n[[1, 2], [3, 4], [5]]\n>>> chunks([], 3)\n[]\n"
            ">>> chunks([1], 0)\nTraceback (most recent call last):\n    ...\nValueError: size must be positive\n"
        ),
    ),
    (
        "",
        "Write a program that reads integers, one a line, until the input ends, and prints their sum.",
        "import sys\n\nprint(sum(int(line) for line in sys.stdin if line.strip()))\n",
        StdioTests((("1\n2\n3\n", "6\n"), ("", "0\n"), ("-5\n5000000000\n", "4999999995\n"))),
    ),
    (
        "",
        "Write a program that reads a number n and prints the numbers 1 to n, one a line, but Fizz for those that 3 "
        "divides, Buzz for 5, and FizzBuzz for both.",
        "for number in range(1, int(input()) + 1):\n"
        "    word = 'Fizz' * (number % 3 == 0) + 'Buzz' * (number % 5 == 0)\n    print(word or number)\n",
        StdioTests(
            (
                ("5\n", "1\n2\nFizz\n4\nBuzz\n"),
                ("1\n", "1\n"),
                ("15", "1\n2\nFizz\n4\nBuzz\nFizz\n7\n8\nFizz\nBuzz\n11\nFizz\n13\n14\nFizzBuzz\n"),
            )
        ),
    ),
    (
        "",
        "Write a program that reads one line of numbers and prints their mean with two decimals.",
        "numbers = [float(word) for word in input().split()]\nprint(f'{sum(numbers) / len(numbers):.2f}')\n",
        StdioTests((("1 2 3 4\n", "2.50\n"), ("10\n", "10.00\n"), ("-1.5 1.25\n", "-0.12\n"))),
    ),
    (
        "unique",
        "Write unique(words): the words without repetitions, in the order in which they first occur.",
        "def unique(words):\n    return list(dict.fromkeys(words))\n",
        CodeTests(
            "assert unique('the cat and the dog and the bird'.split()) == ['the', 'cat', 'and', 'dog', 'bird']\n"
            "assert unique([]) == []\nassert unique(['b', 'a', 'b']) == ['b', 'a']"
        ),
    ),
    (
        "bit_count",
        "Write bit_count(n): how many ones a non-negative integer has in binary. It must cope with very large numbers.",
        "def bit_count(n):\n    return bin(n).count('1')\n",
        CodeTests(
            "assert [bit_count(n) for n in (0, 1, 255, 256)] == [0, 1, 8, 1]\nassert bit_count(2**5000 - 1) == 5000"
        ),
    ),
    (
        "roman",
        "Please write roman(number): the Roman numeral of a number from 1 to 3999.",
        "def roman(number):\n    out = ''\n    for value, sign in zip(\n"
        "        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),\n"
        "        'M CM D CD C XC L XL X IX V IV I'.split(),\n    ):\n"
        "        out += sign * (number // value)\n        number %= value\n    return out\n",
        InputTests("roman", ((1,), (4,), (1994,), (3999,)), ("I", "IV", "MCMXCIV", "MMMCMXCIX")),
    ),
    (
        "make_counter",
        "Write make_counter(start=0). It returns a function that gives `start` when first called, and one more each "
        "time after that.",
        "from itertools import count\n\n\ndef make_counter(start=0):\n    return count(start).__next__\n",
        CodeTests(
            "counter, other = make_counter(5), make_counter()\n"
            "assert [counter(), counter(), other(), counter()] == [5, 6, 0, 7]\nassert other() == 1"
        ),
    ),
)

BENCHMARK = Hello()
