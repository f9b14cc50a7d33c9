"""The app of the tenants: its tables are in each tenant's file."""
