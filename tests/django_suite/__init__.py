"""Django's own tests on the backend of this package and on Django's own, for comparison: `python -m
tests.django_suite`."""
