"""The memory of a process that forks, moved into huge pages where it lies.

A fork copies the page table, entry by entry, and counts each page once more; the end of the child takes all of that
back. Where neighbouring entries lie in one huge page (in the kernel's words: in one large folio), it does both for
many of them at once, even if that page is not mapped as one. The interpreter's code is mapped as huge pages as well, as
far as they fit, so that no program faults its pages in again. docs/architecture.md says what that gains.

Each mapping costs a fork 1 to 3 microseconds, and there are five for each library. So neighbours of one kind are made
one mapping.

Nothing of it can be seen from inside: every byte stays at its address. What is written to stays writable, what is
executed becomes executable only after it was copied; constants beside code become executable with it, which matters
little where programs may map code of their own.

Where there are no huge pages, or no `makecontext` (musl), nothing happens. Not covered: memory mapped by packages but
sparsely used, and stacks.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

_HUGE, _PAGE = 2 << 20, os.sysconf("SC_PAGESIZE")
_MOST = 64 << 20  # bytes to be moved
_ENABLED = "/sys/kernel/mm/transparent_hugepage/enabled"
# From the kernel's headers: the module `mmap` would be one more library in every process that is forked.
_READ, _WRITE, _EXECUTE = 1, 2, 4
_PRIVATE_ANONYMOUS, _MADV_HUGEPAGE, _MOVE_TO = 0x22, 14, 3  # MREMAP_MAYMOVE | MREMAP_FIXED
_ROOM = 16384  # for one context (968 bytes on x86_64, 4560 on aarch64) and its stack

_libc = ctypes.PyDLL(None)
_address, _size, _int = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_libc.mmap.restype = _address
_libc.mmap.argtypes = [_address, _size, _int, _int, _int, ctypes.c_long]
_libc.mremap.restype = _address
_libc.mremap.argtypes = [_address, _size, _size, _int, _address]
_libc.munmap.argtypes = [_address, _size]
_libc.mprotect.argtypes = _libc.madvise.argtypes = [_address, _size, _int]
_libc.mincore.argtypes = [_address, _size, _address]


class Piece(NamedTuple):
    """A part of this process's memory."""

    start: int
    size: int


class Plan(NamedTuple):
    """What to move: memory that is written to, the interpreter's code (none: of size 0); what else to make one."""

    written: tuple[Piece, ...]
    code: Piece
    constant: tuple[Piece, ...]


NOTHING = Plan((), Piece(0, 0), ())


def plan() -> Plan:
    """Return what is worth moving; to be called where /proc is, by the process or by one that will fork it."""
    try:
        with open(_ENABLED) as enabled:
            if "[never]" in enabled.read() or not hasattr(_libc, "makecontext"):
                return NOTHING
        with open("/proc/self/smaps") as smaps:
            mappings = list(_mappings(smaps))
    except OSError:
        return NOTHING
    written = _written(mappings)
    return Plan(written if sum(size for _, size in written) <= _MOST else (), _code(mappings), _constant(mappings))


_Mapping = tuple[int, int, str, str, int]  # start, bytes, access, name, bytes that are no file's

_NONE: _Mapping = (0, 0, "", "", 0)


def _mappings(smaps: Iterator[str]) -> Iterator[_Mapping]:
    start = size = 0
    access = name = ""
    for line in smaps:
        first, *rest = line.split(maxsplit=5)
        if first == "Anonymous:":
            yield start, size, access, name, int(rest[0]) << 10
        elif not first.endswith(":"):
            start, end = (int(bound, 16) for bound in first.split("-"))
            size, access, name = end - start, rest[0], rest[4].strip() if len(rest) > 4 else ""


def _written(mappings: Sequence[_Mapping]) -> tuple[Piece, ...]:
    """Return memory that is written to, neighbours as one.

    A library's data come in two mappings, of which the first is written to only while it is loaded. As one they cost a
    fork half as much. That both can be written to then, as the interpreter's own types can, gives nothing away.
    """
    found: list[Piece] = []
    for (start, size, access, name, own), following in pairwise((*mappings, _NONE)):
        loaded = access == "r--p" and following[0] == start + size and following[2] == "rw-p"
        if name != "[stack]" and own and 4 * own >= size and (access == "rw-p" or loaded):
            if found and sum(found[-1]) == start:
                found[-1] = Piece(found[-1].start, found[-1].size + size)
            else:
                found.append(Piece(start, size))
    return tuple(found)


def _constant(mappings: Sequence[_Mapping]) -> tuple[Piece, ...]:
    """Return what of each library is mapped side by side and never written to: its code, and constants around it."""
    found: list[Piece] = []
    for (name, unwritten), group in groupby(mappings, lambda each: (each[3], "w" not in each[2] and not each[4])):
        parts = list(group)
        side_by_side = all(sum(one[:2]) == other[0] for one, other in pairwise(parts))
        if name and unwritten and side_by_side and len(parts) > 1 and any("x" in each[2] for each in parts):
            found.append(Piece(parts[0][0], sum(each[1] for each in parts)))
    return tuple(found)


def _code(mappings: Sequence[_Mapping]) -> Piece:
    """Return the interpreter's code and the constants behind it, up to the end of the last huge page that fits."""
    if os.uname().machine != "x86_64":  # elsewhere a processor does not see by itself that code was written
        return Piece(0, 0)
    inside = ctypes.cast(ctypes.pythonapi.Py_GetVersion, _address).value or 0
    for (start, size, access, name, _), following in pairwise(mappings):
        if start <= inside < start + size and access == "r-xp":
            end = start + size
            if following[0] == end and following[2:4] == ("r--p", name):
                end += following[1]
            return Piece(start, max(0, end // _HUGE * _HUGE - start))
    return Piece(0, 0)


def settle(planned: Plan) -> None:
    """Move what was planned, as far as it is still there."""
    for piece in planned.constant:  # as one mapping, where the system allows it
        _libc.mprotect(piece.start, piece.size, _READ | _EXECUTE)
    if planned.code.size:
        _settle_code(planned.code)
    written = [piece for piece in planned.written if _is_there(piece)]
    if written:
        _settle_written(written)


def _is_there(piece: Piece) -> bool:
    resident = ctypes.create_string_buffer(piece.size // _PAGE)
    return not _libc.mincore(piece.start, piece.size, resident)


def _new(size: int) -> int:
    """Return the address of new memory; 0 for none."""
    got = _libc.mmap(None, size, _READ | _WRITE, _PRIVATE_ANONYMOUS, -1, 0)
    return 0 if got == _size(-1).value else int(got or 0)


def _new_huge(size: int) -> int:
    """Return the address of new memory, in huge pages as far as the kernel has them; 0 for none."""
    whole = _rounded_up(size)
    got = _new(whole + _HUGE)
    if not got:
        return 0
    start = _rounded_up(got)
    _give_back(got, start)
    _give_back(start + whole, got + whole + _HUGE)
    _libc.madvise(start, whole, _MADV_HUGEPAGE)
    return start


def _rounded_up(value: int) -> int:
    return -(-value // _HUGE) * _HUGE


def _give_back(start: int, end: int) -> None:
    if start < end:
        _libc.munmap(start, end - start)


def _settle_code(code: Piece) -> None:
    """Put a copy of the code in its place, as far from the start of a huge page as the code itself."""
    lead = code.start % _HUGE
    home = _new_huge(lead + code.size)
    if not home:
        return
    copy = home + lead
    ctypes.memmove(copy, code.start, code.size)
    _give_back(home, copy)  # behind it there is nothing: it ends where a huge page does
    if _libc.mprotect(copy, code.size, _READ | _EXECUTE):  # some systems forbid it
        _give_back(copy, copy + code.size)
        return
    _libc.mremap(copy, code.size, code.size, _MOVE_TO, code.start)


def _settle_written(pieces: Sequence[Piece]) -> None:
    """Copy memory that this very process works in, and put the copies in its place.

    The interpreter must not run between the first copy and the last move, or what it writes is lost. So the C functions
    are chained as contexts of makecontext(3), each with a stack of its own, outside of what is moved: `swapcontext`
    returns when the last has.
    """
    home = _new_huge(sum(size for _, size in pieces))
    steps: list[tuple[object, tuple[int, ...]]] = []
    moves: list[tuple[object, tuple[int, ...]]] = []
    place = home
    for start, size in pieces:
        steps.append((_libc.memcpy, (place, start, size)))
        moves.append((_libc.mremap, (place, size, size, _MOVE_TO, start)))
        place += size
    steps += moves
    area_size = (len(steps) + 1) * _ROOM
    area = _new(area_size) if home else 0
    if not area:
        return
    contexts = range(area, area + area_size, _ROOM)
    for context, then, (function, arguments) in zip(contexts[:-1], contexts[1:], steps, strict=True):
        _make_context(context, then, function, arguments)
    _libc.swapcontext(_address(contexts[-1]), _address(contexts[0]))
    _give_back(area, area + area_size)
    _give_back(place, _rounded_up(place))


def _make_context(context: int, then: int, function: object, arguments: tuple[int, ...]) -> None:
    """Have the context at an address call a function, and then go on with the context at another."""
    _libc.getcontext(_address(context))
    words = ctypes.cast(context, ctypes.POINTER(_size))  # uc_flags, uc_link, uc_stack: ss_sp, ss_flags, ss_size
    words[1], words[2], words[4] = then, context + _ROOM // 2, _ROOM // 2
    entry = ctypes.cast(function, _address)  # type: ignore[arg-type]
    _libc.makecontext(_address(context), entry, len(arguments), *map(ctypes.c_long, arguments))
