"""The page's modules that touch no page, in a real browser, without a server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, Route

import push
from support.browser import running_browser

ORIGIN = "http://page.test"
FOLDER = Path(push.__file__).parent / "page"


@contextmanager
def page_with_modules(names: Sequence[str]) -> Iterator[Page]:
    """Open a blank page that has these modules as ``window.modules``, for the length of a ``with`` block."""

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name:
            route.fulfill(path=FOLDER / name, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    with running_browser() as browser:
        page = browser.new_page()
        page.route(f"{ORIGIN}/**", answer)
        page.goto(f"{ORIGIN}/")
        page.evaluate(
            """async names => {
                window.modules = {};
                for (const name of names) window.modules[name] = await import(`/${name}.js`);
            }""",
            list(names),
        )
        yield page
