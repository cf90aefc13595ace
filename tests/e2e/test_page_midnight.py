"""The live page at midnight of the chosen person's zone: one day's plan makes room for the next one's."""

import datetime as dt
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.browser import running_browser
from support.page_stage import LONG_S, running_stage

pytestmark = [pytest.mark.servers, pytest.mark.browser]

SHORTLY_BEFORE = dt.datetime(2026, 11, 20, 22, 20, tzinfo=dt.UTC)
"""23:20 in Berlin, ada's zone; the stage's clock needs 40 s to midnight."""

MIDNIGHT_MS_MAX = 90_000


def test_at_midnight_the_plan_of_the_next_day_takes_its_place(tmp_path: Path) -> None:
    with running_stage(tmp_path, begins=SHORTLY_BEFORE) as stage, running_browser() as browser:
        today = stage.put_plan("ada")
        tomorrow = stage.put_plan("ada", in_days=1)
        stage.say("ada", {"heart_rate_bpm": 58})
        expect.set_options(timeout=LONG_S * 1000)
        page = browser.new_page()
        page.goto(stage.url_of("ada"))
        blocks = page.locator(".block-title")
        expect(blocks).to_have_text([block.title for block in today.blocks])
        expect(page.locator("#person-day")).to_have_text(re.compile("Friday 20 November"))
        expect(page.locator("#person-day")).to_have_text(
            re.compile("Saturday 21 November"), timeout=MIDNIGHT_MS_MAX
        )
        expect(blocks).to_have_text([block.title for block in tomorrow.blocks])
        starts = page.locator(".timeline li").evaluate_all("items => items.map(item => item.dataset.taskId)")
        assert starts == [task.task_id for block in tomorrow.blocks for task in block.tasks]
