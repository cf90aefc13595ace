"""Which pages may open the websocket."""

import pytest

from push.origins import Origins


@pytest.fixture
def origins() -> Origins:
    origins = Origins(["https://App.example/"])
    origins.add_own("127.0.0.1", 8765)
    return origins


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ([], True),
        (["http://127.0.0.1:8765"], True),
        (["http://localhost:8765"], True),
        (["https://app.example"], True),
        (["http://127.0.0.1:9999"], False),
        (["http://app.example"], False),
        (["https://app.example.evil.example"], False),
        (["null"], False),
        (["https://app.example", "https://evil.example"], False),
    ],
)
def test_an_origin_is_allowed_only_if_it_is_listed(
    origins: Origins, headers: list[str], *, allowed: bool
) -> None:
    assert origins.allow(headers) is allowed


def test_a_server_that_listens_everywhere_still_knows_its_own_local_page() -> None:
    origins = Origins([])
    origins.add_own("0.0.0.0", 80)  # noqa: S104  # nothing listens here
    assert origins.allow(["http://localhost:80"])
