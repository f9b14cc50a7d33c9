"""Work on all tenants at once: sync, roll back, back up and check them."""
