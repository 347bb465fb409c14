from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from run_folders import flags, write_measure
from sparkgap.claims import Claim, Claimed
from sparkgap.report import charts
from sparkgap.report.comparison import SCALES, compare
from sparkgap.results import read_result
from sparkgap.types import STATUSES

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "</text><script>attack()</script><img src=x onerror=attack()>\"'&\u202e"
STYLE = (Path(charts.__file__).parent / "page.css").read_text()


def parsed(svg: str) -> ElementTree.Element:
    """Parse a chart, and hold it to what every chart must be."""
    root = ElementTree.fromstring(svg)
    tags = {node.tag.removeprefix(SVG) for node in root.iter()}
    assert tags <= {"svg", "g", "path", "line", "text", "rect", "title"}
    for node in root.iter():
        assert not [name for name in node.attrib if name.startswith("on") or name.endswith("href")]
        for paint in ("fill", "stroke"):  # a colour that does not follow the scheme may be unreadable in one of them
            assert node.get(paint, "none") in ("none", "transparent") or node.get(paint, "").startswith("var(--")
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert float(root.get("width", "0")) <= charts.WIDTH
    return root


def texts(root: ElementTree.Element) -> list[str]:
    return [node.text or "" for node in root.iter(f"{SVG}text")]


def test_bars_say_each_figure_and_draw_its_interval(tmp_path: Path) -> None:
    folders = [
        write_measure(tmp_path / "a", "one", {"humaneval": flags([1] * 30 + [0] * 10)}),
        write_measure(tmp_path / "b", EVIL, {"humaneval": flags([1] * 10 + [0] * 30)}),
        write_measure(tmp_path / "c", "nothing", {"humaneval": flags([None])}),
    ]
    claim = Claim("X-1", "humaneval", 0.9, "share", "a", "b", "c")
    table = compare([read_result(folder) for folder in folders], [Claimed("X-1", "X-1", {"humaneval": claim})])
    root = parsed(charts.bars(table.columns[0], table.rows))
    assert {"75.0", "25.0", "90.0", "one", "X-1"} <= set(texts(root))
    assert "nothing" not in texts(root)
    label = root.get("aria-label", "")
    assert label.startswith("humaneval (chat): one 75.0, </text><script>attack()")
    assert label.endswith("X-1 90.0")
    rules = [node for node in root.iter(f"{SVG}line") if node.get("aria-roledescription") == "rule mark"]
    assert len(rules) == 2, "a claim has no interval"
    plot = charts.WIDTH - 190
    for rule, row in zip(rules, (0, 1), strict=True):
        cell = table.columns[0].cells[row]
        assert cell is not None
        assert cell.low is not None
        assert cell.high is not None
        assert abs(float(rule.get("x2", "0"))) == pytest.approx((cell.high - cell.low) * plot, abs=0.01)


def test_stacked_bars_share_out_the_samples() -> None:
    root = parsed(charts.stacked("b", {"a": {"passed": 3, "wrong": 1}, EVIL: {"wrong": 2, "odd": 2}}))
    assert "a: passed 3, wrong 1" in root.get("aria-label", "")
    bars = [node for node in root.iter() if node.get("aria-roledescription") == "bar"]
    widths = sorted(float(re.search(r"h(-?[\d.]+)", node.get("d", ""))[1]) for node in bars)  # type: ignore[index]
    whole = charts.WIDTH - 190
    assert widths == pytest.approx([whole / 4, whole / 2, whole / 2, 3 * whole / 4])
    assert {node.get("fill") for node in bars} == {"var(--s-passed)", "var(--s-wrong)", charts.status_colour("odd")}


def test_history_and_curves_are_charts_with_words() -> None:
    points = [charts.Point(f"2026-0{n}-01T00:00:00Z", "x", n / 10, n / 10 - 0.05, n / 10 + 0.05) for n in (1, 2, 3)]
    root = parsed(charts.history(EVIL, SCALES["share"], points))
    assert root.get("aria-label", "").endswith("2026-01-01 10.0, 2026-02-01 20.0, 2026-03-01 30.0")
    assert {"2026-01-01", "2026-02-01", "2026-03-01"} <= set(texts(root))
    root = parsed(charts.curve("reward", [(0, 0.1), (5, 0.3), (10, 0.25)]))
    assert root.get("aria-label") == "reward: 0.1 at step 0, 0.25 at step 10"
    parsed(charts.curve("one point", [(3, 1.0)]))


def test_a_drawing_is_the_same_each_time() -> None:
    counts = {"a": {"passed": 3, "wrong": 1}}
    assert charts.stacked("b", counts) == charts.stacked("b", counts)


def luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def schemes() -> list[dict[str, str]]:
    blocks = re.findall(r":root[^{]*\{([^}]*--page[^}]*)\}", STYLE)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks]


def test_there_is_one_light_scheme_and_the_dark_one_twice() -> None:
    light, dark, chosen = schemes()
    assert dark == chosen
    assert light.keys() == dark.keys()


@pytest.mark.parametrize("scheme", schemes()[:2], ids=["light", "dark"])
def test_every_colour_can_be_told_from_the_page(scheme: dict[str, str]) -> None:
    """As WCAG 2.2 asks: 4.5 for text, 3 for what is drawn."""
    assert {f"s-{status}" for status in (*STATUSES, *charts.STATUS_COLOURS)} <= scheme.keys()
    for ground in ("page", "card", "mark"):
        assert contrast(scheme["ink"], scheme[ground]) >= 4.5
    for ground in ("page", "card", "mark"):
        assert contrast(scheme["soft"], scheme[ground]) >= 4.5
    drawn = {
        name: contrast(colour, scheme["page"])
        for name, colour in scheme.items()
        if name[:2] in ("s-", "ot", "ba", "fo")
    }
    assert {name: ratio for name, ratio in drawn.items() if ratio < 3} == {}
