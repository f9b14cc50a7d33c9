"""All tenants at once: brought to one schema, and looked at."""
