"""The health check of the container: exit code 0 if the site can use its database, else 1."""

import os
import sys
from urllib.request import urlopen

PORT = os.environ.get("PORT", "8000")


def main() -> int:
    try:
        with urlopen(f"http://127.0.0.1:{PORT}/health/ready", timeout=4) as answer:
            sys.stdout.write(answer.read().decode())
    except OSError as error:  # also for a status 503
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
