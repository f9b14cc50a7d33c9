"""schemasync.api in a project in which schema.json replaces migrations: models, signals of migrate, languages."""

from tests.support.site import MODELS

BEGIN = (
    "from django.utils import translation\nfrom schemasync import api\nfrom schemasync.errors import Code, Refused\n"
)
WITH_A_FIELD = MODELS.replace("    email = ", "    phone = models.CharField(max_length=30, blank=True)\n    email = ")
WITH_A_RENAME = MODELS.replace("    label = ", "    title = ")


def test_the_models_are_exported_and_synced_and_nothing_is_printed(built):
    built.models(WITH_A_FIELD + "\nclass Note(models.Model):\n    text = models.TextField()\n")
    printed = built.python(
        BEGIN + "assert api.check()['models']['result'] == 'differs'\n"
        "assert api.export(check=True)['result'] == 'differs'\n"
        "with translation.override('de'):\n"
        "    assert api.sync(export=True)['result'] == 'synced'\n"
        "assert api.check()['result'] == 'agrees'\n"
        "from django.contrib.auth.models import Permission\n"
        "assert Permission.objects.get(codename='add_note').name == 'Can add note'\n"
        "from shop.models import Customer\n"
        "assert Customer.objects.create(name='Ann', phone='1').pk\n"
    )
    assert printed == ""


def test_what_the_command_would_ask_is_an_error_that_an_argument_answers(built):
    before = built.schema.read_bytes()
    built.models(WITH_A_RENAME)
    printed = built.python(
        BEGIN + "try:\n"
        "    api.sync(export=True)\n"
        "except Refused as refusal:\n"
        "    assert refusal.code is Code.RENAME_OR_DROP\n"
        "else:\n"
        "    raise AssertionError\n"
        f"assert open({str(built.schema)!r}, 'rb').read() == {before!r}\n"
        "assert api.export(check=True)['errors'][0]['code'] == 'rename-or-drop'\n"
        "assert api.export(drop=['shop_tag.label'])['result'] == 'exported'\n"
    )
    assert printed == ""


def test_an_app_before_schemasync_that_overrides_migrate_is_an_error_here_too(built):
    folder = built.folder / "shop" / "management" / "commands"
    folder.mkdir(parents=True)
    for path in (folder.parent, folder):
        (path / "__init__.py").touch()
    command = "from django.core.management.commands.migrate import Command as Django\nclass Command(Django): pass\n"
    (folder / "migrate.py").write_text(command)
    settings = built.folder / "site_settings.py"
    settings.write_text(settings.read_text() + 'INSTALLED_APPS = ["shop", *INSTALLED_APPS[:-1]]\n')
    printed = built.python(
        BEGIN + "from schemasync.errors import UsageError\n"
        "try:\n"
        "    api.sync()\n"
        "except UsageError as error:\n"
        "    assert error.code is Code.COMMAND_OVERRIDDEN\n"
        "else:\n"
        "    raise AssertionError\n"
        "assert api.status()['result'] == 'ok'\n"
    )
    assert printed == ""
