"""Move a tenant to another host: copy its file while it is written, and close it for milliseconds at the end."""
