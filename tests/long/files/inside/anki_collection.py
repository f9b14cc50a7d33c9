from importlib.metadata import version

from anki.collection import Collection
from commands import main


def make(path):
    collection = Collection(str(path))
    basic, deck = collection.models.by_name("Basic"), collection.decks.id("Deck")
    for number in range(200):
        note = collection.new_note(basic)
        note["Front"], note["Back"], note.tags = f"front {number}", f"back {number}", [f"Tag{number % 5}"]
        collection.add_note(note, deck)
    collection.close()


def write(path):
    collection = Collection(str(path))
    note = collection.new_note(collection.models.by_name("Basic"))
    note["Front"] = f"later {collection.note_count()}"
    collection.add_note(note, collection.decks.id("Deck"))
    collection.close()


def read(path):
    collection = Collection(str(path))
    said, fine = collection.fix_integrity()
    found = len(collection.find_notes("tag:tag3")), len(collection.find_notes("front:later*"))
    collection.close()
    return f"notes by tag and by text {found}; fix_integrity: {fine}, {said}"


main(lambda: f"anki {version('anki')}", make, write, read)
