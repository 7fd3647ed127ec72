"""Entry of the launcher process."""

import sys

from embedded_postgres.launcher import main

sys.exit(main())
