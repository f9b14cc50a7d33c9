"""Tests of a whole Django project with the flag on, from outside: its commands run in other processes."""
