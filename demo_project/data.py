"""Believable rows for the demo's tables: pure, and the same for the same size and seed.

Nothing here knows a database. `make_company` draws the few hundred people, projects and contacts; `tables`
yields what to insert, parents before children, the time entries one by one as they are drawn, so that a
million of them need no memory. Values fit both schema.json and the stricter rules of schema_v2.json.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Value: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[Value, ...]

# The demo's current date. The real one would give other rows every day.
TODAY = date(2025, 6, 30)
ENTRIES_OF_SCALE = {"small": 5_000, "medium": 100_000, "large": 1_000_000}

FIRST_NAMES = (
    "Aaron", "Abena", "Adriana", "Ahmed", "Aisha", "Alice", "Amir", "Andrea", "Anna", "Arjun", "Bela", "Ben",
    "Carlos", "Carmen", "Chloe", "Daniel", "Deepa", "Diego", "Elena", "Elias", "Emil", "Esther", "Eva", "Fatima",
    "Felix", "Grace", "Hana", "Hugo", "Ida", "Ines", "Ivan", "James", "Jin", "Jonas", "Julia", "Kofi", "Laura",
    "Leila", "Liam", "Lucia", "Marco", "Maria", "Mei", "Milan", "Nadia", "Nina", "Noah", "Olga", "Omar", "Paula",
    "Peter", "Priya", "Rafael", "Rosa", "Samir", "Sara", "Sofia", "Tariq", "Theo", "Tomas", "Vera", "Yara", "Yusuf",
    "Zoe",
)  # fmt: skip
LAST_NAMES = (
    "Adams", "Ahmadi", "Andersen", "Baker", "Banerjee", "Becker", "Berg", "Boateng", "Bosch", "Brown", "Carter",
    "Castro", "Chen", "Costa", "Cruz", "Delgado", "Dubois", "Evans", "Farah", "Fischer", "Garcia", "Green", "Haddad",
    "Hall", "Hansen", "Hill", "Hoffmann", "Horvat", "Ibrahim", "Ivanov", "Jansen", "Jones", "Kaya", "Keller", "Khan",
    "Kim", "King", "Kowalski", "Lambert", "Larsen", "Lee", "Lopez", "Marino", "Martin", "Mensah", "Moreau", "Murphy",
    "Nguyen", "Novak", "Okafor", "Park", "Patel", "Perez", "Popov", "Rao", "Ricci", "Rossi", "Schmidt", "Silva",
    "Singh", "Smith", "Tanaka", "Taylor", "Torres", "Vogel", "Wagner", "Walker", "Weber", "Wood", "Wright", "Yilmaz",
    "Young",
)  # fmt: skip
# {} is a last name.
COMPANIES = ("{} Ltd", "{} & Sons", "{} Group", "{} Works", "{} and {}", "{} Logistics", "{} Supplies", "{}-{}")
PHONE_NUMBER = "+1-###-555-01##"  # numbers that nobody has

DEPARTMENTS = ("Engineering", "Design", "Operations", "Sales", "Finance", "Support", "Research", "Logistics")
SUBJECTS = (
    "Customer portal", "Warehouse system", "Billing", "Partner API", "Data platform", "Mobile app",
    "Intranet", "Ticketing", "Payroll", "Online shop", "Reporting", "Fleet tracking", "Search",
    "Identity service", "Archive", "Call centre", "Price engine", "Recruiting site", "Inventory",
    "Training portal",
)  # fmt: skip
UNDERTAKINGS = (
    "relaunch", "redesign", "migration", "integration", "audit", "pilot", "rollout", "prototype",
    "consolidation", "automation", "upgrade", "accessibility", "localisation", "security review",
    "performance", "handover",
)  # fmt: skip
# Each department has one of these, for people who have no other project that day.
INTERNAL_PROJECT = "Internal operations"
NOTES = (
    "Pairing on the review", "Workshop with the customer", "Follow-up on open points", "Fixed after testing",
    "Weekly planning", "Waiting for access", "Documentation", "Handover notes written", "Site visit",
    "Estimates for the next phase",
)  # fmt: skip

# A value that is listed more than once is drawn more often.
USER_ROLES = ("employee",) * 8 + ("contractor",) * 2
# Assigned in turn and not at random, so that days_worked knows how many people have left.
USER_STATUSES = ("active",) * 4 + ("left",) + ("active",) * 3 + ("on_leave", "active")
TEAM_ROLES = ("developer",) * 4 + ("designer", "analyst", "tester", "tester")
ALLOCATIONS = (20, 25, 40, 50, 50, 60, 80, 100)
ACTIVITIES = (
    ("development",) * 7 + ("meeting",) * 4 + ("analysis",) * 3 + ("testing",) * 3 + ("design",) * 2
    + ("support",) * 2 + ("travel",)
)  # fmt: skip
CONTACT_KINDS = ("customer",) * 6 + ("supplier",) * 3 + ("partner",)
# How a working day divides into entries. Quarters of an hour are exact as binary fractions.
DAYS = (
    (8.0,), (7.5, 0.5), (4.0, 4.0), (6.25, 1.5), (3.0, 5.25), (2.25, 5.75), (5.0, 2.0, 0.75),
    (3.5, 3.0, 1.5), (1.0, 2.5, 4.25, 0.5), (2.0, 2.0, 2.0, 2.0), (9.5,), (4.75, 0.25, 3.25),
)  # fmt: skip
ABSENT = 0.12

NOTICE_TAGS = ("office", "people", "safety", "systems")


@dataclass(frozen=True, slots=True)
class Notice:
    title: str
    text: str
    days_ago: int
    tags: tuple[str, ...]
    pinned: bool = False


NOTICES = (
    Notice(
        "Book your hours by Friday",
        "Entries of the past week are approved on Monday morning; what comes later waits for the next round.",
        11, ("people",), pinned=True,
    ),
    Notice(
        "Fire drill on Wednesday",
        "At 10:30, all floors. Take the stairs, meet on the car park, and bring your visitors along.",
        6, ("office", "safety"),
    ),
    Notice(
        "The fax machine is gone",
        "It had not rung since March. Numbers that customers still have on paper are forwarded until the autumn.",
        3, ("office", "systems"),
    ),
    Notice("Summer party", "On the last Thursday of July, in the yard behind Logistics. Families are welcome.", 1, ()),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything; `of` derives it all from the number of time entries."""

    entries: int
    people: int
    projects: int
    contacts: int

    @classmethod
    def of(cls, entries: int) -> "Size":
        """Return a company in which that many entries are the work of some months or few years."""
        # By the square root, people and days grow alike: 5,000 entries are 42 people in three months,
        # a million are 600 people in three years.
        root = math.sqrt(entries)
        return cls(entries, max(24, int(root * 0.6)), max(16, int(root * 0.4)), max(30, int(root * 0.5)))


@dataclass(frozen=True, slots=True)
class Department:
    dept_id: int
    name: str
    budget: float
    manager_id: int


@dataclass(frozen=True, slots=True)
class Person:
    user_id: int
    name: str
    email: str
    role: str
    status: str
    department_id: int
    hired_on: date
    fax: str | None


@dataclass(frozen=True, slots=True)
class Project:
    project_id: int
    title: str
    department_id: int
    lead_id: int
    status: str
    budget: float
    start: date
    end: date | None


@dataclass(frozen=True, slots=True)
class Assignment:
    project: Project
    person: Person
    role: str
    allocation: int


@dataclass(frozen=True, slots=True)
class Contact:
    company: str
    name: str
    email: str | None
    phone: str
    kind: str
    owner_id: int


@dataclass(frozen=True, slots=True)
class Company:
    """Everything but the time entries, which `time_entries` draws from it with the same seed."""

    size: Size
    seed: int
    first_day: date
    departments: tuple[Department, ...]
    people: tuple[Person, ...]
    projects: tuple[Project, ...]
    assignments: tuple[Assignment, ...]
    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows to insert into one table: `columns` names the values of each row; `rows` is read once."""

    table: str
    columns: tuple[str, ...]
    count: int
    rows: Iterator[Row]


def make_company(size: Size, seed: int) -> Company:
    """Draw the people, projects and contacts of a company of that size."""
    rng = Random(seed)
    # A generator of its own, so that all else stays the same when the lists of names change.
    names = Random(f"names {seed}")
    first_day = TODAY - timedelta(days=days_worked(size))
    people = tuple(make_people(size.people, first_day, rng, names))
    departments = tuple(make_departments(rng))
    projects = tuple(make_projects(size.projects, people, first_day, rng))
    return Company(
        size=size,
        seed=seed,
        first_day=first_day,
        departments=departments,
        people=people,
        projects=projects,
        assignments=tuple(make_assignments(projects, people, rng)),
        contacts=tuple(make_contacts(size.contacts, people, rng, names)),
    )


def tables(company: Company) -> Iterator[TableRows]:
    """Yield the rows of every table, each table after those that it refers to; the time entries come last.

    Departments and people refer to each other: their rows belong in one transaction.
    """
    yield TableRows(
        "Departments",
        ("dept_id", "name", "cost_center", "budget", "manager_id"),
        len(company.departments),
        ((d.dept_id, d.name, f"CC-{d.dept_id:02}00", d.budget, d.manager_id) for d in company.departments),
    )
    yield TableRows(
        "Users",
        ("user_id", "name", "email", "role", "status", "department_id", "hired_on", "fax"),
        len(company.people),
        (
            (p.user_id, p.name, p.email, p.role, p.status, p.department_id, p.hired_on.isoformat(), p.fax)
            for p in company.people
        ),
    )
    yield TableRows(
        "Projects",
        (
            "project_id", "title", "department_id", "lead_id", "status", "budget", "start_date", "end_date",
            "created_at", "updated_at",
        ),
        len(company.projects),
        (project_row(project) for project in company.projects),
    )  # fmt: skip
    yield TableRows(
        "ProjectAssignments",
        ("assignment_id", "project_id", "user_id", "role", "allocation"),
        len(company.assignments),
        (
            (number, a.project.project_id, a.person.user_id, a.role, a.allocation)
            for number, a in enumerate(company.assignments, start=1)
        ),
    )
    yield TableRows(
        "Contacts",
        ("contact_id", "company", "name", "email", "phone", "kind", "owner_id"),
        len(company.contacts),
        (
            (number, c.company, c.name, c.email, c.phone, c.kind, c.owner_id)
            for number, c in enumerate(company.contacts, start=1)
        ),
    )
    yield from notice_tables()
    yield TableRows(
        "TimeEntries",
        ("entry_id", "project_id", "user_id", "work_date", "hours", "activity", "status", "note"),
        company.size.entries,
        time_entries(company),
    )


def notice_tables() -> Iterator[TableRows]:
    """Yield the rows of the notice board, whose tables belong to models; they are the same in every company."""
    yield TableRows("notices_tag", ("id", "name"), len(NOTICE_TAGS), enumerate(NOTICE_TAGS, start=1))
    yield TableRows(
        "notices_notice",
        ("id", "title", "text", "posted_at", "pinned"),
        len(NOTICES),
        (
            (number, n.title, n.text, f"{TODAY - timedelta(days=n.days_ago)} 08:30:00", int(n.pinned))
            for number, n in enumerate(NOTICES, start=1)
        ),
    )
    tagged = [(number, NOTICE_TAGS.index(tag) + 1) for number, n in enumerate(NOTICES, start=1) for tag in n.tags]
    yield TableRows("notices_notice_tags", ("notice_id", "tag_id"), len(tagged), iter(tagged))


def days_worked(size: Size) -> int:
    """Return how many calendar days that many people need for that many entries, weekends included."""
    left = USER_STATUSES.count("left") / len(USER_STATUSES)
    at_work = size.people * (1 - left / 2) * (1 - ABSENT)
    entries_a_day = at_work * sum(map(len, DAYS)) / len(DAYS)
    # Chance may need some days more, and none of them should lie after today.
    return math.ceil(size.entries / entries_a_day * 7 / 5) + 4


def make_people(number: int, first_day: date, rng: Random, names: Random) -> Iterator[Person]:
    """Draw people, in turn over the departments; the first of each department manages it."""
    addresses: set[str] = set()
    for user_id in range(1, number + 1):
        first, last = pick(FIRST_NAMES, names), pick(LAST_NAMES, names)
        manages = user_id <= len(DEPARTMENTS)
        yield Person(
            user_id=user_id,
            name=f"{first} {last}",
            email=unused(f"{first}.{last}", "northwind.example", addresses),
            role=("admin" if user_id == 1 else "manager") if manages else pick(USER_ROLES, rng),
            status="active" if manages else USER_STATUSES[user_id % len(USER_STATUSES)],
            department_id=(user_id - 1) % len(DEPARTMENTS) + 1,
            hired_on=first_day - timedelta(days=below(3000, rng) + 1),
            fax=digits(PHONE_NUMBER, names) if rng.random() < 0.3 else None,
        )


def make_departments(rng: Random) -> Iterator[Department]:
    """Draw the departments, each managed by the person whose number is its own."""
    for dept_id, name in enumerate(DEPARTMENTS, start=1):
        yield Department(dept_id, name, budget=250_000.0 + 12_500 * below(100, rng), manager_id=dept_id)


def make_projects(number: int, people: Sequence[Person], first_day: date, rng: Random) -> Iterator[Project]:
    """Draw projects: first an endless internal one for each department, then the others."""
    for dept_id in range(1, len(DEPARTMENTS) + 1):
        yield Project(
            project_id=dept_id,
            title=INTERNAL_PROJECT,
            department_id=dept_id,
            lead_id=dept_id,
            status="active",
            budget=40_000.0,
            start=first_day - timedelta(days=365),
            end=None,
        )
    titles = make_titles(rng)
    for project_id in range(len(DEPARTMENTS) + 1, number + 1):
        lead = pick(people, rng)
        start = first_day + timedelta(days=below((TODAY - first_day).days + 180, rng) - 120)
        end = start + timedelta(days=60 + below(400, rng))
        status = pick(statuses_possible(start, end), rng)
        yield Project(
            project_id=project_id,
            title=next(titles),
            department_id=lead.department_id,
            lead_id=lead.user_id,
            status=status,
            budget=5_000 + below(9_000, rng) * 27.5,
            start=start,
            # Half of the projects that are not done yet have no end date.
            end=end if end <= TODAY or rng.random() < 0.5 else None,
        )


def make_titles(rng: Random) -> Iterator[str]:
    """Yield titles in a shuffled order, none twice, without end."""
    titles = [f"{subject} {undertaking}" for subject in SUBJECTS for undertaking in UNDERTAKINGS]
    titles.sort(key=lambda _: rng.random())
    yield from titles
    for phase in count(2):
        yield from (f"{title}, phase {phase}" for title in titles)


def statuses_possible(start: date, end: date) -> tuple[str, ...]:
    """Return the statuses that a project with these dates may have, the likely ones more than once."""
    if start > TODAY:
        return ("planned",)
    if end <= TODAY:
        return ("done",) * 7 + ("cancelled",)
    return ("active",) * 6 + ("on_hold",)


def make_assignments(projects: Sequence[Project], people: Sequence[Person], rng: Random) -> Iterator[Assignment]:
    """Draw the assignments: a lead and a team for each project, and everybody to their department's internal one."""
    for project in projects[: len(DEPARTMENTS)]:
        for person in people:
            if person.department_id == project.department_id:
                role = "lead" if person.user_id == project.lead_id else "analyst"
                yield Assignment(project, person, role, allocation=20)
    for project in projects[len(DEPARTMENTS) :]:
        yield Assignment(project, people[project.lead_id - 1], "lead", pick(ALLOCATIONS, rng))
        team = {pick(people, rng).user_id for _ in range(3 + below(8, rng))} - {project.lead_id}
        for user_id in sorted(team):
            yield Assignment(project, people[user_id - 1], pick(TEAM_ROLES, rng), pick(ALLOCATIONS, rng))


def make_contacts(number: int, people: Sequence[Person], rng: Random, names: Random) -> Iterator[Contact]:
    """Draw contacts outside of the company; one in ten has no address."""
    addresses: set[str] = set()
    for _ in range(number):
        company = company_name(names)
        first, last = pick(FIRST_NAMES, names), pick(LAST_NAMES, names)
        domain = "".join(letter for letter in company.lower() if letter.isalnum()) + ".example"
        yield Contact(
            company=company,
            name=f"{first} {last}",
            email=None if rng.random() < 0.1 else unused(f"{first}.{last}", domain, addresses),
            phone=digits(PHONE_NUMBER, names),
            kind=pick(CONTACT_KINDS, rng),
            owner_id=pick(people, rng).user_id,
        )


def project_row(project: Project) -> Row:
    """Return a project's row. Its time stamps are derived from the start, as the clock's would differ every time."""
    created = f"{project.start - timedelta(days=30)} 09:00:00"
    return (
        project.project_id,
        project.title,
        project.department_id,
        project.lead_id,
        project.status,
        project.budget,
        project.start.isoformat(),
        project.end.isoformat() if project.end else None,
        created,
        created,
    )


def time_entries(company: Company) -> Iterator[Row]:
    """Yield the time entries by day, as many as the company's size says."""
    if not company.size.entries:
        return
    # A generator of its own, so that the entries stay the same when something else draws more.
    rng = Random(f"time entries {company.seed}")
    teams = projects_of_people(company)
    numbers = iter(range(1, company.size.entries + 1))
    for day in working_days(company.first_day):
        status = entry_status(day)
        written = day.isoformat()
        at_work = ((p, teams[p.user_id]) for p in company.people if works_on(p, day, company.first_day))
        for person, team in at_work:
            if rng.random() < ABSENT:
                continue
            running = [p.project_id for p in team if p.start <= day and (p.end is None or p.end >= day)]
            choices = running or [internal_project(person)]
            for hours in pick(DAYS, rng):
                entry_id = next(numbers, None)
                if entry_id is None:
                    return
                note = pick(NOTES, rng) if rng.random() < 0.15 else None
                project_id = pick(choices, rng)
                activity = pick(ACTIVITIES, rng)
                yield (entry_id, project_id, person.user_id, written, hours, activity, status, note)


def projects_of_people(company: Company) -> dict[int, list[Project]]:
    """Return each person's projects, without the internal one."""
    teams: dict[int, list[Project]] = {person.user_id: [] for person in company.people}
    for assignment in company.assignments:
        if assignment.project.title != INTERNAL_PROJECT:
            teams[assignment.person.user_id].append(assignment.project)
    return teams


def internal_project(person: Person) -> int:
    """Return the number of the internal project of the person's department, which is the department's."""
    return person.department_id


def works_on(person: Person, day: date, first_day: date) -> bool:
    """Return whether a person works for the company on that day: people who left did so halfway."""
    return person.status != "left" or day < first_day + (TODAY - first_day) / 2


def working_days(first: date) -> Iterator[date]:
    """Yield the days from Monday to Friday, beginning with the first."""
    for number in count():
        day = first + timedelta(days=number)
        if day.weekday() < 5:
            yield day


def entry_status(day: date) -> str:
    """Return the status of an entry of that day: approved after a month, submitted after a week."""
    age = (TODAY - day).days
    if age > 30:
        return "approved"
    return "submitted" if age > 7 else "draft"


def unused(person: str, domain: str, addresses: set[str]) -> str:
    """Return an address that is not in `addresses`, and add it there."""
    local = person.lower().replace(" ", "").replace("'", "")
    for suffix in count(1):
        address = f"{local}{suffix if suffix > 1 else ''}@{domain}"
        if address not in addresses:
            addresses.add(address)
            return address
    raise AssertionError("count() ended")


def company_name(names: Random) -> str:
    """Return the name of a company, made of one or two last names."""
    return pick(COMPANIES, names).format(pick(LAST_NAMES, names), pick(LAST_NAMES, names))


def digits(pattern: str, rng: Random) -> str:
    """Return the pattern with a digit in the place of each `#`."""
    return "".join(str(below(10, rng)) if letter == "#" else letter for letter in pattern)


def below(limit: int, rng: Random) -> int:
    """Return a whole number from 0 up to, not including, the limit."""
    # Python promises the same numbers in every version only for random().
    return int(rng.random() * limit)


def pick(choices: Sequence[T], rng: Random) -> T:
    """Return one of the choices, each as likely as the others."""
    return choices[int(rng.random() * len(choices))]
