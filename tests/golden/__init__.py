"""Known answers, in files that every implementation can run."""

from pathlib import Path

GOLDEN_FOLDER = Path(__file__).parent
