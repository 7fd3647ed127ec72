"""SQL of more than a few lines, kept in files of its own beside the module that runs it."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString

# Options of sessions that serve. A host lost without a word ends none of them, and what an open transaction there holds
# stays locked until the server notices, by default after two hours; with these, after 20 seconds.
NOTICE_LOST_HOSTS = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2"


def load(module_file: str, name: str) -> LiteralString:
    """The text of the ``.sql`` file beside a module (``__file__``); load it once, at import.

    It is part of the program, so that psycopg may take it for the literal it is.
    """
    return Path(module_file).with_name(name).read_text(encoding="utf-8")
