"""Picture files: how they are named, what they carry, how nine make a grid.

Knows nothing of models: pictures come in as pixels.
"""
