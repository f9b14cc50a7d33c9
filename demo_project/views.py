"""Pages of the demo: the list of projects with the notice board, and one project with its time entries."""

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from demo_project import queries
from demo_project.notices.models import Notice

NOTICES_SHOWN = 3
PROJECTS_A_PAGE = 25
ENTRIES_A_PAGE = 50


def projects(request: HttpRequest) -> HttpResponse:
    """List the projects, with notices above them on the first page. Without tables, show the command to create them."""
    if not queries.tables_exist():
        return render(request, "demo_project/no_tables.html")
    page = asked_page(request, queries.count_projects(), PROJECTS_A_PAGE)
    lines = queries.list_projects(PROJECTS_A_PAGE, offset_of(page))
    context = {"page": page, "projects": lines, "notices": notices() if page.number == 1 else []}
    return render(request, "demo_project/projects.html", context)


def notices() -> QuerySet[Notice]:
    """Return the notices that the first page shows."""
    return Notice.objects.select_related("author").prefetch_related("tags")[:NOTICES_SHOWN]


def project(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show one project and its time entries."""
    if not queries.tables_exist():
        return render(request, "demo_project/no_tables.html")
    found = queries.find_project(project_id)
    if found is None:
        raise Http404(f"There is no project {project_id}.")
    page = asked_page(request, found.entries, ENTRIES_A_PAGE)
    entries = queries.list_entries(project_id, ENTRIES_A_PAGE, offset_of(page))
    return render(request, "demo_project/project.html", {"page": page, "project": found, "entries": entries})


def asked_page(request: HttpRequest, rows: int, rows_a_page: int) -> "Page[int]":
    """Return the page that the URL names: the last one if its number is out of range, the first if it is no number."""
    # The paginator only counts: the rows are fetched by LIMIT and OFFSET.
    return Paginator(range(rows), rows_a_page).get_page(request.GET.get("page"))


def offset_of(page: "Page[int]") -> int:
    """Return the number of rows before the page."""
    return (page.number - 1) * page.paginator.per_page
