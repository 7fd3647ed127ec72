"""Reports that are kept: as they were, under their hash, so that they can be cited."""

from __future__ import annotations

from typing import Any

from kernel.actors import Actor
from kernel.values import parse_instant
from outcomes.models import KeptReport


def keep_report(actor: Actor, report: dict[str, Any], *, note: str = "") -> KeptReport:
    """Keep a report under its hash; one that says the same and is kept already stands, with its own note."""
    kept, _ = KeptReport.objects.get_or_create(
        report_hash=report["report_hash"],
        defaults={"report": report, "as_of": parse_instant(report["as_of"]), "note": note, "kept_by": actor.name},
    )
    return kept
