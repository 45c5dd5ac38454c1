"""`python -m proxy.relay`: started by the supervisor, or by hand for trials."""

from __future__ import annotations

import sys

from proxy.relay.process import main

if __name__ == "__main__":
    sys.exit(main())
