"""Making an account, and what it may and may not bring along."""

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.events import UserRegistered
from accounts.models import Company, User
from accounts.tests.conftest import AUTH, PASSWORD, MakePerson
from kernel.errors import Invalid

pytestmark = pytest.mark.django_db


def register(**body: object) -> object:
    sent = {"email": "user@example.com", "username": "trader123", "password": "securepassword", **body}
    return APIClient().post(f"{AUTH}/register", sent)


def test_a_new_user_is_answered_as_documented() -> None:
    answer = register()
    assert answer.status_code == 201
    body = answer.json()
    assert body.pop("created_at").endswith("Z")
    assert body == {
        "id": User.objects.get().pk,
        "email": "user@example.com",
        "username": "trader123",
        "first_name": "",
        "last_name": "",
        "company": None,
        "role": "user",
        "kyc_status": "not_submitted",
        "is_active": True,
    }


def test_registering_tells_the_others(published: list[object]) -> None:
    user_id = register().json()["id"]
    assert published == [UserRegistered(user_id=user_id)]


def test_the_password_is_hashed_with_argon2_by_default(settings: object) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    register()
    assert User.objects.get().password.startswith("argon2$argon2id$")


def test_privileges_sent_at_registration_are_not_applied() -> None:
    Company.objects.create(slug="company_a", name="Company A")
    answer = register(
        id=7,
        role="admin",
        company="company_a",
        is_staff="true",
        is_superuser=1,
        is_active="on",
        kyc_status="approved",
        created_at="2001-01-01T00:00:00Z",
    )
    assert answer.status_code == 201
    user = User.objects.get()
    assert (user.role, user.company, user.is_staff, user.is_superuser) == ("user", None, False, False)
    assert user.kyc_status == "not_submitted"
    assert user.created_at.year > 2001


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "not-an-address"),
        ("email", ""),
        ("email", ["user@example.com"]),
        ("email", "a" * 250 + "@example.com"),
        ("username", "with@sign"),
        ("username", ""),
        ("username", "two words"),
        ("username", "x" * 151),
        ("password", "seven77"),
        ("password", "password123"),
        ("password", "trader123"),
        ("password", "x7" * 65),
        ("password", None),
        ("password", {}),
    ],
)
def test_a_faulty_field_is_named(field: str, value: object) -> None:
    answer = register(**{field: value})
    assert answer.status_code == 400
    assert answer.json()["code"] == "validation_error"
    assert list(answer.json()["errors"]) == [field]
    assert not User.objects.exists()


def test_a_null_character_in_a_password_is_refused() -> None:
    assert register(password="pass\x00word-long").status_code == 400
    with pytest.raises(Invalid) as refused:
        services.register_user(email="a@example.com", username="a1", password="pass\x00word-long")
    assert "password" in refused.value.errors


def test_long_passwords_with_spaces_and_other_scripts_are_taken_as_they_are() -> None:
    password = " Пароль 密码 " + "x" * 52 + " "
    assert register(password=password).status_code == 201
    for tried, status in ((password, 200), (password.strip(), 401), (password.lower(), 401)):
        answer = APIClient().post(f"{AUTH}/login", {"username": "trader123", "password": tried})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "other", "email": "USER@Example.com"}, "email"),
        ({"email": "o@example.com", "username": "TRADER123"}, "username"),
    ],
)
def test_a_taken_name_is_refused_in_any_case(body: dict[str, str], field: str) -> None:
    register()
    answer = register(**body)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_a_name_taken_between_check_and_insert_is_refused_as_well(
    make_person: MakePerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_person("mia")
    late = User(email="mia@example.com", username="mia2")
    late.set_password(PASSWORD)
    with pytest.raises(Invalid) as refused:
        services.insert_user(user=late)
    assert list(refused.value.errors) == ["email"]


def test_addresses_are_stored_in_lower_case() -> None:
    register(email="User@Example.COM")
    assert User.objects.get().email == "user@example.com"
