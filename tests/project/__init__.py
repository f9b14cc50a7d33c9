"""A whole Django project with the flag on, from outside: its commands in processes of their own."""
