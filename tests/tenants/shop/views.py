from django.contrib.auth import login
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import reverse

from .models import Author

EVERY = Author.objects.all()  # created at import, like the queryset of a form field


def names(request):
    return JsonResponse(
        {"tenant": getattr(request, "tenant", None), "names": [one.name for one in EVERY.all()], "url": reverse(names)}
    )


async def names_async(request):
    return JsonResponse({"tenant": request.tenant, "names": [one.name async for one in Author.objects.all()]})


names_async = transaction.non_atomic_requests(using="tenant")(names_async)


def stream(request, kind):
    def lines():
        for one in Author.objects.all():
            yield one.name

    return StreamingHttpResponse(
        {
            "generator": lines,
            "expression": lambda: (one.name for one in Author.objects.all()),
            "iterator": lambda: (one.name for one in Author.objects.all().iterator()),
        }[kind]()
    )


async def stream_async(request):
    async def lines():
        for _ in range(2):
            async for one in Author.objects.all():
                yield one.name

    return StreamingHttpResponse(lines())


stream_async = transaction.non_atomic_requests(using="tenant")(stream_async)


def write(request):
    return JsonResponse({"name": Author.objects.create(name=request.POST["name"]).name})


def write_by_get(request):
    return JsonResponse({"id": Author.objects.create(name="by get").pk})


def counting(get_response):
    def count(request):
        response = get_response(request)
        Author.objects.create(name="a visit")
        return response

    return count


def fail(request):
    Author.objects.create(name="left behind")
    raise RuntimeError("after a write")


def log_in(request):
    login(request, User.objects.get(username="boss"))
    return JsonResponse({})


def user(request):
    return JsonResponse({"user": request.user.get_username()})


def signed(request):
    return JsonResponse({"value": signing.loads(request.GET["value"])})
