"""What runs in the jail beside a function that is asked: calls bounded in steps, answers told as text.

A call that raises, runs for too long, or answers with something that is no plain value, has no answer; others are told
as text (telling.py). Steps are lines of the program itself and calls of what it imports: to compile a regular
expression takes hundreds of calls and tens of thousands of lines. Nothing here is trusted: what a function makes of it
decides only whether the benchmark's tests are worth running.
"""

from __future__ import annotations

from sparkgap.curate.contamination.telling import SOURCE

ALL_LINES = 4_000_000  # steps that all calls of one program may take
LINES, REFERENCE_LINES = 8_000, 3_000  # that one call may, of a function that is asked, and of a reference
PATIENT = 25  # times as many where a reference answers none of its problem's own calls within that
IN_VAIN = 25  # calls with arguments of the same types and sizes that only raised: no more of those are made

_TELLING = f"""
{SOURCE}
def __sparkgap_copy(value):
    if isinstance(value, (list, tuple, set)):
        return type(value)([__sparkgap_copy(each) for each in value])
    return {{key: __sparkgap_copy(each) for key, each in value.items()}} if isinstance(value, dict) else value

__sparkgap_left, __sparkgap_lines = {ALL_LINES}, {LINES}
__sparkgap_settrace = __import__("sys").settrace

def __sparkgap_call(function, arguments, lines=None):
    global __sparkgap_left
    left = given = min(lines or __sparkgap_lines, __sparkgap_left)
    here = __sparkgap_call.__code__.co_filename
    def trace(frame, event, argument):
        nonlocal left
        left -= 1
        if left < 0:
            raise TimeoutError
        return trace if frame.f_code.co_filename == here else None
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
def __sparkgap_matches(calls, kinds, lines, problems):
    known, vain = {{{{}}}}, {{{{}}}}
    def answer(place):
        if place not in known:
            kind = kinds[place]
            tried = vain.get(kind, 0) < {IN_VAIN}
            known[place] = __sparkgap_call({{name}}, calls[place], lines[place]) if tried else None
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
    """Return a program whose `MATCHES(calls, kinds, lines, problems)` says which problems are answered rightly."""
    return f"{source}\n{_TELLING}{_MATCHES.format(name=name)}"
