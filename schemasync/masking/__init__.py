"""Replaces personal values by others of the same form: the rules, and the functions of a value. Knows no database."""
