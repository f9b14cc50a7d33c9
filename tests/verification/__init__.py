"""The verification finds damage of every kind, in every mode of a run."""
