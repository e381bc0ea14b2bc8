"""Articles of a running process: current within a look, and alive whatever happens to the folder."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from assist.knowledge.keeper import KnowledgeKeeper

from .conftest import WordEncoder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "recargo.md").write_text("# Recargo\nEl recargo por impago es de cuatro euros.\n", encoding="utf-8")
    return folder


@pytest.fixture
def keeper(folder: Path, tmp_path: Path, encoder: WordEncoder) -> Iterator[KnowledgeKeeper]:
    keeper = KnowledgeKeeper(folder, tmp_path / "cache", lambda: encoder, check_s=0.05)
    yield keeper
    keeper.stop()


def test_new_changed_and_deleted_articles_are_found_without_being_told(keeper: KnowledgeKeeper, folder: Path) -> None:
    def quoted(query: str) -> str:
        answer = keeper.answer(query, "es")
        return answer.quoted if answer is not None and answer.found.sure else ""

    keeper.start()
    _eventually(lambda: "cuatro" in quoted("recargo por impago"))
    (folder / "robo.md").write_text("# Robo\nLa tarjeta robada se bloquea en el acto.\n", encoding="utf-8")
    _eventually(lambda: "bloquea" in quoted("tarjeta robada bloquea"))
    (folder / "recargo.md").write_text("# Recargo\nEl recargo por impago es de seis euros.\n", encoding="utf-8")
    _eventually(lambda: "seis" in quoted("recargo por impago"))
    (folder / "robo.md").unlink()
    _eventually(lambda: quoted("tarjeta robada bloquea") == "")
    assert quoted("recargo") == ""  # a word asks nothing


def test_another_folder_is_followed_and_none_is_quiet(keeper: KnowledgeKeeper, folder: Path) -> None:
    other = folder.with_name("others")
    other.mkdir()
    (other / "robo.md").write_text("# Robo\nLa tarjeta robada se bloquea en el acto.\n", encoding="utf-8")

    def sure(query: str) -> bool:
        answer = keeper.answer(query, "es")
        return answer is not None and answer.found.sure

    keeper.start()
    _eventually(lambda: sure("recargo por impago"))
    keeper.follow(other, 600)  # noticed at once, however seldom the folder is looked at
    _eventually(lambda: sure("tarjeta robada bloquea"))
    assert not sure("recargo por impago")
    keeper.follow(None, 600)
    _eventually(lambda: keeper.passages == 0)
    assert not sure("tarjeta robada bloquea")
    keeper.follow(folder, 0.05)
    _eventually(lambda: sure("recargo por impago"))


def test_a_folder_that_is_left_while_it_is_read_gives_nothing(
    folder: Path, tmp_path: Path, encoder: WordEncoder
) -> None:
    def opened() -> WordEncoder:
        keeper.follow(None, 1)  # somebody reloads the configuration in this moment
        return encoder

    keeper = KnowledgeKeeper(folder, tmp_path / "cache", opened)
    assert not keeper.look()
    assert keeper.passages == 0


def test_without_a_folder_no_model_is_loaded(tmp_path: Path) -> None:
    def never() -> WordEncoder:
        raise AssertionError("nothing is to be read")

    keeper = KnowledgeKeeper(None, tmp_path / "cache", never)
    assert not keeper.look()
    assert keeper.answer("recargo por impago", "es") is None


def test_bad_files_and_a_full_disk_are_said_once_and_the_rest_is_found(
    keeper: KnowledgeKeeper, folder: Path, tmp_path: Path
) -> None:
    with (folder / "video.md").open("wb") as file:
        file.truncate(500_000_000)  # takes no room on the disk
    (folder / "foto.md").write_bytes(b"\x89PNG\0\0\0")
    (tmp_path / "cache").write_text("no folder: nothing can be written here")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            keeper.look()
    assert sorted((log["file"], log["problem"]) for log in logs if log["event"] == "knowledge.skipped") == [
        ("foto.md", "binary"),
        ("video.md", "too_large"),
    ]
    (complaint,) = [log for log in logs if log["event"] == "knowledge.not_read"]
    assert "data_dir" in complaint["error"]
    assert keeper.passages == 1
    assert keeper.answer("recargo por impago", "es") is not None

    (tmp_path / "cache").unlink()
    with structlog.testing.capture_logs() as logs:
        keeper.look()
    assert "knowledge.well_again" in [log["event"] for log in logs]


def test_a_folder_that_is_gone_is_said_once_and_what_was_read_stays(keeper: KnowledgeKeeper, folder: Path) -> None:
    keeper.look()
    folder.rename(folder.with_name("elsewhere"))
    with structlog.testing.capture_logs() as logs:
        keeper.look()
        keeper.look()
    assert [log["event"] for log in logs] == ["knowledge.not_read"]
    assert keeper.answer("recargo por impago", "es") is not None
    folder.with_name("elsewhere").rename(folder)
    with structlog.testing.capture_logs() as logs:
        keeper.look()
    assert [log["event"] for log in logs] == ["knowledge.well_again"]


def test_without_the_model_calls_go_on(folder: Path, tmp_path: Path) -> None:
    def missing() -> WordEncoder:
        raise OSError("nothing there")

    keeper = KnowledgeKeeper(folder, tmp_path / "cache", missing)
    with structlog.testing.capture_logs() as logs:
        assert not keeper.look()
    assert [log["event"] for log in logs] == ["knowledge.not_read"]
    assert keeper.answer("recargo por impago", "es") is None


def _eventually(condition) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
