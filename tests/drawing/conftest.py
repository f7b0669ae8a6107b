"""A real browser, for the tests of the player."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("the player is driven in Chromium, which is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="the player is driven by playwright")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def player(browser, tmp_path):
    """Opens a picture's page; afterwards nothing was asked of the network and nothing went wrong."""
    opened = []

    def play(picture, **options):
        usual = {"viewport": {"width": 1200, "height": 800}, "reduced_motion": "reduce"}  # nothing is half faded
        page = browser.new_page(**usual | options)
        page.troubles, page.requests = [], []
        page.on("console", lambda message: page.troubles.append(message.text))
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        url = picture.save(tmp_path / "page.html").as_uri()
        page.goto(url)
        opened.append((page, url))
        return page

    yield play
    for page, url in opened:
        assert page.troubles == []
        assert page.requests == [url]
        page.close()
