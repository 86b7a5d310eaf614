"""`python -m backstory` is the command `backstory`."""

import sys

from backstory.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
