"""Tests of pages as users see them: Debian's Chromium on the demo, behind a real server."""
