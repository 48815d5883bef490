"""`python -m netgrad` is the command line, too."""

import sys

from netgrad_command import main

if __name__ == "__main__":
    sys.exit(main())
