"""Start it with `ORCHESTRATOR_API_KEY=... python -m examples.feeder --url http://127.0.0.1:8000`."""

import sys
from pathlib import Path

# The folder of the client and the option model, which `python examples/engine_a.py` has by itself.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from feeder.command import main

main()
