"""Random writes on both sides of a schema change, there and back several times, compared with a simple model."""

import random

import pytest

from .stories import ID, Story

WITH = {"users": {"id": ID, "name": "TEXT", "phone": "TEXT"}}
WITHOUT = {"people": {"_was": ["users"], "id": ID, "label": {"type": "TEXT", "was": ["name"]}, "_dropped": ["phone"]}}
GATE = 3


@pytest.mark.slow(but=["0"])
@pytest.mark.parametrize("seed", [pytest.param(n, marks=[pytest.mark.slow] * (n >= GATE)) for n in range(12)])
def test_rows_and_values_are_those_of_the_model(tmp_path, seed):
    chance = random.Random(seed)
    story, model = Story(tmp_path, WITH), {}
    write(chance, story, model, "users", "name", has_phone=True)
    story.sync(WITHOUT)
    for _ in range(3):
        write(chance, story, model, "people", "label", has_phone=False)
        story.back()
        assert story.ask("SELECT id, name, phone FROM users ORDER BY id") == rows(model)
        write(chance, story, model, "users", "name", has_phone=True)
        story.back()
        assert story.ask("SELECT id, label FROM people ORDER BY id") == [row[:2] for row in rows(model)]


def rows(model):
    """Return the rows of a model {id: [name, phone]} as (id, name, phone), sorted."""
    return sorted((key, name, phone) for key, (name, phone) in model.items())


def write(chance, story, model, table, name, *, has_phone):
    """Insert, change and delete rows; the highest ids are often deleted, so that without AUTOINCREMENT they are
    reused."""
    for number in range(chance.randrange(4, 12)):
        action, keys = chance.random(), sorted(model)
        if action < 0.5 or not keys:
            phone = str(number) if has_phone and chance.random() < 0.7 else None
            columns, values = (f"{name}, phone", f"'n{number}', {sql(phone)}") if has_phone else (name, f"'n{number}'")
            story.write(f"INSERT INTO {table} ({columns}) VALUES ({values})")
            model[story.ask(f"SELECT max(id) FROM {table}")[0][0]] = [f"n{number}", phone]
        elif action < 0.75:
            story.write(f"DELETE FROM {table} WHERE id = {keys[-1]}")
            del model[keys[-1]]
        else:
            key = chance.choice(keys)
            story.write(f"UPDATE {table} SET {name} = 'c{number}' WHERE id = {key}")
            model[key][0] = f"c{number}"


def sql(text):
    return "NULL" if text is None else f"'{text}'"
