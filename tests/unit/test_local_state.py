import threading
from pathlib import Path

import pytest

from daybeat.local_state import ensure_state_folder, with_token_secret
from daybeat.running import announce, announced_stack, withdraw
from daybeat.settings import Settings, read_settings
from schemas.errors import InputError, UnavailableError


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("DAYBEAT_TOKEN_SECRET", raising=False)
    return read_settings(state_folder=tmp_path / "state")


def test_a_new_state_folder_is_closed_to_others(tmp_path: Path) -> None:
    ensure_state_folder(tmp_path / "state")
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    assert list((tmp_path / "state").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="DAYBEAT_STATE_FOLDER"):
        ensure_state_folder(tmp_path / "file" / "state")


def test_the_secret_is_made_once_even_by_many_at_the_same_time(settings: Settings) -> None:
    found = []
    threads = [threading.Thread(target=lambda: found.append(with_token_secret(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = with_token_secret(settings).token_secret
    assert len(found) == 8
    assert {one.token_secret for one in found} == {kept}


def test_a_configured_secret_is_never_replaced(settings: Settings) -> None:
    given = settings.changed(token_secret="g" * 32)
    assert with_token_secret(given) is given
    assert not settings.state_folder.exists()


def test_a_stack_that_has_gone_is_not_found(settings: Settings) -> None:
    announce(settings, settings.state_folder)
    found = announced_stack(settings.state_folder)
    assert found is not None
    file = settings.state_folder / "running.json"
    file.write_text(file.read_text().replace(str(found.pid), str(2**22 + 1)))
    assert announced_stack(settings.state_folder) is None
    withdraw(settings.state_folder)
    assert file.exists()  # it is another's


def test_an_announcement_that_cannot_be_read_is_named(settings: Settings) -> None:
    settings.state_folder.mkdir()
    (settings.state_folder / "running.json").write_text("{")
    with pytest.raises(InputError, match=r"running\.json"):
        announced_stack(settings.state_folder)
