"""The live page in a real browser, over the real servers and flows: what a person sees of a change.

With ``DAYBEAT_PICTURE=docs/page.png`` it also leaves the README's pictures there.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

from support.browser import running_browser
from support.page_stage import LONG_S, PageStage, running_stage

pytestmark = [pytest.mark.servers, pytest.mark.browser]

DESKTOP = (1280, 800)
PHONE = (390, 844)
NARROWEST = (360, 740)
TOUCH_PX_MIN = 44
MOTION_MS_MAX = 400
FIRST_PAINT_MS_MAX = 1000

expect.set_options(timeout=LONG_S * 1000)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageStage]:
    with running_stage(tmp_path_factory.mktemp("page")) as running:
        *people, _ = running.wearers
        for one in people:
            running.put_plan(one.user_id)
        running.publish_history()
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, stage: PageStage) -> Iterator[Open]:
    """Open the page on a screen of its own; whatever it complains about fails the test."""
    complaints: list[str] = []
    contexts = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def watch(request: Request) -> None:
        if not request.url.startswith((stage.stack.urls.page, stage.stack.urls.websocket)):
            complaints.append(f"asked elsewhere: {request.url}")

    def open_it(url: str, size: tuple[int, int] = DESKTOP, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", watch)
        page.goto(url)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


def task(page: Page, task_id: str) -> Locator:
    return page.locator(f'.timeline li[data-task-id="{task_id}"]')


def width_of(bar: Locator) -> float:
    box = bar.bounding_box()
    assert box is not None
    return box["width"]


def widths(page: Page) -> dict[str, float]:
    """Return the width of every bar of the plan in px, by task."""
    found: dict[str, float] = page.eval_on_selector_all(
        ".timeline li",
        "items => Object.fromEntries(items.map(item =>"
        " [item.dataset.taskId, item.querySelector('.bar').getBoundingClientRect().width]))",
    )
    return found


@contextmanager
def stored(stage: PageStage) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stage.stack.urls.database, autocommit=True) as connection:
        yield connection


def adaptations_of(stage: PageStage, user_id: str, rule: str) -> list[tuple[str, str, int, int]]:
    """Return task, reason and minutes before and after of what a rule changed or proposed, from SQL."""
    query = """
        SELECT task_id, reason, (original_task->>'duration_minutes')::int,
               (adapted_task->>'duration_minutes')::int
        FROM daybeat.adaptations WHERE user_id = %s AND rule = %s ORDER BY task_id"""
    deadline_s = time.monotonic() + LONG_S
    with stored(stage) as connection:
        # The page has it from the event; the history is stored a moment later.
        while not (rows := connection.execute(query, (user_id, rule)).fetchall()):
            assert time.monotonic() < deadline_s, f"nothing of {rule} is stored"
            time.sleep(0.1)
    return rows


def no_sideways_scroll(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def take_picture(page: Page, suffix: str = "") -> None:
    """Leave a picture where ``DAYBEAT_PICTURE`` says, once nothing moves any more."""
    path = os.environ.get("DAYBEAT_PICTURE")
    if path is None:
        return
    page.evaluate("Promise.all(document.getAnimations().map(motion => motion.finished))")
    target = Path(path)
    page.screenshot(path=target.with_stem(target.stem + suffix))


def test_a_falling_energy_shrinks_the_bars_and_the_sentence_is_the_one_in_sql(
    stage: PageStage, open_page: Open
) -> None:
    page = open_page(stage.url_of("ada"))
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator(".timeline li").first).to_be_visible()
    expect(page.locator(".card.none")).to_be_visible()
    before = widths(page)

    stage.lower_energy("ada")

    sentence = page.locator(".card.protective .reason")
    expect(sentence).to_be_visible()
    expect(page.locator(".connection.live")).to_be_visible()
    expect(page.locator(".decision.applied")).to_be_visible()
    rows = adaptations_of(stage, "ada", "energy_drop")
    for task_id, reason, minutes_before, minutes_after in rows:
        assert sentence.inner_text() == reason
        item = task(page, task_id)
        expect(item.locator(".ghost")).to_be_visible()
        assert width_of(item.locator(".ghost")) == pytest.approx(before[task_id], abs=1)
        after = width_of(item.locator(".bar"))
        assert after < before[task_id]
        assert after / before[task_id] == pytest.approx(minutes_after / minutes_before, abs=0.05)
    untouched = set(before) - {row[0] for row in rows}
    now = widths(page)
    assert {one: now[one] for one in untouched} == pytest.approx({one: before[one] for one in untouched})
    assert page.locator(".threads .thread").count() == 1 + len(rows)
    assert page.locator(".threads .ring").count() == 2
    take_picture(page)
    page.emulate_media(color_scheme="dark")
    take_picture(page, "-dark")


def test_a_reloaded_page_still_tells_what_was_changed_and_why(stage: PageStage, open_page: Open) -> None:
    (_, reason, _, _), *_ = adaptations_of(stage, "ada", "energy_drop")
    page = open_page(stage.url_of("ada"), PHONE, device_scale_factor=2)
    expect(page.locator(".card .reason")).to_have_text(reason)
    expect(page.locator(".timeline .ghost").first).to_be_visible()
    expect(page.locator(".threads .ring")).to_have_count(2)
    assert page.locator(".agenda .changed").count() > 0
    take_picture(page, "-phone")


def test_a_decision_opens_its_evidence(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("ada"))
    page.locator(".decision.applied summary").click()
    rows = page.locator(".decision.applied tbody tr").all_inner_texts()
    with stored(stage) as connection:
        (evidence,) = connection.execute(
            "SELECT evidence FROM daybeat.decisions WHERE user_id = 'ada' AND outcome = 'applied'"
        ).fetchone() or ({},)
    shown = [re.findall(r"(\d+)%", row)[:2] for row in rows]
    wanted = [[f"{value[key] * 100:.0f}" for key in ("value", "threshold")] for value in evidence["values"]]
    assert shown == wanted


def test_an_accepted_proposal_changes_the_plan(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("elif"))
    expect(page.locator(".timeline li").first).to_be_visible()
    stage.raise_energy("elif")
    page.get_by_role("button", name="Accept").click()
    expect(page.locator(".card .outcome")).to_have_text("You accepted this.")
    rows = adaptations_of(stage, "elif", "energy_surge")
    for task_id, reason, _, _ in rows:
        expect(task(page, task_id)).to_have_class(re.compile(r"\bmade\b"))
        assert page.locator(".card .reason").inner_text() == reason
    expect(page.locator(".decision.accepted")).to_be_visible()
    expect(page.get_by_role("button", name="Accept")).to_have_count(0)
    assert plan_marks(stage, "elif") == {row[0] for row in rows}


def plan_marks(stage: PageStage, user_id: str) -> set[str]:
    """Return the tasks that bear the mark of an adaptation, from the latest version of a plan in SQL."""
    query = """
        SELECT patch FROM daybeat.plan_versions
        WHERE user_id = %s AND patch IS NOT NULL ORDER BY version DESC LIMIT 1"""
    with stored(stage) as connection:
        row = connection.execute(query, (user_id,)).fetchone()
    assert row is not None
    values = [operation["value"] for operation in row[0]]
    return {value["task_id"] for value in values if isinstance(value, dict) and value["adaptation"]}


def test_a_declined_proposal_leaves_the_plan_as_it_was(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("bruno"))
    expect(page.locator(".timeline li").first).to_be_visible()
    before = widths(page)
    stage.raise_energy("bruno")
    page.get_by_role("button", name="Decline").press("Enter")
    expect(page.locator(".card .outcome")).to_have_text("You declined this. The plan stays as it was.")
    assert widths(page) == pytest.approx(before)
    expect(page.locator(".decision.declined")).to_be_visible()


def test_a_proposal_can_be_answered_after_a_reload(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("farid"))
    expect(page.locator(".timeline li").first).to_be_visible()
    stage.raise_energy("farid")
    expect(page.get_by_role("button", name="Accept")).to_be_visible()
    before = told(page)
    assert "open until" in before[0]
    page.reload()
    expect(page.locator(".timeline li.offered .preview").first).to_be_visible()
    assert told(page) == before
    offered = page.locator(".timeline li.offered").evaluate_all("all => all.map(one => one.dataset.taskId)")
    page.get_by_role("button", name="Accept").click()
    expect(page.locator(".card .outcome")).to_have_text("You accepted this.")
    assert sorted(offered) == [row[0] for row in adaptations_of(stage, "farid", "energy_surge")]


def told(page: Page) -> tuple[str, str]:
    """Return what the card says of rule and expiry, and of the tasks."""
    return page.locator(".card .rule").inner_text(), page.locator(".card .effect").inner_text()


def test_a_change_while_the_push_server_is_killed_is_shown_once_it_is_back(
    stage: PageStage, browser: Browser
) -> None:
    # Not opened by open_page: the browser itself reports a broken connection on the console.
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        messages: list[dict[str, Any]] = []
        page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda text: messages.append(orjson.loads(text))),
        )
        page.goto(stage.url_of("carmen"))
        expect(page.locator("#connection")).to_have_text("Live")
        expect(page.locator(".timeline li").first).to_be_visible()
        stage.kill_push()
        stage.drop_energy("carmen")
        expect(page.locator(".timeline li.made .ghost").first).to_be_visible()
        expect(page.locator("#connection")).to_have_text("Live")
        (_, reason, _, _), *_ = adaptations_of(stage, "carmen", "energy_drop")
        assert page.locator(".card .reason").inner_text() == reason
    first, again = [message for message in messages if message["type"] == "welcome"]
    assert first["plan"] is not None
    assert again["plan"] is None  # resumed by the last id
    assert "plan.changed" in [message["type"] for message in messages[messages.index(again) :]]


def test_bars_move_for_at_most_400_ms_and_not_at_all_where_motion_is_unwanted(
    stage: PageStage, open_page: Open
) -> None:
    count_motions = """() => {
        window.motions = [];
        const animate = Element.prototype.animate;
        Element.prototype.animate = function (frames, options) {
            window.motions.push(options.duration);
            return animate.call(this, frames, options);
        };
    }"""
    moving = open_page(stage.url_of("dimitri"))
    still = open_page(stage.url_of("dimitri"), reduced_motion="reduce")
    for page in (moving, still):
        page.evaluate(count_motions)
        expect(page.locator(".timeline li").first).to_be_visible()
    stage.drop_energy("dimitri")
    for page in (moving, still):
        expect(page.locator(".timeline li.made .ghost").first).to_be_visible()
    durations = moving.evaluate("window.motions")
    assert durations
    assert max(durations) <= MOTION_MS_MAX
    assert still.evaluate("window.motions") == []


@pytest.mark.parametrize("size", [PHONE, NARROWEST, (768, 1024), DESKTOP], ids=str)
def test_nothing_scrolls_sideways_and_everything_can_be_touched(
    stage: PageStage, open_page: Open, size: tuple[int, int]
) -> None:
    page = open_page(stage.url_of("ada"), size)
    expect(page.locator(".card .reason")).to_be_visible()
    assert no_sideways_scroll(page)
    panel = page.locator("#people-panel")
    if panel.get_attribute("open") is None:
        panel.locator("summary").click()
    assert no_sideways_scroll(page)
    small = page.eval_on_selector_all(
        "button, summary",
        """(all, least) => all.filter(one => one.checkVisibility() && !one.closest('[aria-hidden=true]'))
            .filter(one => getComputedStyle(one).pointerEvents !== 'none')
            .map(one => [one.className, reach(one)]).filter(([, size]) => Math.min(...size) < least);
        function reach(one) {
            const box = one.getBoundingClientRect();
            const more = getComputedStyle(one, '::before');
            const grown = more.content === 'none' ? 0 : -parseFloat(more.top) - parseFloat(more.bottom);
            return [box.width, box.height + grown];
        }""",
        TOUCH_PX_MIN,
    )
    assert small == []


def test_the_first_paint_comes_within_a_second(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("ada"))
    expect(page.locator(".timeline li").first).to_be_visible()
    painted_ms = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert painted_ms < FIRST_PAINT_MS_MAX


def test_the_token_leaves_the_address_bar(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("ada"))
    expect(page.locator("#person-name")).to_have_text("Ada")
    assert "token" not in page.url
    page.reload()
    expect(page.locator("#person-name")).to_have_text("Ada")


def test_a_page_without_a_token_says_where_to_get_one(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.stack.urls.page)
    expect(page.locator(".face h3")).to_have_text("This page needs its token")


def test_a_person_without_a_plan_is_told_the_next_step(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("hugo"))
    expect(page.locator(".face h3")).to_have_text("No plan for this day")
    expect(page.locator(".face code")).to_have_text("daybeat plan put hugo plan.json")


def test_a_forged_token_is_refused_with_the_next_step(stage: PageStage, browser: Browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{stage.stack.urls.page}#token=forged")
        expect(page.locator(".face h3")).to_have_text("The token is not accepted")


def test_every_person_is_listed_with_a_state_in_one_word(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.page_url)
    expect(page.locator(".person")).to_have_count(len(stage.wearers))
    states = page.locator(".person .state").all_inner_texts()
    assert set(states) <= {"Steady", "Easing", "Recovering", "Ready"}
    page.get_by_role("button", name=re.compile("Greta")).click()
    expect(page.locator("#person-name")).to_have_text("Greta")


def test_the_curves_can_be_read_with_the_keyboard(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("greta"))
    expect(page.locator(".track.heart_rate_bpm .line")).to_have_attribute("d", re.compile("M"))
    slider = page.get_by_role("slider")
    slider.focus()
    slider.press("Home")
    slider.press("PageUp")
    heart_rate = float(re.findall(r"Heart rate (\d+) bpm", slider.get_attribute("aria-valuetext") or "")[0])
    with stored(stage) as connection:
        row = connection.execute(
            "SELECT min(heart_rate_bpm), max(heart_rate_bpm) FROM daybeat.readings WHERE user_id = 'greta'"
        ).fetchone()
    assert row is not None
    assert row[0] <= heart_rate <= row[1]


def test_the_hrv_stands_on_the_normal_range_that_the_history_holds(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("greta"))
    expect(page.locator(".track.hrv .line")).to_have_attribute("d", re.compile("M"))
    expect(page.locator(".track.hrv .band")).to_have_attribute("d", re.compile("M"))
    with stored(stage) as connection:
        row = connection.execute(
            "SELECT device_id, mean7, status, normal_low, normal_high FROM daybeat.hrv_days"
            " WHERE user_id = 'greta' AND measure = 'hrv_rmssd_ms' AND slot = 'asleep'"
            " ORDER BY day DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    device, mean, status, low, high = row
    told = page.locator(".legend li").all_inner_texts()
    assert told[0] == f"HRV as given by {device}"
    assert told[-1].startswith(f"7-day mean {mean:.2f}, {status}")
    slider = page.get_by_role("slider")
    expected = f"normal {low:.2f}–{high:.2f}"
    for _ in range(60):  # the watch may be silent just now: back to when it was not
        if expected in (slider.get_attribute("aria-valuetext") or ""):
            break
        slider.press("ArrowLeft")
    assert expected in (slider.get_attribute("aria-valuetext") or "")


def test_a_change_is_announced_to_screen_readers(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("greta"))
    expect(page.locator(".timeline li").first).to_be_visible()
    stage.raise_energy("greta")
    announced = page.locator("#announcer[aria-live=polite]")
    expect(announced).to_contain_text("A change is proposed for Greta.")
    (_, reason, _, _), *_ = adaptations_of(stage, "greta", "energy_surge")
    expect(announced).to_contain_text(reason)


def test_the_figures_on_top_are_those_of_the_history(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.url_of("greta"))
    expect(page.locator(".timeline li").first).to_be_visible()
    stage.drop_energy("greta")
    adaptations_of(stage, "greta", "energy_drop")
    with stored(stage) as connection:
        counts = connection.execute(
            """
            SELECT (SELECT count(DISTINCT firing_id) FROM daybeat.decisions WHERE outcome <> 'suppressed'),
                   (SELECT count(*) FROM daybeat.plan_versions WHERE cause IN (
                        SELECT adaptation_id FROM daybeat.adaptations))"""
        ).fetchone()
    assert counts is not None
    expect(figure(page, "Rules fired")).to_have_text(str(counts[0]))
    expect(figure(page, "Plans rewritten")).to_have_text(str(counts[1]))
    expect(figure(page, "Arrival → push")).to_have_text(re.compile(r"^[\d.]+ / [\d.]+ ms$"))
    expect(figure(page, "Readings/s")).to_have_text(re.compile(r"^(?!0\.0)[\d.]+$"))


def figure(page: Page, name: str) -> Locator:
    return page.locator(".figures div").filter(has_text=name).locator("dd")


def test_people_are_had_with_the_pages_own_token(stage: PageStage, open_page: Open) -> None:
    page = open_page(stage.page_url)
    with page.expect_response("**/v1/people") as answer:
        pass
    assert len(orjson.loads(answer.value.body())["people"]) == len(stage.wearers)
