"""Entry of the launcher process."""

import sys

from orchestrator_site.embedded_postgres.launcher import main

sys.exit(main())
