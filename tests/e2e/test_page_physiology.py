"""How the page shows a body: HRV on its normal range, estimated levels apart from given ones, gaps."""

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable

import psycopg
import pytest
import redis
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from daybeat.servers import LocalServers
from schemas.events import BaselineChanged
from schemas.positions import Position
from schemas.readings import micros
from schemas.records import HrvDay
from schemas.situations import Decided
from stores.plans import PlanStore, PlanWrite, SituationRequest, WriteResult
from support.browser import ARGUMENTS
from support.page_bodies import (
    BARE,
    COMPUTED,
    GIVEN,
    LEARNING,
    NOW,
    bodies_on_a_page,
    computed_windows,
    page_url,
)
from support.physiology_rows import DAY, hrv_day, put_records
from support.push_run import PARTITIONS, PushRun

pytestmark = [pytest.mark.servers, pytest.mark.browser]

DESKTOP = (1280, 800)
PHONE = (390, 844)
NARROWEST = (360, 740)
LONG_MS = 30_000

Open = Callable[..., Awaitable[Page]]


@pytest.fixture
async def push(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection
) -> AsyncIterator[PushRun]:
    async with bodies_on_a_page(servers, redis_client, database) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    expect.set_options(timeout=LONG_MS)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield running
        await running.close()


@pytest.fixture
async def open_page(browser: Browser, push: PushRun) -> AsyncIterator[Open]:
    """Open a person's page once it is drawn; whatever it complains about fails the test."""
    complaints: list[str] = []

    async def open_it(user_id: str, size: tuple[int, int] = DESKTOP) -> Page:
        page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(page_url(push, user_id))
        await expect(page.locator(".track.heart_rate_bpm .line")).to_have_attribute("d", re.compile("M"))
        return page

    yield open_it
    assert complaints == []


def legend(page: Page) -> Locator:
    return page.get_by_role("list", name="Legend of the curves").get_by_role("listitem")


async def path_of(page: Page, part: str) -> str:
    return await page.locator(f".track{part}").get_attribute("d") or ""


async def curves_in_words(page: Page) -> str:
    return await page.locator(".curves").get_attribute("aria-label") or ""


async def test_hrv_stands_as_points_on_the_normal_range_with_the_mean_of_the_week(open_page: Open) -> None:
    page = await open_page(COMPUTED)
    await expect(legend(page)).to_have_text(
        [
            "HRV from beats (strap)",
            "low quality",
            "normal range of your nights",
            "7-day mean 3.92, within",
            "estimated",
        ]
    )
    await expect(page.locator(".track-label").nth(1)).to_contain_text("HRV (ln ms)")
    await expect(page.locator(".track.hrv .remark")).to_have_text("7-day mean: within")
    band = [float(number) for number in re.findall(r"[\d.]+", await path_of(page, ".hrv .band"))]
    _, top, right, bottom, _ = band
    mean = float(re.findall(r"M0 ([\d.]+)H", await path_of(page, ".hrv .mean"))[0])
    # The range is 3.75 to 4.20, the mean 3.92: places are in proportion.
    assert (bottom - mean) / (bottom - top) == pytest.approx((3.92 - 3.75) / (4.20 - 3.75), abs=0.01)
    assert right == pytest.approx(
        await page.evaluate("document.querySelector('.ground').width.baseVal.value")
    )
    assert (await path_of(page, ".hrv .line")).count("h0") > 40
    assert 4 < (await path_of(page, ".hrv .low")).count("h0") < 12
    assert re.search(r"HRV \(ln ms\) 3\.\d\d \(\d\d ms, normal 3\.75–4\.20\)", await curves_in_words(page))


async def test_a_range_that_is_being_learnt_is_said_and_not_drawn(open_page: Open) -> None:
    page = await open_page(LEARNING)
    await expect(page.locator(".track.hrv .remark")).to_have_text("learning: 4 of 7 nights")
    await expect(legend(page)).to_have_text(
        ["HRV from beats (strap)", "low quality", "learning: 4 of 7 nights"]
    )
    assert await path_of(page, ".hrv .line")
    assert [await path_of(page, f".hrv .{part}") for part in ("band", "mean", "marker")] == ["", "", ""]
    assert "normal" not in await curves_in_words(page)


async def test_levels_that_no_device_gives_are_hatched_and_called_estimated(open_page: Open) -> None:
    page = await open_page(COMPUTED)
    for name, pieces in (("energy_level", 2), ("stress_level", 3)):
        # One gap while the strap is off; stress is silent under exercise too.
        hatch = page.locator(f".track.{name} .hatch")
        await expect(hatch).to_have_attribute("fill", f"url(#hatch-{name})")
        assert (await path_of(page, f".{name} .hatch")).count("Z") == pieces
        assert await path_of(page, f".{name} .band") == ""
        await expect(page.locator(f".track.{name} .remark")).to_have_text("estimated")
    words = await curves_in_words(page)
    assert re.search(r"Energy \d+% \(estimated, confidence 60%\), Stress \d+% \(estimated", words)


async def test_levels_that_a_device_gives_stand_alone(open_page: Open) -> None:
    page = await open_page(GIVEN)
    await expect(legend(page)).to_have_text(
        [
            "HRV as given by ring",
            "normal range of your nights, provisional (11 of 14)",
            "7-day mean 3.58, below",
        ]
    )
    assert (await path_of(page, ".energy_level .band")).count("Z") == 2
    assert await path_of(page, ".energy_level .hatch") == ""
    assert "estimated" not in await curves_in_words(page)
    assert await path_of(page, ".hrv .low") == ""


async def test_a_person_without_hrv_or_levels_has_no_legend_and_no_zeros(open_page: Open) -> None:
    page = await open_page(BARE)
    await expect(page.locator(".track-label .value").nth(0)).to_contain_text("bpm")
    assert await page.locator(".track-label .value").all_inner_texts() == ["64 bpm", "–", "–", "–"]
    await expect(legend(page)).to_have_count(0)
    assert [await path_of(page, f".{one} .line") for one in ("hrv", "energy_level", "stress_level")] == [
        ""
    ] * 3


async def test_a_stored_change_of_the_range_is_a_line_among_the_decisions(open_page: Open) -> None:
    page = await open_page(GIVEN)
    line = page.locator(".decision.range-change")
    await expect(line).to_have_count(1)
    await expect(line.locator(".sentence")).to_have_text(
        "HRV below your normal range: the 7-day mean is 3.58 (36 ms),"
        " normal is 3.62 to 4.07 (37 to 59 ms). The range is provisional: 11 of 14 nights."
    )
    # 06:30 UTC: the rows may come before the plan, which says where he lives.
    await expect(line.locator("time").first).to_have_text("07:30")
    await line.locator("summary").press("Enter")
    rows = await line.locator("tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["7-day mean", "3.58 (36 ms)"],
        ["Normal range", "3.62 (37 ms) to 4.07 (59 ms)"],
        ["Night", "3.41 (30 ms)"],
        ["Days known", "11, provisional"],
    ]


async def test_the_event_of_a_changed_range_is_told_at_once_and_only_once(
    open_page: Open, redis_client: redis.Redis, database: psycopg.Connection
) -> None:
    page = await open_page(COMPUTED)
    await expect(page.locator("#connection")).to_have_text("Live")
    rose = hrv_day(mean7=4.25, status="above", onset=True)
    tell_of(redis_client, HrvDay.model_validate(rose.model_dump(exclude={"table", "time", "user_id"})))
    sentence = (
        "HRV above your normal range: the 7-day mean is 4.25 (70 ms), normal is 3.75 to 4.20 (43 to 67 ms)."
    )
    await expect(page.locator(".decision.range-change .sentence")).to_have_text(sentence)
    await expect(page.locator("#announcer")).to_have_text(f"Ada: {sentence}")
    database.execute("DELETE FROM daybeat.hrv_days WHERE user_id = 'ada' AND day = %s", (DAY,))
    put_records(database, [rose])
    await expect(legend(page).nth(3)).to_have_text("7-day mean 4.25, above")
    await expect(page.locator(".decision.range-change")).to_have_count(1)


def tell_of(client: redis.Redis, baseline: HrvDay) -> None:
    """Write the event into Ada's feed, as the live flow does."""
    store = PlanStore(client, PARTITIONS)
    (loaded,) = store.load([SituationRequest(COMPUTED, ())])
    last = loaded.situation.feed_last
    event = BaselineChanged(
        event_id=f"{micros(NOW) // 1000}-0", previous_id=last, time=NOW, baseline=baseline
    )
    decided = Decided(at=NOW, person=loaded.situation.person, events=(event,))
    position = Position(micros(NOW) // 1000, 0, 0)
    assert store.write([PlanWrite(COMPUTED, position, loaded.applied, decided)]) == [WriteResult.WRITTEN]


async def test_another_source_begins_another_picture_from_the_morning_on(
    open_page: Open, database: psycopg.Connection
) -> None:
    page = await open_page(BARE)
    await expect(legend(page)).to_have_count(0)
    put_records(database, [*computed_windows(BARE)])
    await expect(legend(page).first).to_have_text("HRV from beats (strap)")
    await expect(page.locator(".track.hrv .remark")).to_have_text("learning: no night yet")
    # The cursor was at 14:20 when they were stored; those since 06:00 are drawn.
    await expect(page.locator(".track.hrv .line")).to_have_attribute("d", re.compile(r"^M\d\.\d "))
    assert (await path_of(page, ".hrv .line")).count("h0") > 40


async def test_a_range_of_an_earlier_day_says_which(open_page: Open, database: psycopg.Connection) -> None:
    database.execute("DELETE FROM daybeat.hrv_days WHERE user_id = 'ada' AND day = %s", (DAY,))
    page = await open_page(COMPUTED)
    await expect(legend(page).nth(3)).to_have_text("7-day mean 3.93, within (Thursday 19 November)")


async def test_the_curves_tell_hrv_and_estimates_at_the_keyboard(open_page: Open) -> None:
    page = await open_page(COMPUTED)
    slider = page.get_by_role("slider")
    await slider.focus()
    await slider.press("Home")
    for _ in range(9):
        await slider.press("ArrowRight")
    text = await slider.get_attribute("aria-valuetext") or ""
    assert re.match(
        r"08:15 · Heart rate \d+ bpm · HRV \(ln ms\) \d\.\d\d \(\d\d ms, normal 3\.75–4\.20\)"
        r" · Energy \d\d% \(estimated, confidence 60%\)$",
        text,
    ), text  # of stress nothing is said under exercise


@pytest.mark.parametrize("size", [NARROWEST, PHONE, (768, 1024), DESKTOP], ids=str)
@pytest.mark.parametrize("user_id", [COMPUTED, GIVEN])
async def test_nothing_scrolls_sideways_also_while_the_curves_are_read(
    open_page: Open, user_id: str, size: tuple[int, int]
) -> None:
    page = await open_page(user_id, size)
    await expect(legend(page)).not_to_have_count(0)
    slider = page.get_by_role("slider")
    await slider.focus()
    for key in ("Home", *["PageUp"] * 9):
        await slider.press(key)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
