"""The web server starts where nobody is in its way, and leaves nothing behind."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from orchestrator_site.web import server


@pytest.fixture(autouse=True)
def _temporary_files_are_the_tests_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_port_that_is_taken_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr("sys.argv", ["server", "--port", str(port)])

        with pytest.raises(SystemExit) as ended:
            server.main()

    assert str(ended.value).startswith(f"Cannot listen on 127.0.0.1:{port}: ")


def test_what_a_killed_server_has_left_is_used_again_and_removed() -> None:
    with server.folder_of_our_own("a") as folder:
        (folder / "pages").touch()
        with server.folder_of_our_own("a") as again:
            assert (again, (again / "pages").exists()) == (folder, True)
            assert folder.stat().st_mode & 0o777 == 0o700
        folder.mkdir()

    assert not folder.exists()


@pytest.mark.parametrize("kind", ["a folder for all", "a link"])
def test_a_folder_that_others_can_reach_is_not_used(tmp_path: Path, kind: str) -> None:
    with server.folder_of_our_own("a") as folder:
        pass
    if kind == "a link":
        folder.symlink_to(tmp_path)
    else:
        folder.mkdir()
        folder.chmod(0o755)

    with pytest.raises(SystemExit, match="other users"), server.folder_of_our_own("a"):
        pass
