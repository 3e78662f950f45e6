"""A report in a real browser: nothing overflows, nothing is requested, contrast suffices, the map can be used."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

import fastssl

from .browser import CHROMIUM, Browser

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]

OVERFLOWING = """[...document.querySelectorAll("body *")].filter((one) => !one.closest(".table, pre, svg, #hover")
    && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 80))"""

PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"

# Contrast as WCAG 2 defines it, of all text that is not in a drawing against the ground it stands on.
CONTRAST = """(() => {
  const levels = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map((one) => one / 255)
    .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  const light = (colour) => levels(colour).reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (one) => {
    const own = getComputedStyle(one).backgroundColor;
    return own === "rgba(0, 0, 0, 0)" && one.parentElement ? ground(one.parentElement) : own;
  };
  return Math.min(...[...document.querySelectorAll("p, li, td, th, h1, h2, h3, a, summary, code, span")]
    .filter((one) => one.textContent.trim() && one.offsetParent).map((one) => {
      const [bright, dark] = [light(getComputedStyle(one).color), light(ground(one))].sort((a, b) => b - a);
      return (bright + 0.05) / (dark + 0.05);
    }));
})()"""


@pytest.fixture
def report(evaluated_run: Path) -> Path:
    return fastssl.report(evaluated_run, console=Console(file=io.StringIO()), device="cpu", projection="pca").resolve()


def test_a_report_fits_phone_and_screen_in_light_and_dark_and_requests_nothing(report: Path, tmp_path: Path) -> None:
    with Browser(tmp_path / "profile") as browser:
        for width in (390, 1280):
            for scheme in ("light", "dark"):
                browser.open(report, width, scheme)
                assert browser.ask("document.documentElement.scrollWidth") == width
                assert browser.ask(OVERFLOWING) == []
                assert browser.ask(CONTRAST) >= 4.5
        asked = {
            request["request"]["url"].partition(",")[0] for request in browser.of_kind("Network.requestWillBeSent")
        }
        assert asked <= {report.as_uri(), "data:image/png;base64", "data:image/jpeg;base64"}
        assert browser.of_kind("Log.entryAdded") == []
        assert browser.of_kind("Runtime.exceptionThrown") == []


def test_the_map_shows_images_by_pointer_and_by_key(report: Path, tmp_path: Path) -> None:
    with Browser(tmp_path / "profile") as browser:
        browser.open(report, 1280, "light")
        browser.ask('document.querySelector("svg.map").scrollIntoView({ behavior: "instant" })')
        browser.ask(PAINTED)  # scrolling hides what the pointer shows
        place = browser.ask("""(() => {
            const box = document.querySelector("svg.map use").getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2];
        })()""")
        browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
        assert browser.ask('document.getElementById("hover").hidden') is False
        assert "test image" in browser.ask('document.querySelector("#hover p").textContent')
        browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
        assert browser.ask('document.getElementById("hover").hidden') is True
        browser.ask('document.querySelector("svg.map").focus({ preventScroll: true })')
        named = []
        for _ in range(2):
            for kind in ("keyDown", "keyUp"):
                browser.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight")
            named.append(browser.ask('document.querySelector("#hover p").textContent'))
        assert len(set(named)) == 2
