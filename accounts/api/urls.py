"""The paths of `auth/`."""

from django.urls import URLPattern, URLResolver, path, re_path

from accounts.api import schema as schema  # importing it registers it
from accounts.api.views import companies, factors, keys, kyc, links, people

# Ids in their one spelling: `007` names nothing.
ID = "[1-9][0-9]{0,17}"

urlpatterns: list[URLPattern | URLResolver] = [
    path("auth/register", people.RegisterView.as_view(), name="auth-register"),
    path("auth/login", people.LoginView.as_view(), name="auth-login"),
    path("auth/refresh", people.RefreshView.as_view(), name="auth-refresh"),
    path("auth/logout", people.LogoutView.as_view(), name="auth-logout"),
    path("auth/me", people.MeView.as_view(), name="auth-me"),
    path("auth/status", people.StatusView.as_view(), name="auth-status"),
    path("auth/password/change", people.PasswordChangeView.as_view(), name="auth-password-change"),
    path("auth/password/reset", links.PasswordResetView.as_view(), name="auth-password-reset"),
    path("auth/password/reset/confirm", links.PasswordResetConfirmView.as_view(), name="auth-password-reset-confirm"),
    path("auth/email/confirm", links.EmailConfirmView.as_view(), name="auth-email-confirm"),
    path("auth/invitations/accept", companies.AcceptView.as_view(), name="auth-invitations-accept"),
    path("companies/<slug:slug>", companies.CompanyView.as_view(), name="company"),
    path("companies/<slug:slug>/members", companies.MembersView.as_view(), name="company-members"),
    re_path(
        rf"^companies/(?P<slug>[-a-zA-Z0-9_]+)/members/(?P<user_id>{ID})$",
        companies.MemberView.as_view(),
        name="company-member",
    ),
    path("companies/<slug:slug>/invitations", companies.InvitationsView.as_view(), name="company-invitations"),
    re_path(
        rf"^companies/(?P<slug>[-a-zA-Z0-9_]+)/invitations/(?P<invitation_id>{ID})$",
        companies.InvitationView.as_view(),
        name="company-invitation",
    ),
    path("auth/ws-ticket", people.TicketView.as_view(), name="auth-ws-ticket"),
    path("auth/sessions", people.SessionsView.as_view(), name="auth-sessions"),
    path("auth/sessions/<uuid:session_id>", people.SessionView.as_view(), name="auth-session"),
    path("auth/reauthenticate", factors.ReauthenticateView.as_view(), name="auth-reauthenticate"),
    path("auth/login/passkey", factors.PasskeyLoginView.as_view(), name="auth-login-passkey"),
    path("auth/login/passkey/complete", factors.PasskeyLoginCompleteView.as_view(), name="auth-login-passkey-complete"),
    path("auth/mfa", factors.FactorsView.as_view(), name="auth-mfa"),
    path("auth/mfa/totp", factors.TotpView.as_view(), name="auth-mfa-totp"),
    path("auth/mfa/totp/confirm", factors.TotpConfirmView.as_view(), name="auth-mfa-totp-confirm"),
    path("auth/mfa/webauthn", factors.PasskeyView.as_view(), name="auth-mfa-webauthn"),
    path("auth/mfa/webauthn/confirm", factors.PasskeyConfirmView.as_view(), name="auth-mfa-webauthn-confirm"),
    path("auth/mfa/recovery-codes", factors.RecoveryCodesView.as_view(), name="auth-mfa-recovery-codes"),
    re_path(rf"^auth/mfa/(?P<factor_id>{ID})$", factors.FactorView.as_view(), name="auth-mfa-factor"),
    path("auth/kyc", kyc.KycView.as_view(), name="auth-kyc"),
    path("auth/kyc/upload", kyc.KycUploadView.as_view(), name="auth-kyc-upload"),
    path("auth/kyc/status", kyc.KycStatusView.as_view(), name="auth-kyc-status"),
    path("auth/kyc/withdraw", kyc.KycWithdrawView.as_view(), name="auth-kyc-withdraw"),
    path("auth/kyc/documents/<uuid:document_id>", kyc.KycDocumentView.as_view(), name="auth-kyc-document"),
    path("auth/api-keys", keys.ApiKeysView.as_view(), name="auth-api-keys"),
    re_path(rf"^auth/api-keys/(?P<key_id>{ID})$", keys.ApiKeyView.as_view(), name="auth-api-key"),
]
