"""Laws of acceptance: waits are refused by time, order is fair, keys are idempotent."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import URL, event, func, select, text

from ninefold.service.administration import Administration
from ninefold.service.jobs.fair_share import UNITS_PER_PICTURE
from ninefold.service.store.tables import Job
from ninefold.service.visitors import COOKIE
from tests.patience import PATIENCE_S
from tests.service.conftest import MakeSettings
from tests.service.fake_engine import FakeEngine
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio


async def number_of_jobs(service: RunningService) -> int:
    async with service.gateway.database.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(Job))).scalar_one())


async def test_a_wait_beyond_the_limit_is_refused_at_once_with_how_long_it_is(
    database_url: URL, make_settings: MakeSettings
) -> None:
    # No heartbeat comes meanwhile, so that the rate stays what it was promised to be.
    settings = make_settings(anonymous_max_wait_s=20, heartbeat_s=60, stalled_s=120)
    async with running_service(settings, database_url) as service:
        # 144 steps a job at 36 a second: 4 s each.
        await service.add_worker(FakeEngine(step_s=0.25, may_go_on=asyncio.Event()))
        answers = []
        for number in range(10):
            body = {"prompt": f"prompt {number}"}
            answers.append(await service.http.post("/api/v1/jobs", json=body))
        codes = [answer.status_code for answer in answers]
        assert codes[:5] == [202] * 5
        assert codes[-1] == 429
        problem = answers[-1].json()
        assert problem["code"] == "too_busy"
        assert 15 <= problem["expected_wait_s"] <= 45
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert await number_of_jobs(service) == codes.count(202)


async def test_ones_many_jobs_let_another_go_before(service: RunningService) -> None:
    async def ask(who: str, prompt: str) -> Any:
        service.http.cookies.set(COOKIE, service.gateway.visitors.sign(who))
        return await service.post(prompt)

    for number in range(5):
        await ask("me", f"mine {number}")
    job = await ask("somebody", "another's")
    assert job["position"] == 2
    engine = FakeEngine()
    await service.add_worker(engine)
    await service.ended(job["id"])
    assert [request.prompt for request in engine.drawn][:2] == ["mine 0", "another's"]


async def test_the_priority_lane_goes_first_and_has_slots_of_its_own(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(reserved_slots=9), database_url) as service:
        engine = FakeEngine(num_slots=18, may_go_on=asyncio.Event())
        await service.add_worker(engine)
        gateway = service.gateway
        hand = Administration(gateway.database, gateway.queue, gateway.objects)
        key = await hand.create_key("premium", "priority")
        for number in range(3):
            await service.post(f"normal {number}")
        while not engine.drawn:
            await asyncio.sleep(0.01)
        headers = {"Authorization": f"Bearer {key}"}
        answer = await service.http.post(
            "/api/v1/jobs", json={"prompt": "premium"}, headers=headers
        )
        assert answer.json()["position"] == 1
        while len(engine.drawn) < 2:
            await asyncio.sleep(0.01)
        # One normal job fills the open slots; the reserved ones took the premium job beside it.
        assert [request.prompt for request in engine.drawn] == ["normal 0", "premium"]
        assert engine.may_go_on is not None
        engine.may_go_on.set()


async def test_what_is_left_out_under_load_is_told(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(
        previews_until_wait_s=2, fewer_pictures=True, fewer_pictures_from_wait_s=10
    )
    async with running_service(settings, database_url) as service:
        await service.add_worker(FakeEngine(step_s=0.25, may_go_on=asyncio.Event()))
        jobs = [await service.post(f"prompt {number}") for number in range(9)]
        counts = [job["settings"]["count"] for job in jobs]
        assert counts == sorted(counts, reverse=True)
        assert (counts[0], counts[-1]) == (9, 4)
        assert "pictures are shown when they are finished" in jobs[1]["notices"][0]
        assert "4 pictures instead of 9" in " ".join(jobs[-1]["notices"])
        status = (await service.http.get("/api/v1/status")).json()
        assert status["degradation"] == ["no_previews", "four_pictures"]


async def test_a_key_gives_the_same_answer_again(service: RunningService) -> None:
    await service.http.post("/api/v1/jobs", json={"prompt": "to get a cookie"})
    headers = {"Idempotency-Key": "one"}

    async def ask(prompt: str) -> Any:
        return await service.http.post("/api/v1/jobs", json={"prompt": prompt}, headers=headers)

    answers = await asyncio.gather(*(ask("a red apple") for _ in range(5)))
    done = [answer for answer in answers if answer.status_code == 202]
    busy = [answer for answer in answers if answer.status_code == 409]
    assert len(done) + len(busy) == 5
    assert all(answer.headers["x-should-retry"] == "true" for answer in busy)
    again = await ask("a red apple")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == done[0].json()
    other = await ask("a pear")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert await number_of_jobs(service) == 2


async def test_a_key_holds_for_a_visitor_whose_first_answer_was_lost(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(), database_url) as service:
        headers, body = {"Idempotency-Key": "lost"}, {"prompt": "a robot", "seed": 1}
        first = await service.http.post("/api/v1/jobs", json=body, headers=headers)
        assert service.http.cookies.get(COOKIE)  # the answer to another request brought it
        again = await service.http.post("/api/v1/jobs", json=body, headers=headers)
        assert again.json()["id"] == first.json()["id"]
        assert again.headers["idempotent-replayed"] == "true"
        assert await number_of_jobs(service) == 1


async def test_a_refusal_is_not_kept_for_a_key(service: RunningService) -> None:
    headers = {"Idempotency-Key": "two"}
    bad = await service.http.post("/api/v1/jobs", json={"prompt": " "}, headers=headers)
    assert bad.status_code == 422
    good = await service.http.post("/api/v1/jobs", json={"prompt": "a pear"}, headers=headers)
    assert good.status_code == 202


async def test_rates_are_told_and_held(database_url: URL, make_settings: MakeSettings) -> None:
    async with running_service(make_settings(anonymous_rate="2/minute"), database_url) as service:
        await service.http.post("/api/v1/jobs", json={"prompt": "to get a cookie"})
        answers = [
            await service.http.post("/api/v1/jobs", json={"prompt": "a pear"}) for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert answers[1].headers["ratelimit"].startswith('"anonymous";r=0;t=')
        assert answers[2].json()["code"] == "rate_limited"
        assert int(answers[2].headers["retry-after"]) > 0


async def test_job_entry_and_event_commit_together_or_not_at_all(service: RunningService) -> None:
    database = service.gateway.database
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE job_events RENAME TO elsewhere"))
    answer = await service.http.post("/api/v1/jobs", json={"prompt": "a pear"})
    assert answer.status_code == 500
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE elsewhere RENAME TO job_events"))
        for table in ("jobs", "procrastinate_jobs", "shares"):
            count = await connection.execute(text(f"SELECT count(*) FROM {table}"))
            assert count.scalar_one() == 0, table


async def test_accepting_a_job_waits_for_few_statements(service: RunningService) -> None:
    statements: list[str] = []
    event.listen(
        service.gateway.database.sync_engine,
        "before_cursor_execute",
        lambda *told: statements.append(told[2]),
    )
    counts = []
    for number in range(5):
        before = len(statements)
        await service.post(f"prompt {number}")
        counts.append(len(statements) - before)
    # Housekeeping may add some of its own to one or the other; the queue's entry is not seen here.
    assert min(counts) == 3, statements


async def ask_together(service: RunningService, asks: list[dict[str, Any]]) -> list[Any]:
    """Send requests so that one transaction accepts them: while another waits for a lock."""
    database = service.gateway.database
    async with database.begin() as connection:
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await connection.execute(text("LOCK TABLE shares IN ACCESS EXCLUSIVE MODE"))
        rounds = service.gateway.commits._rounds
        first = asyncio.create_task(service.http.post("/api/v1/jobs", json={"prompt": "first"}))
        async with asyncio.timeout(PATIENCE_S):
            while rounds._rounds is None or rounds._rounds.done() or rounds._waiting:
                await asyncio.sleep(0.01)
            rest = [asyncio.create_task(service.http.post("/api/v1/jobs", **ask)) for ask in asks]
            while len(rounds._waiting) < len(asks):
                await asyncio.sleep(0.01)
    assert (await first).status_code == 202
    return list(await asyncio.gather(*rest))


async def test_what_is_asked_for_together_is_accepted_as_one_after_the_other(
    service: RunningService,
) -> None:
    await service.post("to get a cookie")
    statements: list[str] = []
    event.listen(
        service.gateway.database.sync_engine,
        "before_cursor_execute",
        lambda *told: statements.append(told[2]),
    )
    sign = service.gateway.visitors.sign
    who = ["me", "me", "you", "me", "you", "they"]
    asks = [
        {"json": {"prompt": f"{name} {number}"}, "headers": {"Cookie": f"{COOKIE}={sign(name)}"}}
        for number, name in enumerate(who)
    ]
    answers = await ask_together(service, asks)
    assert [answer.status_code for answer in answers] == [202] * 6
    assert len([told for told in statements if "INSERT INTO jobs" in told]) == 2
    async with service.gateway.database.connect() as connection:
        statement = select(Job.prompt, Job.start_tag, Job.total_codes).order_by(Job.number)
        rows = (await connection.execute(statement)).all()[2:]
        entries = text(
            "SELECT count(*) FROM procrastinate_jobs e JOIN jobs j ON e.args->>'job_id' = j.id "
            "AND e.id = j.entry_id AND e.priority = -j.start_tag"
        )
        assert (await connection.execute(entries)).scalar_one() == 8
    assert sorted(row.prompt for row in rows) == sorted(
        f"{name} {number}" for number, name in enumerate(who)
    )
    given: dict[str, list[int]] = {}
    for row in rows:
        given.setdefault(row.prompt.partition(" ")[0], []).append(row.start_tag)
    cost = 9 * UNITS_PER_PICTURE
    assert given == {"me": [0, cost, 2 * cost], "you": [0, cost], "they": [0]}
    # Each was told of what is ahead of it at that moment, those of the same round included.
    places = {answer.json()["prompt"]: answer.json()["position"] for answer in answers}
    ahead = [0, 0]  # the two before, of an address and of the visitor that it became
    for row in rows:
        assert places[row.prompt] == 1 + sum(tag <= row.start_tag for tag in ahead), row
        ahead.append(row.start_tag)


async def test_one_that_cannot_be_written_fails_nobody_else(service: RunningService) -> None:
    async with service.gateway.database.begin() as connection:
        refuse = "ALTER TABLE jobs ADD CONSTRAINT no_pears CHECK (prompt <> 'a pear')"
        await connection.execute(text(refuse))
    prompts = ["a red apple", "a pear", "a plum"]
    answers = await ask_together(service, [{"json": {"prompt": prompt}} for prompt in prompts])
    assert [answer.status_code for answer in answers] == [202, 500, 202]
    assert answers[2].headers["ratelimit"].startswith('"anonymous";r=')
    assert await number_of_jobs(service) == 3


async def test_a_key_that_comes_twice_at_once_is_answered_once(service: RunningService) -> None:
    await service.post("to get a cookie")
    asks = [
        {"json": {"prompt": "a red apple"}, "headers": {"Idempotency-Key": key}}
        for key in ("one", "one", "two", "one")
    ]
    answers = await ask_together(service, asks)
    codes = [answer.status_code for answer in answers]
    assert sorted(codes) == [202, 202, 409, 409]
    assert codes[2] == 202
    assert await number_of_jobs(service) == 4


async def test_a_job_after_one_that_got_less_stands_where_it_would_alone(
    database_url: URL, make_settings: MakeSettings
) -> None:
    settings = make_settings(
        fewer_pictures=True, fewer_pictures_from_wait_s=10, heartbeat_s=60, stalled_s=120
    )
    async with running_service(settings, database_url) as service:
        # 144 steps a job at 36 a second: 4 s each.
        await service.add_worker(FakeEngine(step_s=0.25, may_go_on=asyncio.Event()))
        for number in range(4):
            await service.post(f"prompt {number}")
        together = [{"json": {"prompt": f"together {number}"}} for number in range(5)]
        answers = await ask_together(service, together)
        assert [answer.status_code for answer in answers] == [202] * 5
        async with service.gateway.database.connect() as connection:
            statement = select(Job.start_tag, Job.settings).order_by(Job.number)
            rows = (await connection.execute(statement)).all()
    counts = [row.settings["count"] for row in rows]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 4
    tag = 0
    for row in rows[1:]:  # the first had no cookie yet
        assert row.start_tag == tag
        tag += row.settings["count"] * UNITS_PER_PICTURE
