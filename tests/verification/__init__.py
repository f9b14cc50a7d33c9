"""What the verification finds: damage of every kind, in every mode of a run."""
