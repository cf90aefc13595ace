"""The person stays in charge on the page: keep, undo, accept, decline, dials, pause, and what time ends."""

import asyncio
import datetime as dt
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import psycopg
import pytest
import redis
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from daybeat.servers import LocalServers
from support.adapting import DAY, plan
from support.adapting import task as task_at
from support.browser import ARGUMENTS
from support.page_agency import AgencyStage, agency_on_a_page
from support.push_run import NOW

pytestmark = [pytest.mark.servers, pytest.mark.browser]

DESKTOP = (1280, 800)
PHONE = (390, 844)
NARROWEST = (360, 740)
TOUCH_PX_MIN = 44
MOTION_MS_MAX = 400
LONG_MS = 30_000
LONG_S = 30.0

Open = Callable[..., Awaitable[Page]]


@pytest.fixture
async def stage(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection
) -> AsyncIterator[AgencyStage]:
    async with agency_on_a_page(servers, redis_client, database) as running:
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
async def open_page(browser: Browser) -> AsyncIterator[Open]:
    """Open a page once its plan is drawn; whatever it complains about fails the test."""
    complaints: list[str] = []

    async def open_it(url: str, size: tuple[int, int] = DESKTOP, **options: Any) -> Page:
        page = await browser.new_page(viewport={"width": size[0], "height": size[1]}, **options)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(url)
        await expect(page.locator(".timeline li").first).to_be_attached()
        return page

    yield open_it
    assert complaints == []


def task(page: Page, task_id: str) -> Locator:
    return page.locator(f'.timeline li[data-task-id="{task_id}"]')


def button(page: Page, name: str) -> Locator:
    return page.locator(".card").get_by_role("button", name=name, exact=True)


def said(page: Page) -> Locator:
    return page.locator(".card .outcome")


def dial(page: Page, title: str) -> Locator:
    return page.get_by_role("group", name=title)


async def open_panel(page: Page) -> Locator:
    await page.locator("#you-decide > summary").click()
    panel = page.locator("#you-decide")
    await expect(panel.get_by_role("switch")).to_be_visible()
    return panel


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until what the store holds is as it should be."""
    async with asyncio.timeout(LONG_S):
        while not holds():  # noqa: ASYNC110  # the store sets no event
            await asyncio.sleep(0.02)


# What a rule changed by itself


async def test_a_kept_change_stays_for_good(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    adaptation = await stage.change()
    await expect(page.locator(".card .reason")).to_have_text(adaptation.reason)
    await expect(page.locator(".card .rule")).to_contain_text("in force until")
    await button(page, "Keep").click()
    await expect(said(page)).to_have_text("You kept this.")
    await expect(page.locator(".card .rule")).not_to_contain_text("until")
    for change in adaptation.changes:
        mark = stage.task(change.task_id).adaptation
        assert mark is not None
        assert mark.expires_at is None
    await page.reload()
    await expect(said(page)).to_have_text("You kept this.")
    await expect(button(page, "Undo")).to_be_visible()


@pytest.mark.parametrize("by", ["click", "Enter"])
async def test_an_undone_change_gives_the_tasks_back(stage: AgencyStage, open_page: Open, by: str) -> None:
    page = await open_page(stage.url)
    before = stage.plan()
    adaptation = await stage.change()
    changed = adaptation.changes[0]
    await expect(task(page, changed.task_id).locator(".ghost")).to_be_attached()
    await expect(task(page, changed.task_id).locator(".detail")).to_contain_text("→")
    if by == "click":
        await button(page, "Undo").click()
    else:
        await button(page, "Undo").focus()
        await page.keyboard.press(by)
    await expect(said(page)).to_have_text("You took this back.")
    await expect(task(page, changed.task_id)).not_to_have_class(re.compile(r"\bmade\b"))
    await expect(page.locator(".ghost")).to_have_count(0)
    await expect(task(page, changed.task_id).locator(".detail")).not_to_contain_text("→")
    assert stage.plan().blocks == before.blocks
    await expect(page.locator(".decision.undone")).to_have_count(1)
    await expect(page.locator(".card .choices")).to_have_count(0)


async def test_a_change_is_answered_after_a_reload_with_its_evidence(
    stage: AgencyStage, open_page: Open
) -> None:
    page = await open_page(stage.url)
    adaptation = await stage.change()
    await expect(button(page, "Keep")).to_be_visible()
    await page.reload()
    await expect(page.locator(".card .reason")).to_have_text(adaptation.reason)
    evidence = page.locator(".card-evidence")
    await expect(evidence).to_be_hidden()
    confidence = f"confidence {adaptation.confidence * 100:.0f} %"
    await page.get_by_role("button", name=f"Evidence · {confidence}").press("Enter")
    rows = await evidence.locator("tbody tr").all_inner_texts()
    values = [f"{value.value * 100:.0f}%" for value in adaptation.evidence.values]
    assert [value in row for value, row in zip(values, rows, strict=True)] == [True] * len(values)
    await button(page, "Undo").click()
    await expect(said(page)).to_have_text("You took this back.")
    await expect(evidence).to_be_visible()


async def test_at_the_end_of_its_time_the_plan_returns_by_itself_and_says_so(
    stage: AgencyStage, open_page: Open
) -> None:
    await stage.put_plan(plan=plan(task_at("walk", "14:00")))
    page = await open_page(stage.url)
    before = stage.plan()
    adaptation = await stage.change()
    await expect(task(page, "walk").locator(".ghost")).to_be_attached()
    await stage.let_time_pass(adaptation.expires_at)
    await expect(said(page)).to_have_text("Its time was over; what had not begun is as it was.")
    await expect(page.locator("#announcer")).to_contain_text("The time of a change is over for Ada.")
    await expect(page.locator(".decision.expired")).to_have_count(1)
    await expect(page.locator(".ghost")).to_have_count(0)
    assert stage.plan().blocks == before.blocks


async def test_the_ghost_goes_within_400_ms_and_without_motion_where_none_is_wanted(
    stage: AgencyStage, open_page: Open
) -> None:
    count_motions = """() => {
        window.motions = [];
        const animate = Element.prototype.animate;
        Element.prototype.animate = function (frames, options) {
            window.motions.push([String(this.className), options.duration]);
            return animate.call(this, frames, options);
        };
    }"""
    moving = await open_page(stage.url)
    still = await open_page(stage.url, reduced_motion="reduce")
    adaptation = await stage.change()
    for page in (moving, still):
        await expect(page.locator(".ghost").first).to_be_attached()
        await page.evaluate(count_motions)
    await stage.command({"type": "adaptation.undo", "adaptation_id": adaptation.adaptation_id})
    for page in (moving, still):
        await expect(said(page)).to_have_text("You took this back.")
        await expect(page.locator(".ghost")).to_have_count(0)
    motions = await moving.evaluate("window.motions")
    assert {"bar", "ghost leaving protective"} <= {name for name, _ in motions}
    assert max(duration for _, duration in motions) <= MOTION_MS_MAX
    assert await still.evaluate("window.motions") == []


# What is proposed


async def test_an_accepted_proposal_can_be_taken_back(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    before = stage.plan()
    adaptation = await stage.change("energy_surge")
    await button(page, "Accept").click()
    await expect(said(page)).to_have_text("You accepted this.")
    assert stage.plan().blocks != before.blocks
    await button(page, "Undo").click()
    await expect(said(page)).to_have_text("You took this back.")
    await expect(task(page, adaptation.changes[0].task_id)).not_to_have_class(re.compile(r"\bchanged\b"))
    assert stage.plan().blocks == before.blocks


async def test_a_declined_proposal_leaves_the_plan_byte_for_byte(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    before = stage.plan().model_dump_json()
    await stage.change("energy_surge")
    await button(page, "Decline").press("Enter")
    await expect(said(page)).to_have_text("You declined this. The plan stays as it was.")
    assert stage.plan().model_dump_json() == before


async def test_a_proposal_that_nobody_answers_lapses_and_says_so(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    adaptation = await stage.change("energy_surge")
    await expect(button(page, "Accept")).to_be_visible()
    await stage.let_time_pass(adaptation.expires_at)
    await expect(said(page)).to_have_text("No longer open; nothing was changed.")
    await expect(button(page, "Accept")).to_have_count(0)


# The list of decisions


async def test_a_change_is_taken_back_from_the_list_of_decisions(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    before = stage.plan()
    await stage.change()
    decision = page.locator(".decision.applied")
    await decision.locator("summary").click()
    await decision.get_by_role("button", name="Undo Energy drop").click()
    await expect(page.locator(".decision.undone")).to_have_count(1)
    await expect(decision.locator("details")).to_have_attribute("open", "")
    await expect(decision.get_by_role("button")).to_have_count(0)
    assert stage.plan().blocks == before.blocks


async def test_a_change_of_the_day_before_is_taken_back_from_the_list(
    stage: AgencyStage, open_page: Open
) -> None:
    yesterday = DAY - dt.timedelta(days=1)
    await stage.put_plan(yesterday)
    before = stage.plan(yesterday)
    adaptation = await stage.change(now=NOW - dt.timedelta(hours=23))
    assert {one.date for one in adaptation.changes} == {yesterday}
    page = await open_page(stage.url)
    await expect(page.locator(".card.none")).to_be_visible()
    decision = page.locator(".decision.applied")
    await decision.locator("summary").click()
    await decision.get_by_role("button", name="Undo Energy drop").click()
    await expect(page.locator(".decision.undone")).to_have_count(1)
    assert stage.plan(yesterday).blocks == before.blocks


# You decide


async def test_a_dial_is_set_and_taken_back_to_its_default(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    panel = await open_panel(page)
    energy = dial(page, "Energy drop")
    await expect(energy.get_by_role("radio", name="Apply, default")).to_be_checked()
    await energy.locator(".segment", has_text="Note").click()
    await expect(panel.locator('[data-rule="energy_drop"] .wish')).to_have_text("Done")
    assert stage.person().autonomy == {"energy_drop": "note"}
    await expect(panel.locator(".how")).to_have_text("1 of 9 rules set by you")
    before = stage.plan()
    await stage.fire("energy_drop")
    await expect(said(page)).to_have_text("Only noted, as you wanted. Nothing was changed.")
    await expect(page.locator(".decision.fired .outcome")).to_have_text("Noted")
    assert stage.plan() == before
    await energy.get_by_role("radio", name="Note").focus()
    await page.keyboard.press("ArrowRight")
    await expect(energy.get_by_role("radio", name="Propose")).to_be_checked()
    await page.keyboard.press("ArrowRight")
    await eventually(lambda: stage.person().autonomy == {})
    await expect(energy.get_by_role("radio", name="Apply, default")).to_be_checked()
    await expect(panel.locator(".how")).to_have_text("Rules at their defaults")


async def test_a_rule_that_makes_the_day_harder_may_propose_at_most(
    stage: AgencyStage, open_page: Open
) -> None:
    page = await open_page(stage.url)
    await open_panel(page)
    surge = dial(page, "Energy to spare").get_by_role("radio")
    assert [await one.get_attribute("value") for one in await surge.all()] == ["off", "note", "propose"]
    await expect(surge.nth(2)).to_be_checked()


async def test_what_another_connection_decides_is_shown(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    panel = await open_panel(page)
    await stage.command({"type": "autonomy.set", "rule": "energy_drop", "level": "off", "reduce_only": True})
    await expect(dial(page, "Energy drop").get_by_role("radio", name="Off")).to_be_checked()
    await expect(panel.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    await expect(panel.locator(".how")).to_have_text("Never harder · 1 of 9 rules set by you")


async def test_everything_is_paused_and_goes_on(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    panel = await open_panel(page)
    pause = panel.locator(".pause")
    await pause.get_by_role("button", name="1 hour").press("Enter")
    await expect(pause.locator(".wish")).to_have_text("Done")
    await expect(pause.locator(".control-title")).to_have_text("Paused until 10:00")
    await expect(panel.locator(".how")).to_have_text("Paused until 10:00")
    until = stage.person().paused_until
    assert until is not None
    assert abs(until - (NOW + dt.timedelta(hours=1))) < dt.timedelta(minutes=1)
    before = stage.plan()
    await stage.fire("energy_drop")
    await expect(page.locator(".decision.withheld .sentence")).to_have_text(
        "Withheld: everything was paused."
    )
    assert stage.plan() == before
    await expect(pause.get_by_role("button", name="Go on")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(pause.locator(".control-title")).to_have_text("Pause everything")
    await eventually(lambda: stage.person().paused_until is None)
    await pause.get_by_role("button", name="Until tomorrow").click()
    await expect(panel.locator(".how")).to_have_text("Paused until midnight")
    midnight = dt.datetime.combine(DAY + dt.timedelta(days=1), dt.time(), dt.UTC)
    await eventually(lambda: stage.person().paused_until == midnight)
    await page.reload()
    await expect(panel.locator(".how")).to_have_text("Paused until midnight")


async def test_the_day_is_never_made_harder_once_that_is_switched_on(
    stage: AgencyStage, open_page: Open
) -> None:
    page = await open_page(stage.url)
    panel = await open_panel(page)
    switch = panel.get_by_role("switch", name="Never make my day harder")
    await switch.press("Space")
    await expect(switch).to_have_attribute("aria-checked", "true")
    await eventually(lambda: stage.person().reduce_only)
    await stage.fire("energy_surge")
    await expect(page.locator(".decision.withheld .sentence")).to_have_text(
        "Withheld: your day may not become harder."
    )
    await switch.click()
    await eventually(lambda: not stage.person().reduce_only)
    await expect(switch).to_have_attribute("aria-checked", "false")


async def test_what_is_refused_says_why_and_shows_what_holds(
    servers: LocalServers, redis_client: redis.Redis, database: psycopg.Connection, open_page: Open
) -> None:
    async with agency_on_a_page(servers, redis_client, database, log_bytes_max=1) as stage:
        page = await open_page(stage.url)
        busy = "Daybeat is busy just now. Nothing was changed; try again in a moment."
        await stage.change()
        await button(page, "Undo").click()
        await expect(page.locator(".card .refusal")).to_have_text(busy)
        await expect(button(page, "Undo")).to_be_enabled()
        panel = await open_panel(page)
        energy = dial(page, "Energy drop")
        await energy.locator(".segment", has_text="Off").click()
        await expect(panel.locator('[data-rule="energy_drop"] .wish')).to_have_text(busy)
        await expect(energy.get_by_role("radio", name="Apply, default")).to_be_checked()
        await panel.get_by_role("button", name="A week").click()
        await expect(panel.locator(".pause .wish")).to_have_text(busy)
        await expect(panel.locator(".pause .control-title")).to_have_text("Pause everything")
        await panel.get_by_role("switch").click()
        await expect(panel.get_by_role("switch")).to_have_attribute("aria-checked", "false")


async def test_a_change_that_was_taken_back_elsewhere_says_so(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    adaptation = await stage.change()
    await expect(button(page, "Undo")).to_be_visible()
    await stage.command({"type": "adaptation.undo", "adaptation_id": adaptation.adaptation_id})
    await expect(said(page)).to_have_text("You took this back.")
    await expect(page.locator(".card .choices")).to_have_count(0)


async def test_an_edit_from_elsewhere_is_shown(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    before = stage.plan()
    upcoming = [one for block in before.blocks for one in block.tasks if one.start > NOW and not one.locked]
    edited = upcoming[0]
    await stage.command(
        {
            "type": "task.edit",
            "task_id": edited.task_id,
            "base_version": before.version,
            "edits": {"title": "A walk with Ben"},
        }
    )
    await expect(task(page, edited.task_id).locator(".title")).to_have_text("A walk with Ben")


@pytest.mark.parametrize("size", [NARROWEST, PHONE, (768, 1024), DESKTOP], ids=str)
async def test_nothing_scrolls_sideways_and_everything_can_be_touched(
    stage: AgencyStage, open_page: Open, size: tuple[int, int]
) -> None:
    page = await open_page(stage.url, size)
    await stage.change()
    await page.locator(".evidence-toggle").click()
    await open_panel(page)
    await page.locator(".decision.applied summary").click()
    await expect(page.locator(".decision.applied .undo")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    small = await page.eval_on_selector_all(
        ".card button, #you-decide summary, #you-decide button, #you-decide label, .undo",
        """(all, least) => all.filter(one => one.checkVisibility()).map(one => {
            const box = one.getBoundingClientRect();
            return [one.textContent, box.width, box.height];
        }).filter(([, ...size]) => Math.min(...size) < least)""",
        TOUCH_PX_MIN,
    )
    assert small == []


async def test_the_panel_has_names_for_everything(stage: AgencyStage, open_page: Open) -> None:
    page = await open_page(stage.url)
    await open_panel(page)
    nameless = await page.eval_on_selector_all(
        "#you-decide :is(button, input)",
        """all => all.map(one => one.ariaLabel || one.textContent).filter(name => !name.trim())""",
    )
    assert nameless == []
    assert await page.locator("#you-decide fieldset").count() == 9
    await expect(page.get_by_role("group", name="Pause everything")).to_be_visible()
