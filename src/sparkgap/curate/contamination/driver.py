"""What runs in the jail beside a function that is asked: calls bounded in steps, answers told as text.

Told as text, answers compare as values do: True is 1, 2.0 is 2, sets and dicts have no order. A call that raises, runs
for too long, or answers with something that is no plain value, has no answer. Nothing here is trusted: what a function
makes of it decides only whether the benchmark's tests are worth running.
"""

from __future__ import annotations

ALL_LINES = 800_000  # that all calls of one program may take
LINES, REFERENCE_LINES = 8_000, 3_000  # that one call may, of a function that is asked, and of a reference
IN_VAIN = 25  # calls with arguments of the same types that only raised: no more of those types are made

_TELLING = f"""
def __sparkgap_told(value, depth=0):
    if depth > 6:
        raise ValueError
    if value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, (bool, int)):
        return str(int(value))
    if isinstance(value, float):
        return str(int(value)) if value == value and abs(value) < 1e15 and value == int(value) else "%.6g" % value
    if isinstance(value, complex):
        return "%.6g+%.6gj" % (value.real, value.imag)
    if isinstance(value, dict):
        return "{{" + ",".join(sorted(
            __sparkgap_told(k, depth + 1) + ":" + __sparkgap_told(v, depth + 1) for k, v in value.items())) + "}}"
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise TypeError
    inner = [__sparkgap_told(each, depth + 1) for each in value]
    if isinstance(value, list):
        return "[" + ",".join(inner) + "]"
    return "(" + ",".join(inner) + ")" if isinstance(value, tuple) else "{{" + ",".join(sorted(inner)) + "}}"

def __sparkgap_copy(value):
    if isinstance(value, (list, tuple, set)):
        return type(value)([__sparkgap_copy(each) for each in value])
    return {{key: __sparkgap_copy(each) for key, each in value.items()}} if isinstance(value, dict) else value

__sparkgap_left, __sparkgap_lines = {ALL_LINES}, {LINES}
__sparkgap_settrace = __import__("sys").settrace

def __sparkgap_call(function, arguments):
    global __sparkgap_left
    left = given = min(__sparkgap_lines, __sparkgap_left)
    def trace(frame, event, argument):
        nonlocal left
        left -= 1
        if left < 0:
            raise TimeoutError
        return trace
    arguments = [__sparkgap_copy(each) for each in arguments]
    __sparkgap_settrace(trace)
    try:
        return __sparkgap_told(function(*arguments))
    except BaseException:
        return None
    finally:
        __sparkgap_settrace(None)
        __sparkgap_left -= given - max(0, left)
"""
_ANSWERS = """
def __sparkgap_answers(calls):
    return [__sparkgap_call({name}, each) for each in calls]
"""
_MATCHES = f"""
def __sparkgap_matches(calls, kinds, problems):
    known, vain = {{{{}}}}, {{{{}}}}
    def answer(place):
        if place not in known:
            kind = kinds[place]
            known[place] = __sparkgap_call({{name}}, calls[place]) if vain.get(kind, 0) < {IN_VAIN} else None
            vain[kind] = vain.get(kind, 0) + 1 if known[place] is None else -1000000
        return known[place]
    return [place for place, probes in enumerate(problems) if all(answer(call) == told for call, told in probes)]
"""
_RECORDING = """
def __sparkgap_recording(function):
    inside = False
    seen = set()
    def {name}(*arguments, **named):
        nonlocal inside
        if inside:
            return function(*arguments, **named)
        if len(seen) < 200 and not named and (told := repr(arguments)) not in seen:
            seen.add(told)
            print("{mark}" + told)
        inside = True
        try:
            return function(*arguments, **named)
        finally:
            inside = False
    return {name}
{name} = __sparkgap_recording({name})
"""
ANSWERS, MATCHES = "__sparkgap_answers", "__sparkgap_matches"  # the functions to call
MARK = "sparkgap called: "  # before the arguments of each call, in what `recording` prints


def recording(source: str, name: str) -> str:
    """Return a program that prints the arguments of each call of its function from outside."""
    return f"{source}\n{_RECORDING.format(name=name, mark=MARK)}"


def answering(source: str, name: str, lines: int = LINES) -> str:
    """Return a program whose `ANSWERS(calls)` are the answers of a function of `source`."""
    return f"{source}\n{_TELLING}\n__sparkgap_lines = {lines}\n{_ANSWERS.format(name=name)}"


def matching(source: str, name: str) -> str:
    """Return a program whose `MATCHES(calls, kinds, problems)` are the places of the problems answered rightly."""
    return f"{source}\n{_TELLING}{_MATCHES.format(name=name)}"
