"""Files that people write are read whole or refused with what to do; what is in them is never quoted."""

from pathlib import Path

import pytest

from assist.errors import ConfigError
from assist.session.files import read_small


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_small(path, "playbook", "[playbook] files", 1_000_000)
    return str(caught.value)


def test_a_file_is_read_and_what_can_not_be_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("name: ñ", encoding="utf-8")
    assert read_small(path, "playbook", "[playbook] files", 1_000_000) == "name: ñ"
    path.write_bytes(b"secreto\xff")
    assert refusal(path) == f"playbook {path} is not UTF-8 text; save it as UTF-8 or correct [playbook] files"
    assert "can't be read (Is a directory); correct [playbook] files" in refusal(tmp_path)
    assert "can't be read (No such file or directory)" in refusal(tmp_path / "none.yaml")
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(500_000_000)  # sparse: takes no room
    assert "over 1 MB is no playbook; name another file" in refusal(tmp_path / "large.yaml")
