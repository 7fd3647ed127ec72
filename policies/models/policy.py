"""Policy versions, and the columns that versions and drafts make of the settings table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

from policies.core.settings import CONFIGURED_MODES, CURRENCY_PATTERN, SETTINGS, Kind, PolicySettings, Setting


def _column(setting: Setting) -> models.Field[Any, Any]:
    """The column of one setting; PostgreSQL checks the same limits (see `allowed`)."""
    options: dict[str, Any] = {"help_text": setting.help_text}
    # Django calls a column by its name, in lower case, and capitalizes what it is called where it shows it.
    called = setting.label[0].lower() + setting.label[1:]
    if called != setting.name.replace("_", " "):
        options["verbose_name"] = called
    if setting.optional:
        options |= {"null": True, "blank": True}
    elif setting.kind not in (Kind.MODE, Kind.PERCENTAGE):
        options["default"] = setting.parse(setting.default)
    if setting.kind is Kind.MODE:
        return models.CharField(max_length=16, choices=[(mode, mode) for mode in CONFIGURED_MODES], **options)
    if setting.kind is Kind.SWITCH:
        return models.BooleanField(**options)
    if setting.kind is Kind.CURRENCY:
        only_codes = RegexValidator(rf"\A{CURRENCY_PATTERN}\Z", f"Allowed: {setting.allowed}.")
        return models.CharField(max_length=10, validators=(only_codes,), **options)
    options["validators"] = (MinValueValidator(setting.low), MaxValueValidator(setting.high))
    if decimals := setting.kind.decimals:
        # The limit decides the width, so that a value within it cannot overflow the column.
        digits = len(str(int(setting.high)))
        return models.DecimalField(max_digits=digits + decimals, decimal_places=decimals, **options)
    return models.PositiveIntegerField(**options)


def allowed(setting: Setting) -> Q:
    """The condition that the database holds a setting to."""
    if setting.kind is Kind.MODE:
        return Q(**{f"{setting.name}__in": CONFIGURED_MODES})
    if setting.kind is Kind.CURRENCY:
        return Q(**{f"{setting.name}__regex": f"^{CURRENCY_PATTERN}$"})
    # PostgreSQL compares integer columns with integers, so that the condition reads as it is written here.
    low, high = (end if setting.kind.decimals else int(end) for end in (setting.low, setting.high))
    return Q(**{f"{setting.name}__gte": low, f"{setting.name}__lte": high})


class PolicyContent(models.Model):
    """The settings that make up a policy: everything that its content hash covers, a column each."""

    if TYPE_CHECKING:
        # The columns are made below; reading one through `content` keeps its type.
        def __getattr__(self, name: str) -> Any: ...

    class Meta:
        abstract = True

    @property
    def content(self) -> PolicySettings:
        """The settings as the pure core takes them."""
        return PolicySettings.of(self)


# Before the first subclass: Django copies an abstract model's fields when a model inherits from it, and later ones
# would have no column.
for _setting in SETTINGS:
    PolicyContent.add_to_class(_setting.name, _column(_setting))


class PolicyVersion(PolicyContent):
    """One immutable version; the highest is active (R3.6, R6.5, R12.2)."""

    version = models.PositiveIntegerField(primary_key=True, help_text="Counts up from 1; the highest is active.")
    base_version = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="successor",
        help_text="The version it was created from. Each has one successor, so two edits cannot both win.",
    )
    note = models.TextField(help_text="Why the policy changed.")
    created_by = models.CharField(max_length=150, help_text="User name, or `environment` for the first version.")
    activated_at = models.DateTimeField(help_text="UTC, database clock; active from then on.")
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of the settings.")

    class Meta:
        db_table = "policy_versions"
        ordering = ("-version",)
        constraints = (
            *(
                models.CheckConstraint(name=f"policy_versions_{setting.name}", condition=allowed(setting))
                for setting in SETTINGS
                # A boolean column cannot hold anything else.
                if setting.kind is not Kind.SWITCH
            ),
            models.CheckConstraint(
                # Both cases name base_version: without a base, `version = base + 1` alone is NULL, which a CHECK lets
                # pass.
                name="policy_versions_follow_their_base",
                condition=Q(version=1, base_version__isnull=True)
                | Q(version=F("base_version_id") + 1, base_version__isnull=False),
            ),
            models.CheckConstraint(name="policy_versions_have_a_note", condition=~Q(note="")),
            # What an experiment's composite foreign key (policy_version, split_percentage) points at.
            models.UniqueConstraint(name="policy_versions_version_and_split", fields=("version", "split_percentage")),
        )

    def __str__(self) -> str:
        return f"v{self.version} {self.configured_mode}"
