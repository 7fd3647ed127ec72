"""Known answers, in files that every implementation can run."""

from pathlib import Path

from experiments.core.decision import AssignmentKey

GOLDEN_FOLDER = Path(__file__).parent
# What the known answers and all tests assign with.
VECTOR_KEY = AssignmentKey(bytes(32))
