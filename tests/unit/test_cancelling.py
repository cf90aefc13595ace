"""Ending tasks whose client library may lose a request to end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
import redis

from stores.cancelling import cancel_all, heed_cancel
from stores.redis_patience import with_patience_async


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


Lossy = Callable[[asyncio.Future[str]], Awaitable[str]]


async def through_wait_for(reply: asyncio.Future[str]) -> str:
    """Lose a cancellation as the Redis client does with a Python before 3.12."""
    reply.get_loop().call_soon(reply.set_result, "reply")
    return await asyncio.wait_for(reply, timeout=60)


async def as_reply(reply: asyncio.Future[str]) -> str:
    try:
        return await reply
    except asyncio.CancelledError:
        return "reply"


async def as_failure(reply: asyncio.Future[str]) -> str:
    try:
        return await reply
    except asyncio.CancelledError as error:
        raise redis.ConnectionError from error


@pytest.mark.parametrize("lossy", [through_wait_for, as_reply, as_failure])
async def test_a_request_to_end_that_the_redis_client_loses_is_heeded(lossy: Lossy) -> None:
    tries = 0

    async def action() -> str:
        nonlocal tries
        tries += 1
        return "again" if tries > 1 else await lossy(asyncio.get_running_loop().create_future())

    asking = with_patience_async(action, doing="testing", patience=timedelta(seconds=60))
    task = asyncio.create_task(asking)
    # In this turn of the loop the task begins to wait; in the next, request and reply meet.
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert (task.cancelled(), tries) == (True, 1)


async def test_a_time_limit_around_a_lossy_call_still_ends_as_one() -> None:
    reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await heed_cancel(as_reply(reply))


async def test_a_time_limit_inside_a_call_is_no_request_to_end() -> None:
    async def impatient() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "late"
        return "never"

    assert await heed_cancel(impatient()) == "late"


async def test_who_cleans_up_after_a_cancellation_may_still_ask_a_store() -> None:
    answers: list[str] = []

    async def reply() -> str:
        return "cleaned up"

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            answers.append(await heed_cancel(reply()))

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
    assert answers == ["cleaned up"]
