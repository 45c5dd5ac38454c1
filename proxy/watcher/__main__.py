"""`python -m proxy.watcher`: how the supervisor starts it."""

from __future__ import annotations

import sys

from proxy.watcher.start import main

if __name__ == "__main__":
    sys.exit(main())
