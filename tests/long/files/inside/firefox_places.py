from commands import main, run
from marionette import Firefox

MODULES = """
const {PlacesUtils} = ChromeUtils.importESModule("resource://gre/modules/PlacesUtils.sys.mjs");
const {PlacesDBUtils} = ChromeUtils.importESModule("resource://gre/modules/PlacesDBUtils.sys.mjs");
"""
VISITS = """
const visited = (first, count) => PlacesUtils.history.insertMany(Array.from({length: count}, (_, i) => ({
  url: "https://example.org/" + (first + i), title: "Page " + (first + i), visits: [{date: new Date(2026, 0, 1)}]})));
"""
MAKE = """
await visited(0, 50);
await PlacesUtils.bookmarks.insert({parentGuid: PlacesUtils.bookmarks.unfiledGuid, url: "https://example.org/3", title: "A mark"});
PlacesUtils.tagging.tagURI(Services.io.newURI("https://example.org/3"), ["one", "two"]);
await PlacesUtils.keywords.insert({keyword: "k", url: "https://example.org/4"});
"""
WRITE = """
await visited(50, 10);
await PlacesUtils.history.remove("https://example.org/7");
await PlacesUtils.bookmarks.insert({parentGuid: PlacesUtils.bookmarks.toolbarGuid, url: "https://example.org/55", title: "Later"});
"""
READ = """
const pages = [];
for (let i = 0; i < 80; i++) {
  const page = await PlacesUtils.history.fetch("https://example.org/" + i, {includeVisits: true});
  if (page) pages.push([page.title, page.visits.length]);
}
const marks = await PlacesUtils.bookmarks.search({query: "example.org"});
const tags = PlacesUtils.tagging.getTagsForURI(Services.io.newURI("https://example.org/3"));
const keyword = await PlacesUtils.keywords.fetch("k");
const checked = Array.from(await PlacesDBUtils.checkIntegrity()).concat(Array.from(await PlacesDBUtils.checkCoherence()));
return [pages.length + " pages to " + pages.at(-1), marks.map(mark => mark.title).sort().join(), tags.join(), keyword.url.href,
  checked.join()].join("; ");
"""


def make(path):
    _in_firefox(path, VISITS + MAKE)


def write(path):
    _in_firefox(path, VISITS + WRITE)


def read(path):
    return _in_firefox(path, READ)


def maintain(path):
    return _in_firefox(
        path,
        "return Array.from(await PlacesDBUtils.maintenanceOnIdle(), ([name, one]) => name + ' ' + one.succeeded).join(', ')",
    )


def _in_firefox(path, code):
    with Firefox(path.parent) as firefox:
        return firefox.run(MODULES + code)


main(lambda: run("firefox-esr", "--version").strip(), make, write, read, maintain)
