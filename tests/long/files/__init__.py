"""Files that other programs make, taken through schemasync and read by these programs after each step."""
