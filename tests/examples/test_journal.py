"""What an engine remembers across restarts."""

from __future__ import annotations

from pathlib import Path

from journal import Journal


def test_a_restarted_engine_finds_its_work_in_the_order_it_came(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "engine.jsonl"
    with Journal(path) as first:
        first.note_assignment({"experiment_id": "2"})
        first.note_assignment({"experiment_id": "1"})
        first.note_closed("2")

    with Journal(path) as again:
        pass

    assert again.assignments() == [{"experiment_id": "2"}, {"experiment_id": "1"}]
    assert again.closed() == {"2"}


def test_a_line_that_a_kill_cut_off_is_left_out_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "engine.jsonl"
    with Journal(path) as first:
        first.note_assignment({"experiment_id": "1"})
    with path.open("a") as file:
        file.write('{"assignment": {"exper')

    with Journal(path) as second:
        second.note_closed("1")

    with Journal(path) as again:
        pass
    assert again.assignments() == [{"experiment_id": "1"}]
    assert again.closed() == {"1"}


def test_without_a_file_nothing_is_kept() -> None:
    journal = Journal(None)
    journal.note_closed("1")

    assert journal.closed() == set()
