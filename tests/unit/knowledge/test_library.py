"""A folder of articles, as people keep them."""

import os
from pathlib import Path

import pytest

from assist.errors import KnowledgeError
from assist.knowledge.library import refresh

from .conftest import WordEncoder

GOOD = "# Recargo\nEl recargo por impago es de cuatro euros.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "good.md").write_text(GOOD, encoding="utf-8")
    return folder


def test_only_what_changed_is_read_again(folder: Path, tmp_path: Path, encoder: WordEncoder) -> None:
    (folder / "other.md").write_text("# Otra\nNada que ver.\n", encoding="utf-8")
    first = refresh(folder, tmp_path / "cache", encoder)
    assert (first.files, first.changed, len(first.knowledge.passages)) == (2, 2, 2)
    encoder.passages.clear()
    assert refresh(folder, tmp_path / "cache", encoder).changed == 0

    (folder / "good.md").write_text(GOOD + "\n## Perdón\nUna vez al año.\n", encoding="utf-8")
    second = refresh(folder, tmp_path / "cache", encoder)
    assert second.changed == 1
    assert encoder.passages == [
        "Recargo\nEl recargo por impago es de cuatro euros.",
        "Recargo\nPerdón\nUna vez al año.",
    ]

    encoder.passages.clear()
    os.utime(folder / "other.md", (1, 1))  # touched, but the same
    assert refresh(folder, tmp_path / "cache", encoder).changed == 1
    assert encoder.passages == []

    (folder / "good.md").unlink()
    third = refresh(folder, tmp_path / "cache", encoder)
    assert [p.file for p in third.knowledge.passages] == ["other.md"]
    assert [p.file for p in refresh(folder, tmp_path / "cache", encoder).knowledge.passages] == ["other.md"]


def test_rows_stay_with_their_passages(folder: Path, tmp_path: Path, encoder: WordEncoder) -> None:
    (folder / "aaa.md").write_text("# Robo\nLa tarjeta robada se bloquea en el acto.\n", encoding="utf-8")
    (folder / "bbb.md").write_bytes(b"\xff\xfa\xfb")
    for _ in range(2):
        library = refresh(folder, tmp_path / "cache", encoder)
        assert library.knowledge.search("recargo por impago", "es")[0].passage.file == "good.md"
        assert library.knowledge.search("tarjeta robada", "es")[0].passage.file == "aaa.md"


def test_bad_files_are_named_and_stop_nothing(folder: Path, tmp_path: Path, encoder: WordEncoder) -> None:
    with (folder / "huge.md").open("wb") as file:
        file.truncate(500_000_000)  # sparse: takes no room
    (folder / "binary.md").write_bytes(b"\x7fELF\0\0\0\1" * 100)
    (folder / "latin1.txt").write_bytes("Facturación y línea".encode("latin-1"))
    (folder / "table.csv").write_text("a,b\n1,2\n")
    (folder / "quotes.csv").write_text('title,text\n"a,b\n')
    (folder / "wide.txt").write_bytes("Recargo por línea".encode("utf-16"))
    (folder / "empty.md").write_text("")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / ".hidden.md").write_text("# no")
    (folder / "loop").symlink_to(folder)
    secret = tmp_path / "secret.md"
    secret.write_text("# Secreto\nNo es un artículo.")
    (folder / "link.md").symlink_to(secret)
    (folder / "gone.md").symlink_to(tmp_path / "nowhere.md")
    os.mkfifo(folder / "pipe.md")
    for _ in range(2):  # problems are remembered too
        library = refresh(folder, tmp_path / "cache", encoder)
        assert {skipped.file: skipped.problem for skipped in library.skipped} == {
            "huge.md": "too_large",
            "binary.md": "binary",
            "latin1.txt": "encoding",
            "table.csv": "table",
            "quotes.csv": "table",
            "link.md": "outside",
            "gone.md": "unreadable",
            "pipe.md": "unreadable",
        }
        assert dict(library.unread) == {".png": 1}
        assert {p.file for p in library.knowledge.passages} == {"good.md", "wide.txt"}


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half", b"\0" * 5000])
def test_a_damaged_memory_is_made_anew(damage: bytes, folder: Path, tmp_path: Path, encoder: WordEncoder) -> None:
    refresh(folder, tmp_path / "cache", encoder)
    (remembered,) = (tmp_path / "cache").iterdir()
    remembered.write_bytes(damage)
    assert refresh(folder, tmp_path / "cache", encoder).changed == 1
    assert refresh(folder, tmp_path / "cache", encoder).changed == 0


def test_another_encoder_reads_everything_again(folder: Path, tmp_path: Path, encoder: WordEncoder) -> None:
    refresh(folder, tmp_path / "cache", encoder)
    encoder.name = "another"  # type: ignore[misc]
    assert refresh(folder, tmp_path / "cache", encoder).changed == 1


def test_a_missing_folder_says_what_to_do(tmp_path: Path, encoder: WordEncoder) -> None:
    with pytest.raises(KnowledgeError, match=r"knowledge\.folder"):
        refresh(tmp_path / "none", tmp_path / "cache", encoder)


def test_what_cannot_be_remembered_can_be_searched_and_says_why(
    folder: Path, tmp_path: Path, encoder: WordEncoder
) -> None:
    (tmp_path / "cache").write_text("a file")
    library = refresh(folder, tmp_path / "cache", encoder)
    assert "data_dir" in library.unsaved
    assert library.knowledge.search("recargo por impago", "es")[0].passage.file == "good.md"
    (tmp_path / "cache").unlink()
    assert refresh(folder, tmp_path / "cache", encoder, before=library).unsaved == ""


def test_a_look_at_an_unchanged_folder_makes_nothing_anew(folder: Path, tmp_path: Path, encoder: WordEncoder) -> None:
    first = refresh(folder, tmp_path / "cache", encoder)
    assert refresh(folder, tmp_path / "cache", encoder, before=first) is first
    (folder / "good.md").chmod(0)
    os.utime(folder / "good.md", (1, 1))
    second = refresh(folder, tmp_path / "cache", encoder, before=first)
    assert second is not first


def test_a_stopped_look_keeps_what_was_known(folder: Path, tmp_path: Path, encoder: WordEncoder) -> None:
    first = refresh(folder, tmp_path / "cache", encoder)
    (folder / "aaa.md").write_text("# Nueva\nOtra cosa.\n", encoding="utf-8")
    second = refresh(folder, tmp_path / "cache", encoder, before=first, stop=lambda: True)
    assert [passage.file for passage in second.knowledge.passages] == ["good.md"]
    assert refresh(folder, tmp_path / "cache", encoder).files == 2
