import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import kernel.fields
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='EngineSwitch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1)),
                ('enabled', models.BooleanField(help_text='Whether the engine was enabled or disabled.')),
                ('reason', models.TextField(help_text='Why.')),
                ('switched_by', models.CharField(help_text='Who disabled or enabled it.', max_length=150)),
                ('switched_at', models.DateTimeField(help_text='UTC, database clock.')),
            ],
            options={
                'verbose_name_plural': 'engine switches',
                'db_table': 'engine_switches',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.CharField(editable=False, max_length=150, primary_key=True, serialize=False, unique=True)),
                ('prefix', models.CharField(editable=False, max_length=8, unique=True)),
                ('hashed_key', models.CharField(editable=False, max_length=150)),
                ('created', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('name', models.CharField(default=None, help_text='A free-form name for the API key. Need not be unique. 50 characters max.', max_length=50)),
                ('revoked', models.BooleanField(blank=True, default=False, help_text='If the API key is revoked, clients cannot use it anymore. (This cannot be undone.)')),
                ('expiry_date', models.DateTimeField(blank=True, help_text='Once API key expires, clients cannot use it anymore.', null=True, verbose_name='Expires')),
                ('owner', models.CharField(choices=[('engine-a', 'Engine A'), ('engine-b', 'Engine B'), ('feeder', 'Feeder'), ('analyst', 'Analyst')], help_text='Decides what the key may call.', max_length=8)),
                ('last_used_at', models.DateTimeField(blank=True, help_text='UTC, to the minute; blank if never used.', null=True)),
            ],
            options={
                'verbose_name': 'API key',
                'verbose_name_plural': 'API keys',
                'db_table': 'api_keys',
                'ordering': ('-created',),
                'abstract': False,
                'constraints': [models.CheckConstraint(condition=models.Q(('owner__in', ['engine-a', 'engine-b', 'feeder', 'analyst'])), name='api_keys_owner_known')],
            },
        ),
        migrations.CreateModel(
            name='Engine',
            fields=[
                ('name', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1, primary_key=True, serialize=False)),
                ('enabled', models.BooleanField(default=True, help_text='Disabled, the engine is unavailable whatever it reports.')),
                ('disabled_reason', models.TextField(blank=True, default='', help_text='Why it is disabled, and by whom.')),
                ('last_heartbeat_at', models.DateTimeField(blank=True, help_text='UTC, database clock.', null=True)),
                ('engine_version', models.CharField(blank=True, default='', help_text='As reported by the engine.', max_length=100)),
                ('rules_hash', models.CharField(blank=True, default='', help_text='SHA-256 of its entry and exit rules, as reported by the engine.', max_length=64)),
                ('model', kernel.fields.CanonicalJSONField(blank=True, help_text='Model, prompt and tool versions, as the last heartbeat named them; empty when it named none.', null=True)),
            ],
            options={
                'db_table': 'engines',
                'ordering': ('name',),
                'constraints': [models.CheckConstraint(condition=models.Q(('name__in', ['A', 'B'])), name='engines_name_known')],
            },
        ),
        migrations.CreateModel(
            name='EngineErrors',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1)),
                ('day', models.DateField(help_text='UTC, database clock.')),
                ('code', models.CharField(help_text='As in the answer; docs/errors.md says what to do.', max_length=50)),
                ('count', models.BigIntegerField(help_text='Number of answers with this code.')),
            ],
            options={
                'verbose_name_plural': 'engine errors',
                'db_table': 'engine_errors',
                'ordering': ('-day', 'engine', 'code'),
                'constraints': [models.UniqueConstraint(fields=('engine', 'day', 'code'), name='engine_errors_one_per_day'), models.CheckConstraint(condition=models.Q(('engine__in', ['A', 'B'])), name='engine_errors_engine_known'), models.CheckConstraint(condition=models.Q(('count__gte', 1)), name='engine_errors_counted')],
            },
        ),
        migrations.CreateModel(
            name='Halt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('engaged_at', models.DateTimeField(help_text='UTC, database clock.')),
                ('engaged_by', models.CharField(help_text='Who halted trading.', max_length=150)),
                ('reason', models.TextField(help_text='Why trading was halted.')),
                ('released_at', models.DateTimeField(blank=True, help_text='UTC; blank while it is in effect.', null=True)),
                ('released_by', models.CharField(blank=True, default='', help_text='Who resumed trading.', max_length=150)),
                ('release_reason', models.TextField(blank=True, default='', help_text='Why trading was resumed.')),
            ],
            options={
                'db_table': 'halts',
                'ordering': ('-engaged_at',),
                'permissions': [('halt_trading', 'Can halt and resume trading')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('released_at__isnull', True)), fields=('released_at',), name='halts_one_open', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='halts_have_a_reason'), models.CheckConstraint(condition=models.Q(models.Q(('released_at__isnull', True), ('released_by', '')), models.Q(('released_at__isnull', False), models.Q(('released_by', ''), _negated=True), models.Q(('release_reason', ''), _negated=True)), _connector='OR'), name='halts_released_by_somebody')],
            },
        ),
        migrations.CreateModel(
            name='PolicyVersion',
            fields=[
                ('configured_mode', models.CharField(choices=[('AUTO', 'AUTO'), ('SHADOW_ONLY', 'SHADOW_ONLY'), ('ENGINE_A_PRIMARY', 'ENGINE_A_PRIMARY'), ('ENGINE_B_PRIMARY', 'ENGINE_B_PRIMARY'), ('SPLIT_CAPITAL', 'SPLIT_CAPITAL')], help_text="AUTO: in PAPER mode, engine A trades for real. SPLIT_CAPITAL: the engine of the signal's variant does.", max_length=16)),
                ('split_percentage', models.DecimalField(decimal_places=2, help_text='Share of signals assigned to engine A, in percent: 0.5 is half a percent.', max_digits=5, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('100'))])),
                ('heartbeat_ttl_seconds', models.PositiveIntegerField(default=60, help_text='An engine is available for this long after its last heartbeat.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('86400'))])),
                ('permit_ttl_seconds', models.PositiveIntegerField(default=300, help_text='A real trade must be entered within this time after its role was revealed.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('86400'))])),
                ('max_market_data_age_seconds', models.PositiveIntegerField(default=900, help_text="Market data older than this at the signal's time is left out of the context.", validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('604800'))])),
                ('max_answer_age_seconds', models.PositiveIntegerField(default=600, help_text='A recommendation must arrive within this time after its signal was distributed.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('86400'))])),
                ('max_quote_age_seconds', models.PositiveIntegerField(default=60, help_text='A quote older than this prices nothing.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('86400'))])),
                ('entry_window_seconds', models.PositiveIntegerField(default=300, help_text='Real and shadow entries further apart than this are a LATE_ENTRY violation.', validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('604800'))])),
                ('exit_directive_ttl_seconds', models.PositiveIntegerField(default=3600, help_text='A shadow exit that is not priced within this time becomes UNPRICED.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('2592000'))])),
                ('report_delay_seconds', models.PositiveIntegerField(default=30, help_text='An engine must report a fill within this time after it happened.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('86400'))])),
                ('currency', models.CharField(default='USD', help_text='The currency that shadows trade in and that the fees are charged in.', max_length=10, validators=[django.core.validators.RegexValidator('\\A[A-Z][A-Z0-9]{2,9}\\Z', 'Allowed: 3 to 10 capital letters and digits, such as USD.')])),
                ('fee_per_contract', models.DecimalField(decimal_places=4, default=Decimal('0.6500'), help_text='Fee for each option contract of a fill, charged to both engines alike at entry and at exit.', max_digits=11, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1000000'))])),
                ('fee_per_order', models.DecimalField(decimal_places=4, default=Decimal('0.0000'), help_text='Fee for each fill, charged to both engines alike at entry and at exit.', max_digits=11, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1000000'))])),
                ('live_enabled', models.BooleanField(default=False, help_text='While off, nothing trades for real in APP_MODE LIVE.')),
                ('max_consecutive_real_losses', models.PositiveIntegerField(blank=True, help_text='Guardrail: after this many real losses in a row, nothing trades for real. Leave blank to disable.', null=True, validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('1000'))])),
                ('max_daily_real_loss', models.DecimalField(blank=True, decimal_places=2, help_text='Guardrail: real loss of one UTC day, in currency. Leave blank to disable.', max_digits=14, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0.01')), django.core.validators.MaxValueValidator(Decimal('999999999999.99'))])),
                ('max_failed_signal_percentage', models.DecimalField(blank=True, decimal_places=2, help_text="Guardrail: share of the last hour's signals that failed, out of at least 20. Leave blank to disable.", max_digits=5, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0.01')), django.core.validators.MaxValueValidator(Decimal('100'))])),
                ('max_engine_flaps', models.PositiveIntegerField(blank=True, help_text='Guardrail: number of times an engine became available again within the last hour. Leave blank to disable.', null=True, validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('1000'))])),
                ('version', models.PositiveIntegerField(help_text='Counts up from 1; the highest is active.', primary_key=True, serialize=False)),
                ('note', models.TextField(help_text='Why the policy changed.')),
                ('created_by', models.CharField(help_text='User name, or `environment` for the first version.', max_length=150)),
                ('activated_at', models.DateTimeField(help_text='UTC, database clock; active from then on.')),
                ('content_hash', models.CharField(help_text='SHA-256 of the settings.', max_length=64)),
                ('base_version', models.OneToOneField(blank=True, help_text='The version it was created from. Each has one successor, so two edits cannot both win.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='successor', to='policies.policyversion')),
            ],
            options={
                'db_table': 'policy_versions',
                'ordering': ('-version',),
            },
        ),
        migrations.CreateModel(
            name='PolicyDraft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('configured_mode', models.CharField(choices=[('AUTO', 'AUTO'), ('SHADOW_ONLY', 'SHADOW_ONLY'), ('ENGINE_A_PRIMARY', 'ENGINE_A_PRIMARY'), ('ENGINE_B_PRIMARY', 'ENGINE_B_PRIMARY'), ('SPLIT_CAPITAL', 'SPLIT_CAPITAL')], help_text="AUTO: in PAPER mode, engine A trades for real. SPLIT_CAPITAL: the engine of the signal's variant does.", max_length=16)),
                ('split_percentage', models.DecimalField(decimal_places=2, help_text='Share of signals assigned to engine A, in percent: 0.5 is half a percent.', max_digits=5, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('100'))])),
                ('heartbeat_ttl_seconds', models.PositiveIntegerField(default=60, help_text='An engine is available for this long after its last heartbeat.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('86400'))])),
                ('permit_ttl_seconds', models.PositiveIntegerField(default=300, help_text='A real trade must be entered within this time after its role was revealed.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('86400'))])),
                ('max_market_data_age_seconds', models.PositiveIntegerField(default=900, help_text="Market data older than this at the signal's time is left out of the context.", validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('604800'))])),
                ('max_answer_age_seconds', models.PositiveIntegerField(default=600, help_text='A recommendation must arrive within this time after its signal was distributed.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('86400'))])),
                ('max_quote_age_seconds', models.PositiveIntegerField(default=60, help_text='A quote older than this prices nothing.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('86400'))])),
                ('entry_window_seconds', models.PositiveIntegerField(default=300, help_text='Real and shadow entries further apart than this are a LATE_ENTRY violation.', validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('604800'))])),
                ('exit_directive_ttl_seconds', models.PositiveIntegerField(default=3600, help_text='A shadow exit that is not priced within this time becomes UNPRICED.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('2592000'))])),
                ('report_delay_seconds', models.PositiveIntegerField(default=30, help_text='An engine must report a fill within this time after it happened.', validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('86400'))])),
                ('currency', models.CharField(default='USD', help_text='The currency that shadows trade in and that the fees are charged in.', max_length=10, validators=[django.core.validators.RegexValidator('\\A[A-Z][A-Z0-9]{2,9}\\Z', 'Allowed: 3 to 10 capital letters and digits, such as USD.')])),
                ('fee_per_contract', models.DecimalField(decimal_places=4, default=Decimal('0.6500'), help_text='Fee for each option contract of a fill, charged to both engines alike at entry and at exit.', max_digits=11, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1000000'))])),
                ('fee_per_order', models.DecimalField(decimal_places=4, default=Decimal('0.0000'), help_text='Fee for each fill, charged to both engines alike at entry and at exit.', max_digits=11, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('1000000'))])),
                ('live_enabled', models.BooleanField(default=False, help_text='While off, nothing trades for real in APP_MODE LIVE.')),
                ('max_consecutive_real_losses', models.PositiveIntegerField(blank=True, help_text='Guardrail: after this many real losses in a row, nothing trades for real. Leave blank to disable.', null=True, validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('1000'))])),
                ('max_daily_real_loss', models.DecimalField(blank=True, decimal_places=2, help_text='Guardrail: real loss of one UTC day, in currency. Leave blank to disable.', max_digits=14, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0.01')), django.core.validators.MaxValueValidator(Decimal('999999999999.99'))])),
                ('max_failed_signal_percentage', models.DecimalField(blank=True, decimal_places=2, help_text="Guardrail: share of the last hour's signals that failed, out of at least 20. Leave blank to disable.", max_digits=5, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0.01')), django.core.validators.MaxValueValidator(Decimal('100'))])),
                ('max_engine_flaps', models.PositiveIntegerField(blank=True, help_text='Guardrail: number of times an engine became available again within the last hour. Leave blank to disable.', null=True, validators=[django.core.validators.MinValueValidator(Decimal('1')), django.core.validators.MaxValueValidator(Decimal('1000'))])),
                ('note', models.TextField(blank=True, default='', help_text='Why the policy changes.')),
                ('state', models.CharField(choices=[('OPEN', 'Open'), ('SCHEDULED', 'Scheduled'), ('ACTIVATED', 'Activated'), ('REFUSED', 'Refused'), ('DISCARDED', 'Discarded')], default='OPEN', help_text='OPEN until it is scheduled, activated, refused or discarded.', max_length=9)),
                ('content_hash', models.CharField(help_text='SHA-256 of the settings; an approval holds for one content hash.', max_length=64)),
                ('created_by', models.CharField(help_text='Who created it.', max_length=150)),
                ('created_at', models.DateTimeField(help_text='UTC.')),
                ('authors', models.JSONField(default=list, help_text='Everyone who has edited it; authors cannot approve.')),
                ('edited_by', models.CharField(help_text='Who edited it last.', max_length=150)),
                ('edited_at', models.DateTimeField(help_text='UTC.')),
                ('revision', models.PositiveIntegerField(default=1, help_text='Number of edits; a form with an older revision is rejected.')),
                ('activation_reason', models.TextField(blank=True, default='', help_text='Why it is activated.')),
                ('activated_by', models.CharField(blank=True, default='', help_text='Who activated or scheduled it.', max_length=150)),
                ('scheduled_at', models.DateTimeField(blank=True, help_text='When it activates automatically, UTC.', null=True)),
                ('settled_at', models.DateTimeField(blank=True, help_text='When it was activated, refused or discarded, UTC.', null=True)),
                ('refusal', models.TextField(blank=True, default='', help_text='Why it was refused or discarded.')),
                ('activated_version', models.OneToOneField(blank=True, help_text='The version it was activated as.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='draft', to='policies.policyversion')),
                ('base_version', models.ForeignKey(help_text='The version it was created from, or rebased onto.', on_delete=django.db.models.deletion.PROTECT, related_name='drafts', to='policies.policyversion')),
            ],
            options={
                'db_table': 'policy_drafts',
                'ordering': ('-id',),
                'permissions': (('approve_policydraft', "Can approve another person's policy draft"), ('activate_policydraft', 'Can activate a policy draft')),
            },
        ),
        migrations.CreateModel(
            name='GuardrailTrip',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='The setting whose limit was reached.', max_length=40)),
                ('value', models.CharField(help_text='The value that was measured.', max_length=40)),
                ('limit', models.CharField(help_text='The limit set by the policy version.', max_length=40)),
                ('tripped_at', models.DateTimeField(help_text='UTC, database clock.')),
                ('released_at', models.DateTimeField(blank=True, help_text='UTC; blank while it is in effect.', null=True)),
                ('released_by', models.CharField(blank=True, default='', help_text='Who released it.', max_length=150)),
                ('release_reason', models.TextField(blank=True, default='', help_text='Why it was released.')),
                ('policy_version', models.ForeignKey(db_column='policy_version', help_text='The version that was active when it tripped.', on_delete=django.db.models.deletion.PROTECT, to='policies.policyversion')),
            ],
            options={
                'db_table': 'guardrail_trips',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='EngineAvailability',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_heartbeat_at', models.DateTimeField(help_text='UTC, database clock.')),
                ('last_heartbeat_at', models.DateTimeField(help_text='UTC, database clock.')),
                ('available_until', models.DateTimeField(help_text='Last heartbeat plus the time to live of that time, UTC.')),
                ('engine_version', models.CharField(help_text='As reported by the engine.', max_length=100)),
                ('rules_hash', models.CharField(help_text='As reported by the engine; a change starts a new period.', max_length=64)),
                ('engine', models.ForeignKey(db_column='engine', on_delete=django.db.models.deletion.PROTECT, related_name='stretches', to='policies.engine')),
            ],
            options={
                'verbose_name_plural': 'engine availability',
                'db_table': 'engine_availability',
                'ordering': ('-first_heartbeat_at',),
                'indexes': [models.Index(fields=['engine', '-last_heartbeat_at'], name='engine_availability_latest')],
            },
        ),
        migrations.CreateModel(
            name='PolicyApproval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_hash', models.CharField(help_text='SHA-256 of the settings that were approved.', max_length=64)),
                ('approved_by', models.CharField(help_text='Never an author of the draft.', max_length=150)),
                ('approved_at', models.DateTimeField(help_text='UTC.')),
                ('draft', models.ForeignKey(help_text='The draft that was approved.', on_delete=django.db.models.deletion.PROTECT, related_name='approvals', to='policies.policydraft')),
            ],
            options={
                'db_table': 'policy_approvals',
                'ordering': ('-id',),
                'constraints': [models.UniqueConstraint(fields=('draft', 'content_hash', 'approved_by'), name='policy_approvals_once_per_person')],
            },
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('configured_mode__in', ('AUTO', 'SHADOW_ONLY', 'ENGINE_A_PRIMARY', 'ENGINE_B_PRIMARY', 'SPLIT_CAPITAL'))), name='policy_versions_configured_mode'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('split_percentage__gte', Decimal('0')), ('split_percentage__lte', Decimal('100'))), name='policy_versions_split_percentage'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('heartbeat_ttl_seconds__gte', 1), ('heartbeat_ttl_seconds__lte', 86400)), name='policy_versions_heartbeat_ttl_seconds'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('permit_ttl_seconds__gte', 1), ('permit_ttl_seconds__lte', 86400)), name='policy_versions_permit_ttl_seconds'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('max_market_data_age_seconds__gte', 0), ('max_market_data_age_seconds__lte', 604800)), name='policy_versions_max_market_data_age_seconds'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('max_answer_age_seconds__gte', 1), ('max_answer_age_seconds__lte', 86400)), name='policy_versions_max_answer_age_seconds'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('max_quote_age_seconds__gte', 1), ('max_quote_age_seconds__lte', 86400)), name='policy_versions_max_quote_age_seconds'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('entry_window_seconds__gte', 0), ('entry_window_seconds__lte', 604800)), name='policy_versions_entry_window_seconds'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('exit_directive_ttl_seconds__gte', 1), ('exit_directive_ttl_seconds__lte', 2592000)), name='policy_versions_exit_directive_ttl_seconds'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('report_delay_seconds__gte', 1), ('report_delay_seconds__lte', 86400)), name='policy_versions_report_delay_seconds'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('currency__regex', '^[A-Z][A-Z0-9]{2,9}$')), name='policy_versions_currency'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('fee_per_contract__gte', Decimal('0')), ('fee_per_contract__lte', Decimal('1000000'))), name='policy_versions_fee_per_contract'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('fee_per_order__gte', Decimal('0')), ('fee_per_order__lte', Decimal('1000000'))), name='policy_versions_fee_per_order'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('max_consecutive_real_losses__gte', 1), ('max_consecutive_real_losses__lte', 1000)), name='policy_versions_max_consecutive_real_losses'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('max_daily_real_loss__gte', Decimal('0.01')), ('max_daily_real_loss__lte', Decimal('999999999999.99'))), name='policy_versions_max_daily_real_loss'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('max_failed_signal_percentage__gte', Decimal('0.01')), ('max_failed_signal_percentage__lte', Decimal('100'))), name='policy_versions_max_failed_signal_percentage'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('max_engine_flaps__gte', 1), ('max_engine_flaps__lte', 1000)), name='policy_versions_max_engine_flaps'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('base_version__isnull', True), ('version', 1)), models.Q(('base_version__isnull', False), ('version', django.db.models.expressions.CombinedExpression(models.F('base_version_id'), '+', models.Value(1)))), _connector='OR'), name='policy_versions_follow_their_base'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.CheckConstraint(condition=models.Q(('note', ''), _negated=True), name='policy_versions_have_a_note'),
        ),
        migrations.AddConstraint(
            model_name='policyversion',
            constraint=models.UniqueConstraint(fields=('version', 'split_percentage'), name='policy_versions_version_and_split'),
        ),
        migrations.AddConstraint(
            model_name='policydraft',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['OPEN', 'SCHEDULED', 'ACTIVATED', 'REFUSED', 'DISCARDED'])), name='policy_drafts_state_known'),
        ),
        migrations.AddConstraint(
            model_name='policydraft',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'SCHEDULED'), _negated=True), models.Q(('scheduled_at__isnull', False), models.Q(('activation_reason', ''), _negated=True), models.Q(('activated_by', ''), _negated=True)), _connector='OR'), name='policy_drafts_scheduled_has_time_and_reason'),
        ),
        migrations.AddConstraint(
            model_name='policydraft',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('activated_version__isnull', False), ('state', 'ACTIVATED')), models.Q(models.Q(('state', 'ACTIVATED'), _negated=True), ('activated_version__isnull', True)), _connector='OR'), name='policy_drafts_activated_has_version'),
        ),
        migrations.AddConstraint(
            model_name='guardrailtrip',
            constraint=models.UniqueConstraint(condition=models.Q(('released_at__isnull', True)), fields=('name',), name='guardrail_trips_one_open_per_name'),
        ),
        migrations.AddConstraint(
            model_name='guardrailtrip',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('released_at__isnull', True), ('released_by', '')), models.Q(('released_at__isnull', False), models.Q(('released_by', ''), _negated=True), models.Q(('release_reason', ''), _negated=True)), _connector='OR'), name='guardrail_trips_released_by_somebody'),
        ),
    ]
