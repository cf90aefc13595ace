"""Ending tasks whose client library may lose a request to end."""

import asyncio

from stores.cancelling import cancel_all


async def test_a_task_that_loses_the_first_request_is_asked_again() -> None:
    lost = 0

    async def lose_one() -> None:
        nonlocal lost
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(lose_one())
    await asyncio.sleep(0)
    await cancel_all({task})
    assert (lost, task.cancelled()) == (1, True)


async def test_what_a_task_raised_stays_in_it() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await cancel_all([task])
    assert isinstance(task.exception(), ValueError)


async def test_nothing_to_end_ends_at_once() -> None:
    await cancel_all([])
