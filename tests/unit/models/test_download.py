from __future__ import annotations

from pathlib import Path

import pytest

from models.download import download, http_client
from models.errors import DiskFull, FetchError, IntegrityError, Offline

from .conftest import Registry, sri

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / ".cache" / "file.tgz"


def get(registry: Registry, target: Path, *, content: bytes = CONTENT, integrity: str = "", **more: object) -> None:
    registry.files.setdefault("/file.tgz", content)
    with http_client() as client:
        download(
            client,
            registry.url + "/file.tgz",
            target,
            size=len(CONTENT),
            integrity=integrity or sri(CONTENT),
            name="file",
            patience=(0.01, 0.01),
            **more,  # type: ignore[arg-type]
        )


def test_progress_ends_at_the_whole(registry: Registry, target: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    get(registry, target, progress=lambda *a: seen.append(a))
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT), "file")


def test_a_line_that_breaks_is_taken_up_where_it_broke(registry: Registry, target: Path) -> None:
    registry.cut_after = [300_000, 1, 200_000]
    get(registry, target)
    assert target.read_bytes() == CONTENT
    assert [r for _, r in registry.requests] == ["", "bytes=300000-", "bytes=300001-", "bytes=500001-"]


def test_a_later_call_goes_on_from_the_part_file(registry: Registry, target: Path) -> None:
    registry.cut_after = [400_000, 0, 0, 0]
    with pytest.raises(Offline) as caught:
        get(registry, target)
    assert caught.value.retryable
    assert not target.exists()
    get(registry, target)
    assert target.read_bytes() == CONTENT
    assert registry.requests[-1][1] == "bytes=400000-"


def test_a_server_without_ranges_starts_over(registry: Registry, target: Path) -> None:
    registry.ranges = False
    registry.cut_after = [400_000]
    get(registry, target)
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_too_long_or_wrong_is_thrown_away(registry: Registry, target: Path) -> None:
    target.parent.mkdir(parents=True)
    part = target.with_name("file.tgz.part")
    part.write_bytes(b"?" * len(CONTENT))
    with pytest.raises(IntegrityError, match="repeat"):
        get(registry, target)
    assert not part.exists()
    get(registry, target)
    assert target.read_bytes() == CONTENT


def test_other_content_is_refused(registry: Registry, target: Path) -> None:
    with pytest.raises(IntegrityError):
        get(registry, target, integrity=sri(b"something else"))
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(("status", "error"), [(403, FetchError), (404, FetchError), (503, Offline)])
def test_refusals_are_final_and_trouble_is_not(
    registry: Registry, target: Path, status: int, error: type[FetchError]
) -> None:
    registry.status = status
    with pytest.raises(FetchError, match=str(status)) as caught:
        get(registry, target)
    assert type(caught.value) is error
    assert caught.value.retryable == (status == 503)


def test_nobody_listens(tmp_path: Path, target: Path) -> None:
    with http_client() as client, pytest.raises(Offline, match="copy the folder"):
        download(client, "http://127.0.0.1:9/x", target, size=1, integrity="", name="x", patience=())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_says_how_much_and_where(registry: Registry, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.with_name("file.tgz.part").symlink_to("/dev/full")  # every write to it answers ENOSPC
    with pytest.raises(DiskFull, match=r"1\.0 MB needed") as caught:
        get(registry, target)
    assert str(target.parent) in str(caught.value)
    assert caught.value.retryable
