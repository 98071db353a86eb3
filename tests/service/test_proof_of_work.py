"""A network that asks for much at once works for more, and each solution counts once."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import altcha
import pytest
from sqlalchemy import URL

from ninefold.service import proof_of_work
from ninefold.service.proof_of_work import ProofOfWork
from tests.service.conftest import MakeSettings
from tests.service.running import RunningService, running_service

pytestmark = pytest.mark.anyio

ADDRESS = "of a network"


@pytest.fixture
def work() -> ProofOfWork:
    """Work that is done soon."""
    return ProofOfWork("a secret of tests", steps=200)


def solve(document: dict[str, Any]) -> str:
    challenge = altcha.Challenge.from_dict(document)
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    return altcha.Payload(challenge, solution).to_base64()


def changed(payload: str, part: str, **members: object) -> str:
    """Return a payload with members of its challenge's parameters or its solution replaced."""
    document = json.loads(base64.b64decode(payload))
    place = document["solution"] if part == "solution" else document["challenge"]["parameters"]
    place.update(members)
    return base64.b64encode(json.dumps(document).encode()).decode()


def test_the_solution_names_its_challenge(work: ProofOfWork) -> None:
    challenge = work.challenge(ADDRESS)
    assert work.solved(solve(challenge), ADDRESS) == challenge["parameters"]["nonce"]


@pytest.mark.parametrize(
    "document",
    [
        *("", "null", "[]", "[[]]", "7", '"x"', "NaN", "{}", '{"challenge": null}'),
        *('{"challenge": 5, "solution": 5}', '{"challenge": {"parameters": []}, "solution": {}}'),
        *('{"challenge": {"parameters": {"algorithm": 1, "nonce": "\\ud800"}}}', "[" * 2000),
    ],
)
def test_what_is_no_solution_solves_nothing(work: ProofOfWork, document: str) -> None:
    assert work.solved(base64.b64encode(document.encode()).decode(), ADDRESS) is None
    assert work.solved(document, ADDRESS) is None


@pytest.mark.parametrize("part", ["challenge", "solution"])
def test_a_payload_with_members_of_wrong_types_solves_nothing(work: ProofOfWork, part: str) -> None:
    payload = solve(work.challenge(ADDRESS))
    document = json.loads(base64.b64decode(payload))
    place = document["solution"] if part == "solution" else document["challenge"]["parameters"]
    wrong: object
    for name in place.keys() - {"time"}:  # what a browser says that it took; nothing depends on it
        for wrong in (None, [], {}, 5, 1e308, "\ud800", True, "9" * 400):
            assert work.solved(changed(payload, part, **{name: wrong}), ADDRESS) is None


def test_a_solution_takes_half_of_the_steps_at_least(work: ProofOfWork) -> None:
    for _ in range(20):
        payload = json.loads(base64.b64decode(solve(work.challenge(ADDRESS))))
        assert 100 <= payload["solution"]["counter"] <= 200


def test_a_solution_is_of_the_network_that_got_the_challenge(work: ProofOfWork) -> None:
    assert work.solved(solve(work.challenge(ADDRESS)), "another") is None


def test_another_service_signs_otherwise(work: ProofOfWork) -> None:
    other = ProofOfWork("another secret of tests", steps=200)
    assert work.solved(solve(other.challenge(ADDRESS)), ADDRESS) is None


@pytest.mark.parametrize(
    ("part", "members"),
    [
        ("solution", {"counter": 7}),
        ("solution", {"derivedKey": "00" * 32}),
        ("challenge", {"keyPrefix": ""}),
        ("challenge", {"expiresAt": 2**40}),
        ("challenge", {"nonce": "00" * 16}),
    ],
)
def test_what_was_changed_solves_nothing(
    work: ProofOfWork, part: str, members: dict[str, object]
) -> None:
    payload = solve(work.challenge(ADDRESS))
    assert work.solved(payload, ADDRESS) is not None
    assert work.solved(changed(payload, part, **members), ADDRESS) is None


@pytest.mark.parametrize("payload", ["", "nonsense", "e30=", "é", "W10=", "A" * 5000])
def test_what_is_no_payload_solves_nothing(work: ProofOfWork, payload: str) -> None:
    assert work.solved(payload, ADDRESS) is None


def test_a_challenge_expires(work: ProofOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_of_work, "CHALLENGE_S", -2)
    assert work.solved(solve(work.challenge(ADDRESS)), ADDRESS) is None


@pytest.fixture
async def service(database_url: URL, make_settings: MakeSettings) -> AsyncIterator[RunningService]:
    """A gateway that takes two jobs of a network, and further ones for work."""
    settings = make_settings(proof_of_work_above="2/hour", proof_of_work_steps=200)
    async with running_service(settings, database_url) as running:
        yield running


async def ask(service: RunningService, prompt: str, **headers: str) -> Any:
    return await service.http.post("/api/v1/jobs", json={"prompt": prompt}, headers=headers)


async def challenge_of(service: RunningService) -> dict[str, Any]:
    """Ask until there is a challenge, and return it."""
    for number in range(3):
        answer = await ask(service, f"apple {number}")
    assert (answer.status_code, answer.json()["code"]) == (429, "proof_of_work")
    assert int(answer.headers["retry-after"]) > 3000
    challenge: dict[str, Any] = answer.json()["challenge"]
    return challenge


async def test_work_is_asked_for_above_the_burst_and_taken_once(service: RunningService) -> None:
    proof = solve(await challenge_of(service))
    assert (await ask(service, "a red apple", **{"Proof-Of-Work": proof})).status_code == 202
    again = await ask(service, "a red apple", **{"Proof-Of-Work": proof})
    assert (again.status_code, again.json()["code"]) == (429, "proof_of_work")
    assert again.json()["challenge"]["parameters"]["nonce"] not in proof


async def test_a_visitor_without_a_cookie_is_of_the_same_network(service: RunningService) -> None:
    await challenge_of(service)
    service.http.cookies.clear()
    assert (await ask(service, "a red apple")).json()["code"] == "proof_of_work"


async def test_a_wrong_solution_gets_another_challenge(service: RunningService) -> None:
    proof = changed(solve(await challenge_of(service)), "solution", counter=7)
    answer = await ask(service, "a red apple", **{"Proof-Of-Work": proof})
    assert (answer.status_code, answer.json()["code"]) == (429, "proof_of_work")


async def test_an_answer_that_was_lost_is_given_again_without_work(
    service: RunningService,
) -> None:
    first = await ask(service, "a red apple", **{"Idempotency-Key": "one"})
    await challenge_of(service)
    again = await ask(service, "a red apple", **{"Idempotency-Key": "one"})
    assert again.status_code == 202
    assert again.json()["id"] == first.json()["id"]


async def test_other_surfaces_ask_for_it_in_their_clients_words(service: RunningService) -> None:
    await challenge_of(service)
    answer = await service.http.post("/v1/images/generations", json={"prompt": "a red apple"})
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"


async def test_nothing_is_asked_for_by_default(
    database_url: URL, make_settings: MakeSettings
) -> None:
    async with running_service(make_settings(), database_url) as service:
        for number in range(30):
            assert (await ask(service, f"apple {number}")).status_code == 202
