"""The page in Debian's Chromium, against the real service with a tiny model."""
