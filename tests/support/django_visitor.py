"""Whoever works in the admin of a shop, in a process of its own; a program apart, which no test imports.

It runs in the directory of a Django project, makes the tables, and lets a member of the staff in. Each line of
standard input is a request in JSON: method, path and form. Each line of standard output is the answer: its status and
text. It ends when standard input closes.
"""

import json
import sys

import django

sys.path.insert(0, "")
django.setup()

from django.contrib.auth.models import User  # noqa: E402  only now there are settings
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402


def main() -> None:
    """Answer requests."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    visitor = Client()
    visitor.force_login(User.objects.create_superuser("staff"))
    print("ready", flush=True)  # noqa: T201 - to who asks
    for line in sys.stdin:
        method, path, form = json.loads(line)
        answer = getattr(visitor, method)(path, form, follow=True)
        print(json.dumps([answer.status_code, answer.text]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
