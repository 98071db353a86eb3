"""Short words of everyday prompts, which are no halves of a word that somebody parted.

"pen is" is two words, "na ked" is one. Words of up to four letters, by hand from what people write;
knows nothing of what is looked for.
"""

_WORDS = """
a ad add age ago ah aid aim air ale all alto am an and ant any ape app apt arc are arm art as
ash ask at ate aunt auto axe baby back bad bag ball band bank bar bare bark barn base bass bat
bath be bead beak beam bean bear beat bed bee beef been beer bell belt bend best bet big bike
bin bird bit bite black blue boa boar boat body bold bone book boot both bow bowl box boy bread
bro bud bug bull bun bus bush but buy by cab cafe cake call calm camp can cane cap cape car card
care cart case cast cat cave chef chin city clay club coal coat cod code cold come con cook cool
cop copy corn cot cow crab crew cry cub cup cut cute dad dark date dawn day de dead deep deer
del den desk dew die dig dim dip dirt disk do dock dog doll don door dot dove down draw drum dry
duck due dusk dust each ear earth east easy eat edge eel egg eight el elf elk else emu end era
ex eye face fair fall fan far farm fast fat fawn fed feet felt few fig film fin fire fish fist
fit five flag flat flea flip flow fly foam fog fold food foot for fork fort four fox free frog
from fry full fun fur game gas gate gem get gift gin girl give glad go goat god gold golf good
gray great green grey grid grin grow gum gun guy had hair half hall ham hand hang hard has hat
have hawk hay he head heat hen her here hero hey high hill him hip his hit hog hold hole home
hood hook hop horn hot hour how hug huge hunt hut ice icon if imp in ink inn into iron is isle
it its ivy jam jar jaw jay jazz jet jive job jog joy jug jump just keep key kid kin kind king
kit kite kiwi koi la lace lad lady lake lamb lamp land lane lap las last late lava law lawn lay
le lead leaf leg lens let lid lie life lift light like lily lime line lion lip lit live log long
look los lost lot love low mad made mail main make male man many map mars mask mat may me meal
men menu met mice milk mill mine mint mist mix moon more moss most moth mouth move much mud mug
my nail name nap near neat neck need nest net new next nice night nine no noon nor nose not note
now nut oak oat ocean odd of off oil old on one onto open or orb orca ore our out oval oven over
owl own ox pack pad page paint pair palm pan papa par park part past pat path paw pay pea peak
pear peas pen per pet pie pig pile pin pine pink pipe pit plan play plum pod poem pole pond pony
pool pop port post pot pug pump pup put que rag rain ram ran rat raw ray read real red rest rib
rice rich ride rim ring ripe rise road rob robe rock rod role roll roof room root rope rose row
rub rug rum run rust sad safe sage sail salt same sand sat saw say sea seal seat see seed self
set seven sew she shed ship shoe shop show shy side sign silk sing sip sir sit six size ski sky
slow small snow so sock soft sofa soil some son song soup spa spin spot sun star stem step still
sub such suit sum swan tail take tall tan tap tape tar taxi tea team teal tell ten tent than
that the them then they thin this three tie tile time tin tiny tip to toad toe toes too tool top
tour town toy tram tray tree trio try tub tuna turn two un up urn us use van vase vast very via
view vine wall war was wasp wave wax way we wear web well went west wet what when white who whom
why wide wife wig wild will win wind wine wing wise wish with wolf wood wool word work wore yak
yam yard year yes yet yoga you your zebra zen zero zoo
"""

ORDINARY = frozenset(_WORDS.split())
