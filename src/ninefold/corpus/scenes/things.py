"""The things that scenes are composed of: common ones, by CLDR label, and what each can do.

A scene shows things at half their size, so it pays to see fewer of them more often.
"""

ANIMALS = (
    "dog face", "cat face", "mouse face", "hamster", "rabbit face", "fox", "bear", "panda", "koala",
    "tiger face", "lion", "cow face", "pig face", "frog", "monkey face", "monkey", "gorilla", "dog",
    "cat", "chicken", "penguin", "bird", "baby chick", "duck", "eagle", "owl", "bat", "wolf",
    "horse face", "horse", "unicorn", "honeybee", "butterfly", "snail", "lady beetle", "ant",
    "spider", "turtle", "snake", "lizard", "t-rex", "sauropod", "octopus", "squid", "shrimp",
    "lobster", "crab", "blowfish", "tropical fish", "fish", "dolphin", "whale", "shark",
    "crocodile", "leopard", "zebra", "elephant", "hippopotamus", "rhinoceros", "camel", "giraffe",
    "kangaroo", "cow", "pig", "ram", "goat", "deer", "llama", "rooster", "turkey", "peacock",
    "parrot", "swan", "flamingo", "sloth", "hedgehog", "polar bear", "dragon", "dragon face",
    "raccoon", "beaver", "otter", "mouse", "rat", "rabbit",
)  # fmt: skip
PEOPLE = (
    "robot", "alien", "ghost", "clown face", "skull", "jack-o-lantern", "snowman", "ogre", "goblin",
    "astronaut", "ninja", "santa claus", "superhero", "supervillain", "mage", "vampire", "zombie",
    "baby", "boy", "girl", "man", "woman", "old man", "old woman", "prince", "princess", "cook",
    "police officer", "firefighter", "farmer", "scientist", "detective", "man dancing",
    "woman dancing", "mermaid", "fairy", "elf", "genie", "teddy bear",
)  # fmt: skip
FACES = (
    "dog face", "cat face", "mouse face", "hamster", "rabbit face", "fox", "bear", "panda", "koala",
    "tiger face", "lion", "cow face", "pig face", "frog", "monkey face", "wolf", "horse face",
    "robot", "alien", "ghost", "skull", "clown face", "jack-o-lantern", "octopus", "penguin",
    "chicken", "baby", "boy", "girl", "man", "woman", "old man", "old woman", "polar bear",
    "raccoon", "grinning face", "smiling face", "pile of poo", "snowman", "unicorn", "t-rex",
    "baby chick", "gorilla", "pizza", "red apple", "banana", "hamburger",
)  # fmt: skip
FOOD = (
    "pizza", "hamburger", "french fries", "hot dog", "taco", "sushi", "doughnut", "cookie",
    "birthday cake", "ice cream", "banana", "red apple", "green apple", "strawberry", "watermelon",
    "grapes", "lemon", "pineapple", "carrot", "cheese wedge", "bread", "croissant", "avocado",
    "tomato", "cherries", "mushroom", "lollipop", "popcorn", "spaghetti", "broccoli", "egg",
    "meat on bone", "pear", "peach", "ear of corn", "hot beverage", "beer mug", "cupcake",
    "pancakes",
)  # fmt: skip
VEHICLES = (
    "automobile", "taxi", "police car", "bus", "racing car", "bicycle", "motorcycle", "skateboard",
    "rocket", "airplane", "helicopter", "sailboat", "ship", "speedboat", "tractor", "fire engine",
    "flying saucer", "train", "locomotive", "delivery truck", "motor scooter",
)  # fmt: skip
OBJECTS = (
    "guitar", "umbrella", "house", "castle", "tokyo tower", "sunflower", "rose", "tulip", "cactus",
    "palm tree", "deciduous tree", "evergreen tree", "christmas tree", "soccer ball", "basketball",
    "balloon", "wrapped gift", "closed book", "laptop", "mobile phone", "camera",
    "television", "chair", "bed", "door", "key", "hammer", "axe", "crossed swords", "dagger",
    "bomb", "trophy", "bell", "alarm clock", "candle", "light bulb", "gem stone", "crystal ball",
    "magnet", "volcano", "mountain", "cloud", "sun", "star", "fire", "rainbow", "red heart",
    "money bag", "coin", "shopping cart", "video camera", "trumpet", "violin", "drum",
    "magic wand", "department store", "church", "tent", "anchor", "shield", "t-shirt", "dress",
    "crown", "top hat", "sunglasses", "high-heeled shoe", "running shoe", "backpack",
)  # fmt: skip
HATS = (
    "top hat", "crown", "woman’s hat", "graduation cap", "billed cap", "military helmet",
    "rescue worker’s helmet", "ribbon",
)  # fmt: skip
GLASSES = ("glasses", "sunglasses", "goggles")

ACTORS = tuple(dict.fromkeys((*ANIMALS, *PEOPLE)))
COMMON = tuple(dict.fromkeys((*ANIMALS, *PEOPLE, *FOOD, *VEHICLES, *OBJECTS)))
RIDDEN = (*VEHICLES, "horse", "elephant", "camel", "pig", "turtle", "dragon", "whale", "unicorn",
          "t-rex", "dolphin", "giraffe", "cow", "zebra", "hippopotamus", "rhinoceros")  # fmt: skip
HELD = (*FOOD, *OBJECTS[:4], "balloon", "red heart", "crossed swords", "dagger", "magic wand",
        "umbrella", "trophy", "mobile phone", "camera", "wrapped gift", "rose", "guitar",
        "video camera", "money bag", "bomb", "light bulb", "shield", "axe", "hammer")  # fmt: skip
BUILDINGS = (
    "house", "castle", "tokyo tower", "department store", "church", "tent", "volcano",
    "mountain", "hospital", "school", "bank", "hotel", "factory", "stadium", "japanese castle",
    "hut", "statue of liberty", "ferris wheel", "roller coaster", "circus tent", "fountain",
    "mosque", "palm tree", "deciduous tree", "evergreen tree", "christmas tree",
    "desert island", "post office", "convenience store", "building construction",
    "derelict house", "wedding", "hindu temple", "kaaba", "locomotive", "bus stop",
    "fuel pump", "snow-capped mountain", "mount fuji", "rainbow", "fire", "door", "bed",
    "couch and lamp", "television", "moai", "bridge at night",
)  # fmt: skip
"""Where somebody can be: what stands behind them."""
