"""The figures that the backend measures, as values, and recommendations from them."""
