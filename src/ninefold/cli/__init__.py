"""The `ninefold` command: wiring only."""
