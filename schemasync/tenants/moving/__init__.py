"""A tenant moves to another host: its file is copied while it is written, and closed for milliseconds at the end."""
