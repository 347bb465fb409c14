"""The funnel: one picture of how many files and bytes each step left, and of the licences that came through.

It is written as SVG by hand: bars and texts, readable in light and in dark, the same bytes for the same figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from sparkgap.curate.ledger import Stage

_WIDTH, _NAMES, _BAR, _ROW = 760, 150, 250, 26  # pixels
_MOST_LICENCES = 8
_STYLE = (
    "text{font:13px Arial,Helvetica,sans-serif;fill:#1f2328}.f{fill:#3b6ea8}.b{fill:#8aa9c8}.l{fill:#5c8a4a}"
    ".q{fill:#59636e}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.q{fill:#9198a1}}"
)


def funnel(stages: Sequence[Stage], licences: Counter[str]) -> str:
    """Return the picture as an SVG document."""
    rows = [_bars(each, stages[0], 40 + place * _ROW) for place, each in enumerate(stages)]
    top = 40 + len(stages) * _ROW + 34
    named = licences.most_common(_MOST_LICENCES)
    rest = licences.total() - sum(count for _, count in named)
    named += [("others", rest)] if rest else []
    most = max((count for _, count in named), default=1)
    rows.append(f'<text x="0" y="{top - 12}" class="q">licences of the files kept</text>')
    for place, (licence, count) in enumerate(named):
        y = top + place * _ROW
        rows.append(_text(0, y + 15, _short(licence)))
        rows.append(f'<rect class="l" x="{_NAMES}" y="{y + 3}" width="{_length(count, most)}" height="16"/>')
        rows.append(_text(_NAMES + _length(count, most) + 6, y + 15, f"{count:,}"))
    height = top + len(named) * _ROW + 6
    head = [_text(_NAMES, 24, "files", "q"), _text(_NAMES + _BAR + 90, 24, "bytes", "q")]
    label = escape(f"Of {stages[0].files:,} files {stages[-1].files:,} are kept", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img" aria-label="{label}"><style>{_STYLE}</style>{"".join([*head, *rows])}</svg>\n'
    )


def size(count: int) -> str:
    """Return a number of bytes for people."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count} B"


def _bars(stage: Stage, first: Stage, y: int) -> str:
    files, held = _length(stage.files, first.files), _length(stage.bytes, first.bytes)
    right = _NAMES + _BAR + 90
    return "".join([
        _text(0, y + 15, stage.step if stage is first else f"after {stage.step}"),
        f'<rect class="f" x="{_NAMES}" y="{y + 3}" width="{files}" height="16"/>',
        _text(_NAMES + files + 6, y + 15, f"{stage.files:,}"),
        f'<rect class="b" x="{right}" y="{y + 3}" width="{held * 180 // _BAR}" height="16"/>',
        _text(right + held * 180 // _BAR + 6, y + 15, size(stage.bytes)),
    ])  # fmt: skip


def _length(count: int, most: int) -> int:
    return max(1, round(_BAR * count / max(1, most))) if count else 0


def _short(text: str) -> str:
    return text if len(text) <= 20 else text[:19] + "…"


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{named}>{escape(text)}</text>'
