"""A backend in Python, with the COS SDK of Tencent that knows nothing of us, against the simulator: objects, lists,
uploads in parts, signed addresses, forms and temporary credentials, in each of the ways in which that SDK can reach a
bucket that is elsewhere.

Usage: python cos SETTINGS, a file with a section [cos] as in config/default.toml.
"""

import logging
import os
import sys
import tomllib
import traceback

from access import Access
from bucket import Bucket
from copies import Copies
from forms import Forms
from guests import Guests
from lists import Lists
from objects import Objects
from parts import Parts


def main():
    with open(sys.argv[1], "rb") as file:
        settings = tomllib.load(file)
    # The SDK writes every refusal to the log, and refusals are what is tried here.
    logging.disable(logging.CRITICAL)
    # The SDK of STS would ask the machine for a proxy.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    passed, failed = 0, 0
    for way in Bucket.WAYS:
        for kind in (Objects, Lists, Copies, Parts, Access, Forms, Guests):
            bucket = kind(settings, way)
            for claim in kind.claims():
                name = f"{way}: {claim.__name__}"
                try:
                    claim(bucket)
                except Exception:
                    failed += 1
                    print(f"✗ {name}\n{traceback.format_exc()}")
                else:
                    passed += 1
                    print(f"✓ {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
