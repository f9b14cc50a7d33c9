"""Between Django's models and the schema: what the models say, and what they say that schema.json does not."""
