import asyncio

import pytest

from assist.hub.outbound import OutboundQueue
from tests.fakes.scripted_call import heard


async def drain(queue: OutboundQueue) -> list[str]:
    return [text for _ in range(len(queue)) if (text := await queue.get()) is not None]


async def test_messages_keep_their_order() -> None:
    queue = OutboundQueue()
    for text in "abc":
        queue.put(text)
    assert await drain(queue) == ["a", "b", "c"]


async def test_a_newer_partial_takes_the_place_of_the_older() -> None:
    queue = OutboundQueue()
    queue.put_heard(heard("customer", 1, "a", final=False), "old")
    queue.put("card")
    queue.put_heard(heard("agent", 1, "a", final=False), "agent")
    queue.put_heard(heard("customer", 1, "ab", final=False), "new")
    assert await drain(queue) == ["new", "card", "agent"]
    assert queue.dropped_partials == 1


async def test_a_sent_partial_is_not_replaced_any_more() -> None:
    queue = OutboundQueue()
    queue.put_heard(heard("customer", 1, "a", final=False), "one")
    assert await queue.get() == "one"
    queue.put_heard(heard("customer", 1, "ab", final=False), "two")
    assert await drain(queue) == ["two"]
    assert queue.dropped_partials == 0


async def test_a_final_ends_the_wait_of_its_partial() -> None:
    queue = OutboundQueue()
    queue.put_heard(heard("customer", 1, "a", final=False), "partial")
    queue.put("card")
    queue.put_heard(heard("customer", 1, "a"), "final")
    assert await drain(queue) == ["card", "final"]


async def test_partials_of_two_utterances_both_stay() -> None:
    queue = OutboundQueue()
    queue.put_heard(heard("customer", 1, "a", final=False), "one")
    queue.put_heard(heard("customer", 2, "b", final=False), "two")
    assert await drain(queue) == ["one", "two"]


async def test_a_flood_of_partials_leaves_room_for_what_must_arrive() -> None:
    queue = OutboundQueue(max_messages=8)
    for number in range(100):
        queue.put_heard(heard("customer", number, "a", final=False), str(number))
    assert not queue.overrun
    queue.put("final")
    assert (await drain(queue))[-1] == "final"


@pytest.mark.parametrize("queue", [OutboundQueue(max_messages=3), OutboundQueue(max_chars=9)])
async def test_too_much_overruns_and_nothing_is_skipped_silently(queue: OutboundQueue) -> None:
    for text in ("aaa", "bbb", "ccc"):
        queue.put(text)
    assert not queue.overrun
    queue.put("ddd")
    assert queue.overrun
    await asyncio.wait_for(queue.wait_overrun(), 1)
    assert await queue.get() is None


async def test_one_message_may_be_larger_than_the_limit() -> None:
    queue = OutboundQueue(max_chars=2)
    queue.put("snapshot")
    assert await queue.get() == "snapshot"


async def test_a_reader_waits_for_the_next_message() -> None:
    queue = OutboundQueue()
    reader = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.put("a")
    assert await asyncio.wait_for(reader, 1) == "a"


async def test_waiting_for_room_ends_when_half_is_read() -> None:
    queue = OutboundQueue(max_messages=4)
    for text in "abc":
        queue.put(text)
    writer = asyncio.create_task(queue.wait_half_empty())
    await asyncio.sleep(0)
    assert not writer.done()
    await queue.get()
    await asyncio.wait_for(writer, 1)
