"""Retention of thirty days, and a folder of its own for the files."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings


@pytest.fixture(autouse=True)
def folder(settings: LazySettings, tmp_path: Path) -> Path:
    settings.KEEP_SIGNALS_DAYS = 30
    settings.ARCHIVE_DIR = str(tmp_path)
    return tmp_path
