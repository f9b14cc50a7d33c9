"""Unmanaged models of the ERP, for the admin and for queries. schema.json defines the tables, not these classes.

The database may go from schema.json to schema_v2.json and back under the running site, so a model names only columns
that both have. That leaves out the names of people, a column that schema_v2.json renames: the admin shows their
addresses instead.
"""

from django.db import models


class Department(models.Model):
    """A part of the company."""

    dept_id = models.IntegerField(primary_key=True)
    name = models.TextField()
    cost_center = models.TextField()
    budget = models.DecimalField(max_digits=12, decimal_places=2)
    manager = models.ForeignKey("Person", models.DO_NOTHING, null=True, related_name="+")

    class Meta:
        managed = False
        db_table = "Departments"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Person(models.Model):
    """Somebody who works for the company; not an account of the site."""

    user_id = models.IntegerField(primary_key=True)
    email = models.TextField()
    role = models.TextField()
    status = models.TextField()
    department = models.ForeignKey(Department, models.DO_NOTHING, null=True)
    hired_on = models.DateField()

    class Meta:
        managed = False
        db_table = "Users"
        ordering = ["email"]
        verbose_name_plural = "people"

    def __str__(self) -> str:
        return self.email


class Project(models.Model):
    """A project that people work on."""

    project_id = models.IntegerField(primary_key=True)
    title = models.TextField()
    department = models.ForeignKey(Department, models.DO_NOTHING)
    lead = models.ForeignKey(Person, models.DO_NOTHING, null=True)
    status = models.TextField()
    budget = models.DecimalField(max_digits=12, decimal_places=2)
    start_date = models.DateField()
    end_date = models.DateField(null=True)

    class Meta:
        managed = False
        db_table = "Projects"
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Assignment(models.Model):
    """The work of one person on one project, in one role."""

    assignment_id = models.IntegerField(primary_key=True)
    project = models.ForeignKey(Project, models.DO_NOTHING)
    person = models.ForeignKey(Person, models.DO_NOTHING, db_column="user_id")
    role = models.TextField()
    allocation = models.IntegerField("percent of the time")

    class Meta:
        managed = False
        db_table = "ProjectAssignments"
        ordering = ["assignment_id"]

    def __str__(self) -> str:
        return f"{self.person} as {self.role}"


class TimeEntry(models.Model):
    """The hours of one person on one project on one day."""

    entry_id = models.IntegerField(primary_key=True)
    project = models.ForeignKey(Project, models.DO_NOTHING)
    person = models.ForeignKey(Person, models.DO_NOTHING, db_column="user_id", null=True)
    work_date = models.DateField("day")
    hours = models.DecimalField(max_digits=4, decimal_places=2)
    activity = models.TextField()
    status = models.TextField()
    note = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "TimeEntries"
        ordering = ["-work_date", "-entry_id"]
        verbose_name_plural = "time entries"

    def __str__(self) -> str:
        return f"{self.work_date}: {self.hours} h"


class Contact(models.Model):
    """Somebody outside of the company."""

    contact_id = models.IntegerField(primary_key=True)
    company = models.TextField()
    name = models.TextField()
    email = models.TextField(null=True)
    phone = models.TextField(null=True)
    kind = models.TextField()
    owner = models.ForeignKey(Person, models.DO_NOTHING, null=True)

    class Meta:
        managed = False
        db_table = "Contacts"
        ordering = ["company", "name"]

    def __str__(self) -> str:
        return f"{self.name}, {self.company}"
