"""The pages of allauth that this site has, below /admin/ so that its policies hold for them; no sign-up, no e-mail."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from orchestrator_site.sign_in import account_page
from orchestrator_site.sign_in.views import cancelled, confirm_by_password, failed, sign_in

guarded = admin.site.admin_view
urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", sign_in, name="account_login"),
    path("logout/", admin.site.logout, name="account_logout"),
    path("account/", guarded(account_page.page), name="account"),
    path("account/sessions/end/", guarded(account_page.end), name="account_end_sessions"),
    path("account/<int:user_id>/sessions/", guarded(account_page.sessions_of), name="account_sessions_of"),
    path("account/reauthenticate/", confirm_by_password, name="account_reauthenticate"),
    path("account/inactive/", RedirectView.as_view(pattern_name="admin:login"), name="account_inactive"),
    # Under their own names: allauth leads to its list of factors, which is part of the account's page here.
    path("account/factors/", RedirectView.as_view(pattern_name="account"), name="mfa_index"),
    path("account/factors/", include("allauth.mfa.urls")),
    # Without a provider in the settings these are 404.
    path("account/", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("account/oidc/cancelled/", cancelled, name="socialaccount_login_cancelled"),
    path("account/oidc/failed/", failed, name="socialaccount_login_error"),
    path("account/oidc/", RedirectView.as_view(pattern_name="account"), name="socialaccount_connections"),
    path("account/oidc/disconnect/", guarded(account_page.disconnect), name="account_disconnect"),
]
