"""The control panel: every table is there, and every list and form of it opens."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

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
