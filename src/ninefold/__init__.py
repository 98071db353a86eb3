"""Ninefold: any prompt, nine pictures.

An open text-to-image system in the line of DALL·E Mini: a BART encoder–decoder writes VQGAN codes,
a VQGAN draws them, CLIP puts the best first.
"""

__version__ = "0.1.0"
