"""Characters that look like a Latin letter and that Unicode's own foldings leave alone.

A table of our own, from the shapes in the Unicode code charts. Compatibility forms (full width,
mathematical, circled, superscript) and accents are not in it: normalisation folds those.
"""

LOOK_ALIKES = {
    "a": "АаΑαɑᴀ∂ⱥʌᎪꓮ",
    "b": "ВвΒβɓƀᴃʙьЬҍᏴꓐ",
    "c": "СсϲϹᴄƈȼ¢ⅽᏟꓚ",
    "d": "ԁԀɗđðᴅɖᎠꓓ",
    "e": "ЕеΕεϵєЄҽɛəɇ℮ᴇǝᎬꓰ€э",
    "f": "ƒϝꜰſꓝ",
    "g": "ɡɢɠǥԍԌցᏀꓖ",
    "h": "НнҺһΗʜɦħђћᎻꓧ",
    "i": "ІіΙιıɩɪƗɨӏӀᎥꓲ",
    "j": "ЈјϳʝɉᴊᎫꓙ",
    "k": "КкΚκƙĸᴋқҚᏦꓗ",
    "l": "ʟɫɭłƚꞁᏞꓡ",
    "m": "МмΜᴍɱᎷꓟ",
    "n": "ΝηпПɴɲŋƞՈոꓠ",
    "o": "ОоΟοσөӨ᧐ᴏøօՕסଠ೦ꓳ",
    "p": "РрΡρᴘƥþᏢꓑ",
    "q": "ԛԚʠɋգ",
    "r": "ГгʀɍɾɽᎡꓣ",
    "s": "ЅѕʂꜱꞅᏚꓢ",
    "t": "ТтΤτᴛƭʈŧᎢꓔ",
    "u": "υцЦᴜʊսՍꓴ",
    "v": "νѵѴᴠʋᏙꓦ",
    "w": "ωԝԜшШѡᴡɯᎳꓪ",
    "x": "ХхΧχҳ×ꓫ",
    "y": "УуΥүҮγʏɣƴɏꓬ",
    "z": "ΖᴢƶʐʑᏃꓜ",
    "ae": "æ",
    "oe": "œ",
}
"""Latin letters, each with the characters that stand in for it."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHABETS = (0x1F150, 0x1F170, 0x1F1E6)
"""Where negative circled, negative squared and regional indicator letters begin."""

CONFUSABLES = {
    character: letter for letter, characters in LOOK_ALIKES.items() for character in characters
} | {chr(start + offset): letter for start in _ALPHABETS for offset, letter in enumerate(_LETTERS)}
"""A look-alike to the Latin letters that it is read as."""
