"""Which tables and columns the migrations of an app refer to."""

from types import SimpleNamespace

from django.db import models
from django.db.migrations.state import ModelState, ProjectState

from schemasync.orm.already_there import _known


class Tags(models.Field):
    """Like TaggableManager of django-taggit: a many-to-many relation by a separate model, without an automatic
    table."""

    many_to_many = True
    related_model = None

    def __init__(self):
        super().__init__(rel=SimpleNamespace(through="tags.Tagged"))


def test_a_relation_by_a_model_of_its_own_has_no_table_of_the_app():
    state = ProjectState()
    fields = [
        ("id", models.AutoField(primary_key=True)),
        ("tags", Tags()),
        ("friends", models.ManyToManyField("self")),
        ("members", models.ManyToManyField("auth.User", through="plans.Member", related_name="+")),
    ]
    state.add_model(ModelState("plans", "Plan", fields))
    assert _known("plans", [state]) == {"plans_plan": {"id", "id_id"}, "plans_plan_friends": None}
