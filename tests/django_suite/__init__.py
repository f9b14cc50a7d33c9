"""Django's own tests on the backend of this package and on Django's own, side by side: `python -m tests.django_suite`."""
