"""The control panel: every table is there, and every list and form of it opens."""

from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from datafeed.files import LARGEST_FILE
from signalbox.bodies import limit_of

pytestmark = pytest.mark.django_db

OWN_APPS = {"kernel", "accounts", "datafeed", "formulas", "portfolio", "notifications", "control"}
OWN_MODELS = [model for model in apps.get_models() if model._meta.app_label in OWN_APPS]


@pytest.fixture
def panel(person: Any) -> Client:
    client = Client()
    client.force_login(person("root", role="admin"))
    return client


@pytest.mark.parametrize("model", OWN_MODELS, ids=lambda model: model._meta.label)
def test_every_table_has_a_list_that_opens_and_can_be_searched(panel: Client, model: Any) -> None:
    registered = admin.site._registry[model]
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    assert panel.get(url).status_code == 200
    if registered.search_fields:
        assert panel.get(url, {"q": "x 1 %"}).status_code == 200
    assert registered.list_display != ("__str__",) or registered.search_fields


@pytest.mark.parametrize("model", OWN_MODELS, ids=lambda model: model._meta.label)
def test_no_list_can_be_edited_in_place(model: Any) -> None:
    assert not admin.site._registry[model].list_editable


@pytest.mark.parametrize("page", ["series", "instrument"])
def test_a_file_for_the_control_panel_may_be_larger_than_other_requests(page: str) -> None:
    limit = limit_of(f"/admin/datafeed/{page}/import/".encode())
    assert limit == limit_of(b"/api/v1/datafeed/import") > LARGEST_FILE
    assert limit_of(f"/admin/datafeed/{page}/".encode()) == settings.REQUEST_BODY_LIMIT
