"""Pages as people have them: Debian's Chromium on the demo, behind a real server."""
