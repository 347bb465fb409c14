"""The page in a real browser: nothing leaves it, nothing hostile runs in it, and what is pressed does what it says.

Needs Chromium on this machine and playwright, which downloads nothing here. Without them the tests are skipped; with
SPARKGAP_REQUIRE_BROWSER=1 they fail instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from run_folders import write_measure
from sparkgap.report import report
from sparkgap.report.plaintext import visible
from sparkgap.types import Problem

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
PATIENCE_MS = 20_000
NAMES = ("chromium", "chromium-browser", "google-chrome")
CONTRAST = """(element) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  let ground = element;
  while (ground && channels(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
  const light = (colour) => channels(colour).slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const style = getComputedStyle(element);
  const ink = element instanceof SVGElement ? style.fill : style.color;
  const pair = [light(ink), light(ground ? getComputedStyle(ground).backgroundColor : "white")].sort((a, b) => a - b);
  return (pair[1] + 0.05) / (pair[0] + 0.05);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    missing = "no Chromium on this machine" if found is None else ""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing = "playwright is not installed"
    if missing:
        if os.environ.get("SPARKGAP_REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield opened
        opened.close()


class Seen:
    """One opened page, and all that it asked for or complained of."""

    def __init__(self, browser: Browser, path: Path, before: str = "", **context: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(offline=True, **context)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.add_init_script(before)
        self.page.goto(path.as_uri())

    def count(self) -> str:
        """What the list of problems says of itself, once it is filled."""
        return self.told_after("")

    def told_after(self, before: str) -> str:
        """Wait until the list says something else than `before`, and return it."""
        from playwright.sync_api import expect

        expect(self.page.locator("#count")).not_to_have_text(before, timeout=PATIENCE_MS)
        return self.page.inner_text("#count")

    def close(self) -> None:
        self.context.close()


@pytest.fixture(scope="module")
def file(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture
def seen(browser: Browser, file: Path) -> Iterator[Seen]:
    """The hostile report, opened on a desk; closed, it has asked for nothing and complained of nothing."""
    opened = Seen(browser, file, viewport={"width": 1280, "height": 900})
    yield opened
    assert opened.page.evaluate("window.attacked") is None
    assert opened.complaints == []
    assert opened.requests == [file.as_uri()]
    opened.close()


def test_every_hostile_reply_is_shown_and_none_runs(
    seen: Seen, problems: list[Problem], hostile: tuple[str, ...]
) -> None:
    assert seen.count() == f"1 to {len(problems)} of {len(problems)} problems"
    rows = seen.page.locator("details.problem")
    for place in range(len(hostile)):
        rows.nth(place).locator("summary").first.click()
        body = rows.nth(place).locator(".text")
        body.locator("section").nth(1).wait_for()
        told = body.text_content() or ""
        assert (visible(problems[place].prompt)) in told
        if place % 3 != 2:
            assert visible(hostile[place][:200]).strip() in told
    assert seen.page.locator("iframe, img, #rows svg, #rows style, #rows script").count() == 0


def test_a_verdict_points_at_the_line_of_the_program(seen: Seen) -> None:
    seen.count()
    seen.page.locator("details.problem > summary").first.click()
    section = seen.page.locator("details.problem section").nth(1)
    section.wait_for()
    assert "ValueError: </script><script>" in section.inner_text()
    assert "readings" not in section.inner_text()
    seen.page.locator("details.problem > summary").first.click()  # and opened again, it is the same, not more
    seen.page.locator("details.problem > summary").first.click()
    assert seen.page.locator("details.problem section").count() == 2
    marked = section.locator("pre.program span.at")
    assert [text.strip()[:16] for text in marked.all_inner_texts()] == ["raise ValueError"]


def test_filters_and_search_leave_what_they_say(seen: Seen, problems: list[Problem]) -> None:
    whole = len(problems)
    hit = sum(place % 3 == 2 for place in range(whole))
    assert seen.count().endswith(f"of {whole} problems")
    page = seen.page

    def after(field: str, value: str) -> str:
        """Set a filter by its visible text; return what the list then says."""
        before = page.inner_text("#count")
        box = page.locator(field)
        if field == "#texts":
            box.check()
        elif field == "#search":
            box.fill(value)
        else:
            box.select_option(label=value)
        return seen.told_after(before)

    evil = page.locator("#worse option").nth(2).inner_text()
    assert after("#worse", evil).endswith(f"of {whole - hit} found, of {whole} problems")
    assert page.inner_text("#better-label") == "solved by"
    assert after("#better", evil) == "no problem is so"
    assert after("#better", "right").endswith(f"of {whole - hit} found, of {whole} problems")
    assert after("#worse", "right") == "no problem is so"
    page.locator("#worse").select_option("")
    assert after("#better", evil).endswith(f"of {hit} found, of {whole} problems")
    assert after("#better", "anyone or none").endswith(f"of {whole} problems")
    assert after("#status", "unanswered") == f"1 to 1 of 1 found, of {whole} problems"
    assert after("#whose", "right") == "no problem is so"
    assert after("#whose", evil).startswith("1 to 1 of 1 found")
    page.locator("#whose").select_option("")
    assert after("#status", "any outcome").endswith(f"of {whole} problems")
    assert after("#search", problems[3].id.upper()) == f"1 to 1 of 1 found, of {whole} problems"
    assert "found" in after("#search", "VALUEERROR:")
    told = page.locator("details.problem .why").all_inner_texts()
    assert told
    assert all(text.startswith("ValueError: ") for text in told)
    words = problems[4].prompt.split()
    assert after("#search", " ".join(words[-5:])) == "no problem is so"
    assert after("#texts", "") == f"1 to 1 of 1 found, of {whole} problems"
    assert page.locator("details.problem .id").inner_text().split()[0] == problems[4].id
    page.locator("#search").fill("")
    seen.told_after(f"1 to 1 of 1 found, of {whole} problems")
    assert "found" in after("#topic", "recursion")
    told = page.locator("details.problem .id").all_inner_texts()
    assert told
    assert all("recursion" in text for text in told)


def test_the_table_sorts_best_first_then_worst_first(seen: Seen) -> None:
    page = seen.page

    def names() -> list[str]:
        return [text.split()[0] for text in page.locator("#table tbody th").all_inner_texts()]

    head = page.locator("#table th", has_text="hello")
    assert names() == ["right", "model", "X-1", "Y-2"]
    head.locator("button").click()
    assert (names(), head.get_attribute("aria-sort")) == (["right", "X-1", "model", "Y-2"], "descending")
    head.locator("button").click()
    assert (names(), head.get_attribute("aria-sort")) == (["model", "X-1", "right", "Y-2"], "ascending")
    page.locator("#table th button", has_text="model").click()
    assert head.get_attribute("aria-sort") is None
    assert names() == ["model", "right", "X-1", "Y-2"]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_schemes_and_nothing_sticks_out(
    browser: Browser, file: Path, scheme: str, width: int
) -> None:
    opened = Seen(browser, file, viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened.count()
    page = opened.page
    page.locator("details.problem > summary").first.click()
    page.locator("details.problem section").nth(1).wait_for()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(255, 255, 255)") == (scheme == "light")
    for selector in ("h1", ".subtitle", "#table th", "#table td .interval", "figure svg text", "#count", "#theme",
                     "details.problem .id", "pre.program span", "pre.program span.at", "dl dt", "footer"):  # fmt: skip
        found = page.locator(selector)
        assert found.count() > 0, selector
        for place in range(min(3, found.count())):
            assert found.nth(place).evaluate(CONTRAST) >= 4.5, selector
    assert page.evaluate("document.documentElement.scrollWidth") == width
    opened.close()


def test_the_reader_may_choose_the_scheme(seen: Seen) -> None:
    def ground() -> str:
        return str(seen.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = ground()
    seen.page.click("#theme")
    assert (seen.page.inner_text("#theme"), ground()) == ("theme: light", light)
    seen.page.click("#theme")
    assert seen.page.inner_text("#theme") == "theme: dark"
    assert ground() != light
    seen.page.click("#theme")
    assert (seen.page.inner_text("#theme"), ground()) == ("theme: auto", light)


def test_without_scripts_the_figures_stand(browser: Browser, file: Path) -> None:
    opened = Seen(browser, file, java_script_enabled=False)
    assert "100.0" in opened.page.inner_text("#table")
    assert opened.page.locator("figure svg").first.is_visible()
    assert "needs scripts" in opened.page.inner_text("#problems")
    assert not opened.page.locator("#theme").is_visible()
    opened.close()


def test_a_browser_that_cannot_unpack_says_so_and_keeps_the_figures(browser: Browser, file: Path) -> None:
    opened = Seen(browser, file, before="delete window.DecompressionStream")
    assert "too old" in opened.count()
    assert "100.0" in opened.page.inner_text("#table")
    assert opened.complaints == []
    opened.close()


def test_a_large_benchmark_is_paged_and_unpacked_only_where_it_is_looked_at(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 14_042
    monkeypatch.setattr("sparkgap.report.bundle.CHUNK_BYTES", 64 * 1024)
    values = {f"mmlu_like/{place}": [float(place % 4 == 0)] for place in range(count)}
    rated = {f"q/{place}": [place / 10] for place in range(10)}
    folders = []
    for name in ("a", "b"):
        said = {"rated": {"unit": "rating"}, "mmlu_like": {"variant": "cot"}}
        folders.append(write_measure(tmp_path / name, name, {"mmlu_like": values, "rated": rated}, **said))  # type: ignore[arg-type]
    path = tmp_path / "report.html"
    path.write_text(report(folders), encoding="utf-8")
    opened = Seen(browser, path)
    assert opened.count() == "1 to 50 of 14,042 problems"
    page = opened.page
    page.evaluate("""() => {
      window.unpacked = 0;
      const Real = DecompressionStream;
      DecompressionStream = class extends Real { constructor(form) { super(form); window.unpacked += 1; } };
    }""")
    page.click("#next")
    assert opened.count() == "51 to 100 of 14,042 problems"
    assert page.locator("details.problem").count() == 50
    assert page.evaluate("window.unpacked") == 0
    row = page.locator("details.problem").nth(3)
    assert row.locator(".id").inner_text().endswith("mmlu_like/53")
    row.locator("summary").first.click()
    row.locator("section").nth(1).wait_for()
    assert page.evaluate("window.unpacked") == 1
    page.select_option("#bench", label="rated (chat)")
    assert opened.told_after("51 to 100 of 14,042 problems") == "1 to 10 of 10 problems"
    assert page.inner_text("#better-label") == "higher for"
    assert row.locator(".outcome").first.inner_text().endswith("0.30")
    assert opened.complaints == []
    opened.close()
