"""A neutral feed of the demo: it belongs to neither engine, and quotes what the orchestrator asks for."""
