import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
import kernel.fields
import signals_app.watch_models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('received_at', models.DateTimeField(help_text='UTC.')),
                ('remote_address', models.GenericIPAddressField(help_text='IP address of the sender. Behind a trusted proxy, the address it reports.', null=True)),
                ('content_type', models.CharField(blank=True, default='', help_text='As sent.', max_length=200)),
                ('body', models.BinaryField(help_text='The first 64 KiB as received, with secrets masked.')),
                ('body_sha256', models.CharField(help_text='SHA-256 of the body as received.', max_length=64)),
                ('outcome', models.CharField(choices=[('accepted', 'Accepted'), ('duplicate', 'Duplicate'), ('conflict', 'Conflict'), ('recorded', 'Recorded'), ('rejected', 'Rejected')], help_text='How the delivery was handled.', max_length=9)),
                ('code', models.CharField(blank=True, default='', help_text='Error code of a rejected delivery, reason of a recorded one.', max_length=40)),
                ('detail', models.TextField(blank=True, default='', help_text='Error message returned to the sender, or what made it an exit.')),
                ('signal_id', models.UUIDField(blank=True, help_text='The signal that it created, duplicates or conflicts with.', null=True)),
                ('alert_time', models.DateTimeField(blank=True, help_text="Time of a recorded alert from a replay source, UTC: it moves the source's clock. Blank for others.", null=True)),
                ('duration_ms', models.DecimalField(decimal_places=2, help_text='Time from receipt to storage, in milliseconds.', max_digits=9)),
            ],
            options={
                'verbose_name_plural': 'webhook deliveries',
                'db_table': 'webhook_deliveries',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='AlertStream',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('exchange', models.CharField(blank=True, help_text='As sent. Blank if its alerts have none.', max_length=50)),
                ('symbol', models.CharField(help_text='Upper case, without exchange prefix.', max_length=64)),
                ('timeframe', models.CharField(blank=True, help_text='Timeframe of the bars for which alerts are expected.', max_length=10)),
                ('strategy', models.CharField(blank=True, help_text="Blank where every strategy's alert counts.", max_length=200)),
                ('last_heard_at', models.DateTimeField(help_text='Latest alert, UTC.')),
                ('accounted_until', models.DateTimeField(help_text='Close of the latest bar that was accounted for, UTC. Blank if bars have no clock.', null=True)),
                ('series', models.PositiveIntegerField(default=0, help_text='Number of times the sender has restarted its count.')),
                ('sequence', models.BigIntegerField(help_text='Latest number. Blank if its alerts have none.', null=True)),
                ('sequence_fired_at', models.DateTimeField(help_text='When the alert with this number fired, UTC.', null=True)),
            ],
            options={
                'db_table': 'alert_streams',
                'ordering': ('source', 'symbol', 'timeframe', 'strategy', 'exchange'),
            },
        ),
        migrations.CreateModel(
            name='WebhookSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Display name.', max_length=100)),
                ('slug', models.SlugField(help_text="Part of every signal's identity, so it can never be changed.", unique=True)),
                ('token_hash', models.CharField(help_text='SHA-256 of the token in the webhook URL. The token itself is not stored.', max_length=64, unique=True)),
                ('previous_token_hash', models.CharField(blank=True, help_text='The previous token stays valid until the next rotation, so that no alert is lost.', max_length=64, null=True, unique=True)),
                ('body_secret_hash', models.CharField(blank=True, default='', help_text='SHA-256 of the secret that the alert body must contain. Blank if none is required.', max_length=64)),
                ('allowed_addresses', models.JSONField(blank=True, default=list, help_text='IP addresses or networks that may send alerts. Empty for any.')),
                ('client_certificate_subject', models.CharField(blank=True, default='', help_text="Required subject of the sender's TLS certificate, as the proxy reports it. Blank for none.", max_length=300)),
                ('max_age_seconds', models.PositiveIntegerField(default=300, help_text='Older alerts are recorded as stale and create no signal. 0 disables the check.')),
                ('bare_sell', models.CharField(choices=[('entry_short', 'Short entry'), ('exit', 'Exit of a long position')], default='entry_short', help_text='Meaning of an alert that says only sell. Choose exit if this source never goes short.', max_length=11)),
                ('rate_limit_per_minute', models.PositiveIntegerField(blank=True, help_text='Maximum number of alerts per minute. Blank for no limit.', null=True)),
                ('replay', models.BooleanField(default=False, help_text="The feed of a demo, a backtest or a rehearsal: alerts are as old as they are, and the latest one is the source's clock. Not allowed in LIVE mode.")),
                ('is_active', models.BooleanField(default=True, help_text='Alerts of a disabled source get 401, like those with an unknown token.')),
                ('created_at', models.DateTimeField(auto_now_add=True, help_text='UTC.')),
            ],
            options={
                'db_table': 'webhook_sources',
                'ordering': ('slug',),
            },
        ),
        migrations.CreateModel(
            name='Signal',
            fields=[
                ('signal_id', models.UUIDField(help_text='UUIDv5 of source, exchange, symbol, direction, timeframe, timestamp, strategy and order id.', primary_key=True, serialize=False)),
                ('source', models.CharField(help_text='Slug of the webhook source.', max_length=50)),
                ('exchange', models.CharField(blank=True, default='', help_text='As sent. Blank if the alert has none.', max_length=50)),
                ('symbol', models.CharField(help_text='Upper case, without exchange prefix.', max_length=64)),
                ('direction', models.CharField(choices=[('LONG', 'Long'), ('SHORT', 'Short')], help_text='LONG or SHORT on the underlying.', max_length=5)),
                ('timeframe', models.CharField(help_text='Normalised, such as 5m, 1h, 1d or 1M (month).', max_length=10)),
                ('timestamp', models.DateTimeField(help_text='When the alert fired, UTC.')),
                ('strategy', models.CharField(blank=True, default='', help_text='As sent. Blank if the alert has none.', max_length=200)),
                ('order_id', models.CharField(blank=True, default='', help_text="Id of the strategy's order. Blank if the alert has none.", max_length=200)),
                ('signal_hash', models.CharField(help_text="SHA-256 of the signal's identity and payload.", max_length=64)),
                ('raw_payload', models.JSONField(help_text="The alert's JSON, without its secrets.")),
                ('consumed_fields', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), help_text='Payload fields that were read into the columns above. Engines receive the remaining ones.', size=None)),
                ('received_at', models.DateTimeField(help_text='When the alert arrived, UTC.')),
                ('status', models.CharField(choices=[('PENDING', 'Pending'), ('PROCESSED', 'Processed'), ('FAILED', 'Failed')], default='PENDING', help_text='PENDING until the worker decides it.', max_length=9)),
                ('processing_lock', models.UUIDField(blank=True, help_text='Token of the worker batch that processed the signal.', null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='Number of failed attempts.')),
                ('last_error', models.TextField(blank=True, default='', help_text='Why the last attempt failed.')),
                ('next_attempt_at', models.DateTimeField(blank=True, help_text='Earliest time of the next retry, UTC. Blank if none is scheduled.', null=True)),
                ('processed_at', models.DateTimeField(blank=True, help_text='When the decision was committed, UTC.', null=True)),
                ('replayed', models.BooleanField(db_default=False, default=False, help_text='Whether its source was a replay when the alert arrived.')),
                ('discarded_at', models.DateTimeField(blank=True, help_text='When an operator discarded the failed signal, UTC.', null=True)),
                ('discarded_by', models.CharField(blank=True, db_default='', help_text='Who discarded the signal.', max_length=150)),
                ('discard_reason', models.TextField(blank=True, db_default='', help_text='Why it was discarded.')),
            ],
            options={
                'db_table': 'signals',
                'ordering': ('-received_at',),
            },
        ),
        migrations.CreateModel(
            name='MarketData',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('symbol', models.CharField(help_text='Same notation as in signals.', max_length=64)),
                ('exchange', models.CharField(blank=True, default='', help_text='As in the symbol that was pushed, without the mark of delayed data. Blank if it named none.', max_length=50)),
                ('as_of', models.DateTimeField(help_text='The time that the data describe, UTC.')),
                ('received_at', models.DateTimeField(help_text='When the feeder pushed the data, UTC.')),
                ('source', models.CharField(help_text="Name of the feeder's API key.", max_length=50)),
                ('data', kernel.fields.CanonicalJSONField(help_text='The data as pushed, as canonical JSON.')),
            ],
            options={
                'verbose_name_plural': 'market data',
                'db_table': 'market_data',
                'ordering': ('-as_of',),
            },
        ),
        migrations.CreateModel(
            name='MissingAlert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('bar', 'Bar'), ('sequence', 'Sequence number'), ('silence', 'Silence')], help_text='What was expected.', max_length=8)),
                ('source', models.CharField(help_text='Slug of the webhook source.', max_length=50)),
                ('exchange', models.CharField(blank=True, help_text='As in earlier alerts. Blank if they have none.', max_length=50)),
                ('symbol', models.CharField(blank=True, help_text='Blank for a silence of the whole source.', max_length=64)),
                ('timeframe', models.CharField(blank=True, help_text='Blank if the alerts have none.', max_length=10)),
                ('strategy', models.CharField(blank=True, help_text="Blank where every strategy's alert counts.", max_length=200)),
                ('expected_at', models.DateTimeField(help_text='Close of the bar, or end of the longest usual silence, UTC. Blank for a number.', null=True)),
                ('series', models.PositiveIntegerField(help_text='Number of times the sender had restarted its count.', null=True)),
                ('sequence', models.BigIntegerField(help_text='The sequence number that was skipped.', null=True)),
                ('due_at', models.DateTimeField(help_text='Latest time at which the alert should have arrived, UTC.')),
                ('noticed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When the worker reported it missing, UTC.')),
                ('resolved_at', models.DateTimeField(help_text='When the alert arrived after all, or the silence ended, UTC. Blank until then.', null=True)),
            ],
            options={
                'db_table': 'missing_alerts',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='UnknownTokenAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.GenericIPAddressField(help_text='IP address of the sender, the first of its /64 for IPv6. Blank if it is not known.', null=True)),
                ('hour', models.DateTimeField(help_text='Beginning of the hour, UTC.')),
                ('attempts', models.PositiveIntegerField(help_text='Number of requests in this hour.')),
                ('last_at', models.DateTimeField(help_text='When the latest one arrived, UTC.')),
            ],
            options={
                'db_table': 'unknown_token_attempts',
                'ordering': ('-hour',),
            },
        ),
        migrations.CreateModel(
            name='AlertArrival',
            fields=[
                ('delivery', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='signals_app.webhookdelivery')),
                ('received_at', models.DateTimeField()),
                ('fired_at', models.DateTimeField(null=True)),
                ('bar_at', models.DateTimeField(null=True)),
                ('sequence', models.BigIntegerField(null=True)),
                ('used', models.BooleanField()),
            ],
            options={
                'db_table': 'alert_arrivals',
            },
        ),
        migrations.CreateModel(
            name='AlertWatch',
            fields=[
                ('source', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='watch', serialize=False, to='signals_app.webhooksource')),
                ('mode', models.CharField(choices=[('off', 'Off'), ('every_bar', 'Every bar'), ('sequence', 'Sequence numbers'), ('habit', 'Unusual silence')], default='off', help_text='Every bar: an alert is expected at the close of each bar. Sequence numbers: no number may be left out. The latter also tells an unusual silence.', max_length=9)),
                ('grace_seconds', models.PositiveIntegerField(default=30, help_text='Seconds after its expected time at which an alert is due.')),
                ('bar_clock', models.CharField(blank=True, default='', help_text="Expected timeframe. Blank to use each alert's own.", max_length=10)),
                ('max_silence_minutes', models.PositiveIntegerField(blank=True, help_text='Longest silence during market hours, in minutes. Blank to learn it.', null=True)),
                ('timezone', models.CharField(default='UTC', help_text="IANA time zone of the market's hours.", max_length=64)),
                ('days', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), default=signals_app.watch_models.every_day, help_text='Days on which a session begins; Monday is 1.', size=None)),
                ('opens', models.TimeField(blank=True, help_text='Local time. Blank for midnight.', null=True)),
                ('closes', models.TimeField(blank=True, help_text='Local time; may be on the next day. Blank for midnight.', null=True)),
                ('holidays', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=16), blank=True, default=list, help_text='Market holidays and early closes.', size=None)),
                ('since', models.DateTimeField(help_text='Nothing before this time counts as missing, UTC.')),
                ('known_until', models.DateTimeField(help_text='Alerts are read up to this time, UTC.')),
                ('next_look_at', models.DateTimeField(help_text='When the worker looks again, UTC.')),
                ('alerts', models.PositiveIntegerField(default=0, help_text='Number of alerts from which the usual silence was learned.')),
                ('first_heard_at', models.DateTimeField(blank=True, help_text='First of these alerts, UTC.', null=True)),
                ('last_heard_at', models.DateTimeField(blank=True, help_text='Latest alert, UTC.', null=True)),
                ('silences', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), default=list, help_text='Latest silences of a minute or more during market hours, in seconds.', size=None)),
            ],
            options={
                'verbose_name_plural': 'alert watches',
                'db_table': 'alert_watches',
            },
        ),
        migrations.AddConstraint(
            model_name='webhooksource',
            constraint=models.CheckConstraint(condition=models.Q(('token_hash__regex', '^[0-9a-f]{64}$')), name='webhook_sources_token_hash_is_sha256'),
        ),
        migrations.AddConstraint(
            model_name='webhooksource',
            constraint=models.CheckConstraint(condition=models.Q(('previous_token_hash__isnull', True), ('previous_token_hash__regex', '^[0-9a-f]{64}$'), _connector='OR'), name='webhook_sources_previous_token_hash_is_sha256'),
        ),
        migrations.AddConstraint(
            model_name='webhooksource',
            constraint=models.CheckConstraint(condition=models.Q(('bare_sell__in', ['entry_short', 'exit'])), name='webhook_sources_bare_sell_known'),
        ),
        migrations.AddConstraint(
            model_name='webhooksource',
            constraint=models.CheckConstraint(condition=models.Q(('replay', False), ('max_age_seconds', 0), _connector='OR'), name='webhook_sources_replay_has_no_max_age'),
        ),
        migrations.AddField(
            model_name='webhookdelivery',
            name='source',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='signals_app.webhooksource'),
        ),
        migrations.AddField(
            model_name='alertstream',
            name='source',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='signals_app.webhooksource'),
        ),
        migrations.CreateModel(
            name='MarketContext',
            fields=[
                ('signal', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='market_context', serialize=False, to='signals_app.signal')),
                ('context', kernel.fields.CanonicalJSONField(help_text='Canonical JSON (RFC 8785).')),
                ('context_hash', models.CharField(help_text='SHA-256 of the context.', max_length=64)),
                ('created_at', models.DateTimeField(help_text='UTC.')),
            ],
            options={
                'db_table': 'market_contexts',
            },
        ),
        migrations.AddIndex(
            model_name='signal',
            index=models.Index(condition=models.Q(('status', 'PENDING')), fields=['received_at'], name='signals_pending'),
        ),
        migrations.AddIndex(
            model_name='signal',
            index=models.Index(condition=models.Q(('status', 'FAILED')), fields=['next_attempt_at'], name='signals_failed'),
        ),
        migrations.AddIndex(
            model_name='signal',
            index=models.Index(fields=['-received_at'], name='signals_received'),
        ),
        migrations.AddIndex(
            model_name='signal',
            index=models.Index(fields=['symbol', '-timestamp'], name='signals_symbol_timestamp'),
        ),
        migrations.AddIndex(
            model_name='signal',
            index=models.Index(condition=models.Q(('replayed', True)), fields=['source', 'timestamp'], name='signals_replay_clock'),
        ),
        migrations.AddConstraint(
            model_name='signal',
            constraint=models.CheckConstraint(condition=models.Q(('direction__in', ['LONG', 'SHORT'])), name='signals_direction_known'),
        ),
        migrations.AddConstraint(
            model_name='signal',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['PENDING', 'PROCESSED', 'FAILED'])), name='signals_status_known'),
        ),
        migrations.AddConstraint(
            model_name='signal',
            constraint=models.CheckConstraint(condition=models.Q(('signal_hash__regex', '^[0-9a-f]{64}$')), name='signals_signal_hash_is_sha256'),
        ),
        migrations.AddConstraint(
            model_name='signal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('processed_at__isnull', False), ('status', 'PROCESSED')), models.Q(models.Q(('status', 'PROCESSED'), _negated=True), ('processed_at__isnull', True)), _connector='OR'), name='signals_processed_has_time'),
        ),
        migrations.AddConstraint(
            model_name='signal',
            constraint=models.CheckConstraint(condition=models.Q(('discarded_at__isnull', True), models.Q(('next_attempt_at__isnull', True), ('status', 'FAILED')), _connector='OR'), name='signals_discarded_is_failed_for_good'),
        ),
        migrations.AddConstraint(
            model_name='signal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('discard_reason', ''), ('discarded_at__isnull', True), ('discarded_by', '')), models.Q(('discarded_at__isnull', False), models.Q(('discarded_by', ''), _negated=True), models.Q(('discard_reason', ''), _negated=True)), _connector='OR'), name='signals_discarded_has_name_and_reason'),
        ),
        migrations.AddConstraint(
            model_name='marketdata',
            constraint=models.UniqueConstraint(fields=('symbol', 'as_of', 'source', 'exchange'), name='market_data_one_per_source_and_instant'),
        ),
        migrations.AddField(
            model_name='missingalert',
            name='delivery',
            field=models.ForeignKey(help_text='The alert that arrived late.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='signals_app.webhookdelivery'),
        ),
        migrations.AddConstraint(
            model_name='unknowntokenattempt',
            constraint=models.UniqueConstraint(fields=('address', 'hour'), name='unknown_token_attempts_one_per_hour', nulls_distinct=False),
        ),
        migrations.AddField(
            model_name='alertarrival',
            name='source',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='signals_app.webhooksource'),
        ),
        migrations.AddField(
            model_name='alertarrival',
            name='stream',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='signals_app.alertstream'),
        ),
        migrations.AddConstraint(
            model_name='alertwatch',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['off', 'every_bar', 'sequence', 'habit'])), name='alert_watches_mode_known'),
        ),
        migrations.AddConstraint(
            model_name='alertwatch',
            constraint=models.CheckConstraint(condition=models.Q(('grace_seconds__gte', 5), ('grace_seconds__lte', 3600)), name='alert_watches_grace_within_limits'),
        ),
        migrations.AddConstraint(
            model_name='alertwatch',
            constraint=models.CheckConstraint(condition=models.Q(('max_silence_minutes__isnull', True), models.Q(('max_silence_minutes__gte', 1), ('max_silence_minutes__lte', 43200)), _connector='OR'), name='alert_watches_silence_within_limits'),
        ),
        migrations.AddConstraint(
            model_name='alertwatch',
            constraint=models.CheckConstraint(condition=models.Q(('days__contained_by', [1, 2, 3, 4, 5, 6, 7]), ('days__len__gte', 1)), name='alert_watches_days_known'),
        ),
        migrations.AddConstraint(
            model_name='alertwatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closes__isnull', True), ('opens__isnull', True)), models.Q(('closes__isnull', False), ('opens__isnull', False)), _connector='OR'), name='alert_watches_opens_and_closes'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(fields=['-received_at'], name='webhook_deliveries_received'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('alert_time__isnull', False)), fields=['source', 'alert_time'], name='webhook_deliveries_clock'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('signal_id__isnull', False)), fields=['signal_id'], name='webhook_deliveries_signal'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['accepted', 'duplicate', 'conflict', 'recorded', 'rejected'])), name='webhook_deliveries_outcome_known'),
        ),
        migrations.AddConstraint(
            model_name='alertstream',
            constraint=models.UniqueConstraint(fields=('source', 'exchange', 'symbol', 'timeframe', 'strategy'), name='alert_streams_once'),
        ),
        migrations.AddIndex(
            model_name='marketcontext',
            index=django.contrib.postgres.indexes.HashIndex(fields=['context_hash'], name='market_contexts_hash'),
        ),
        migrations.AddIndex(
            model_name='missingalert',
            index=models.Index(fields=['-noticed_at'], name='missing_alerts_noticed'),
        ),
        migrations.AddIndex(
            model_name='missingalert',
            index=models.Index(condition=models.Q(('resolved_at__isnull', True)), fields=['source', 'symbol'], name='missing_alerts_open'),
        ),
        migrations.AddConstraint(
            model_name='missingalert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['bar', 'sequence', 'silence'])), name='missing_alerts_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='missingalert',
            constraint=models.UniqueConstraint(fields=('source', 'symbol', 'kind', 'expected_at', 'sequence', 'series', 'timeframe', 'exchange', 'strategy'), name='missing_alerts_named_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='missingalert',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'silence'), ('resolved_at__isnull', True)), fields=('source',), name='missing_alerts_one_silence'),
        ),
        migrations.AddConstraint(
            model_name='missingalert',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('expected_at__isnull', False), ('kind', 'bar'), ('sequence__isnull', True), ('series__isnull', True)), models.Q(('expected_at__isnull', True), ('kind', 'sequence'), ('sequence__isnull', False), ('series__isnull', False)), models.Q(('expected_at__isnull', False), ('kind', 'silence'), ('sequence__isnull', True), ('series__isnull', True), ('symbol', '')), _connector='OR'), name='missing_alerts_says_what_was_expected'),
        ),
        migrations.AddConstraint(
            model_name='missingalert',
            constraint=models.CheckConstraint(condition=models.Q(('noticed_at__gte', models.F('due_at'))), name='missing_alerts_named_when_due'),
        ),
        migrations.AddIndex(
            model_name='alertarrival',
            index=models.Index(fields=['source', 'received_at'], name='alert_arrivals_of_source'),
        ),
    ]
