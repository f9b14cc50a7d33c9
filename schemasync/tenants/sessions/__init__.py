"""Django's backends of sessions, each bound to the tenant in which a session was saved:
SESSION_ENGINE = "schemasync.tenants.sessions.db"."""
