"""Django's session backends, with sessions that are valid only in the tenant in which they were saved:
SESSION_ENGINE = "schemasync.tenants.sessions.db"."""
