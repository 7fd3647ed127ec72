"""Retention that is too short for alerts that are sent again is refused at the start."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.core.checks import run_checks

from archives.kinds import KINDS


@pytest.mark.parametrize("setting", [kind.setting for kind in KINDS])
def test_days_below_thirty_are_refused_and_none_means_for_ever(settings: LazySettings, setting: str) -> None:
    def complaints() -> list[str]:
        return [f"{one.msg}" for one in run_checks() if one.id == "archives.E001"]

    for days, said in ((29, [f"{setting} is 29."]), (1, [f"{setting} is 1."]), (30, []), (0, [])):
        setattr(settings, setting, days)
        assert complaints() == said
