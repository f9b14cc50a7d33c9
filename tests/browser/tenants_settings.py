"""The settings of the demo of tenants, plus those of a strict site. 127.0.0.1 belongs to no tenant."""

from demo_tenants.settings import *  # noqa: F403
from demo_tenants.settings import ALLOWED_HOSTS as OF_DEMO_HOSTS
from demo_tenants.settings import MIDDLEWARE as OF_DEMO
from tests.browser.settings import LOGGING, PASSWORD_HASHERS  # noqa: F401

DEBUG = False
ALLOWED_HOSTS = [*OF_DEMO_HOSTS, "127.0.0.1"]
MIDDLEWARE = ["tests.browser.csp_middleware.policy", *OF_DEMO]
