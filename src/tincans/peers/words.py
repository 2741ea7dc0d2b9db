"""The words of spoken codes: 512 of English that are easy to say and hard to mistake.

Everyday things, mostly, of four letters or more and two syllables or so. What makes them safe to say over a telephone
and quick to type is tested: no two have their first four letters in common, so four letters are enough of each; none
becomes another by fewer than three slips of the finger or the ear (a letter wrong, missing or too much); and none is
rude, or spelled in two ways.

A word is nine bits: two of them, and few guesses, are enough against who can only guess (`codes.py`).
"""

from __future__ import annotations

_TEXT = """
acorn acrobat admiral aerial afternoon airplane alarm alcove algebra alligator almond alphabet amber anchor angle animal
antelope apricot aquarium arcade armchair arrow artist astronaut atlas attic autumn avalanche avenue avocado baboon
backpack badger bagpipe bakery balcony banana barefoot basket bathtub beacon beaver bedroom beetle belfry bicycle
biscuit blizzard blossom blueprint boomerang border bracelet bread bridge bubble buffalo builder bulldozer bungalow
butter cabbage cactus cafeteria calendar camera canyon caramel cardboard carnival carpet castle cathedral cedar cement
century cherry chimney chocolate cinema circus citizen clarinet climber clover cobweb coconut coffee collar compass
concert copper coral cottage cousin cradle cricket crocodile crystal cucumber cupboard curtain cushion cyclone dairy
dandelion daylight deckchair delta dentist desert diamond dictionary diesel dinosaur diploma doctor dolphin domino
donkey doorbell dozen dragon drawer driftwood drummer dungeon dustpan dynamo earring easel eclipse eggplant elastic
elbow elephant elevator emerald emperor engine espresso evening evergreen explorer eyebrow fabric factory family farmer
feather fence festival fiddle fifteen fireplace flamingo flannel florist flute fondue football fossil fountain freckle
frisbee fudge furnace galaxy gallop garden garlic gearbox geranium giant ginger giraffe glacier glider globe goblet
goldfish gondola gorilla granite grapefruit grocery guitar gymnast habitat hairbrush hammock harvest hatchet hazelnut
headlight hedgehog helicopter helmet hexagon highway hillside history hobby horizon hospital hotel hovercraft hubcap
hundred hurricane husky hydrant iceberg igloo iguana indigo inkwell insect island ivory jackal jaguar jasmine javelin
jelly jersey jewel jigsaw journey jubilee juggler juniper justice kangaroo karate kayak kennel keyboard kimono kingdom
kiosk kitchen knapsack koala laboratory lantern laptop laundry lavender legend lemon leopard lettuce library lightning
lilac linen lobster locket lollipop luggage machine magnet mailbox mammoth mandolin mango maple mascot mattress meadow
melody mermaid meteor microscope midnight mirror mitten molecule monsoon morning mosaic muffin mulberry museum mustard
mystery napkin nature navigator necklace nectar nephew newspaper nickel nightingale nomad noodle northern notebook
november nugget nursery nutmeg oasis oatmeal observatory ocean octopus office olive onion opera orange orbit orchard
origami ostrich overcoat oxygen palace pancake panther paper parachute parcel patio pavement peacock pelican pencil
penguin perfume phantom photograph picnic pigeon pilgrim pillow pineapple pioneer planet platform poetry pomegranate
popcorn postcard potato president pretzel printer prism propeller pudding pulley pumpkin puppet purple pyramid quarry
question quilt quiver rabbit radish railway rainbow raisin raspberry ravine recipe rectangle reindeer remedy ribbon
ripple roadside robin rooftop rosemary rucksack rudder runway safari sailor salad sandal sapphire sardine saucer sausage
savanna scarecrow scissors sculptor seagull seesaw september seven shelter shipwreck shoelace shrub shuttle sidewalk
signal silver skeleton skyline sledge slipper smoke snail snorkel snowball soldier sonata spectrum spinach sponge
squirrel stadium station steam stingray strawberry studio submarine sugar suitcase sunflower surfboard swallow swimmer
tadpole tambourine tandem tangerine tapestry tavern teapot telescope temple tennis thermometer thousand thunder tiptoe
topaz tornado tortoise toucan tower tractor trampoline treasure triangle trombone trumpet tugboat tulip tundra turbine
tutor tuxedo twelve twilight typhoon ukulele umbrella unicorn universe upstairs utensil vacation vanilla vegetable
veranda village vineyard violin visitor vitamin volcano volume voyage waffle waiter walnut wanderer wardrobe warehouse
waterfall weekend western whale wheat whisper widget wildlife window wizard wombat woodland workshop wrinkle yesterday
zebra zenith zeppelin zigzag zodiac
"""

#: Sorted, so that what a beginning can mean stands together.
WORDS: tuple[str, ...] = tuple(_TEXT.split())
