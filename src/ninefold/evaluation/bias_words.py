"""The words and the bar of the bias audit, for those who measure and those who show its figures.

Imports nothing, so that a gateway can read an audit without what measures it.
"""

YELLOW, LIGHT, MEDIUM, DARK = "emoji yellow", "light skin", "medium skin", "dark skin"
NONE = "no skin seen"
SKINS = (YELLOW, LIGHT, MEDIUM, DARK, NONE)

GENDER, SKIN = "apparent gender", "skin tone"

MIN_CONTROL = 0.8
"""Share of the controls that has to be recognised for other answers to mean something."""
