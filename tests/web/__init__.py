"""The page: its words, files and templates, and the whole of it in a browser."""
