import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import kernel.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('experiments', '0001_initial'),
        ('policies', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Evaluation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Letters, digits, hyphens, underscores, dots.', max_length=80, unique=True)),
                ('note', models.TextField(help_text='The hypothesis: what is expected, and why.')),
                ('clock', models.CharField(choices=[('WALL', 'WALL'), ('EVENT', 'EVENT')], help_text="WALL: signals as they arrive. EVENT: a replayed source's signals by their own time.", max_length=12)),
                ('starts_at', models.DateTimeField(blank=True, help_text='Signals from then on take part, UTC; blank: from the start of the evaluation.', null=True)),
                ('metric', models.CharField(choices=[('R', 'R'), ('CURRENCY', 'CURRENCY')], help_text="R: return on the capital at risk. CURRENCY: the policy's.", max_length=12)),
                ('estimand', models.CharField(choices=[('SYNCHRONISED', 'SYNCHRONISED'), ('OWN_EXIT', 'OWN_EXIT')], help_text='SYNCHRONISED: at the real exit. OWN_EXIT: each side at its own.', max_length=12)),
                ('prices', models.CharField(choices=[('NEUTRAL', 'NEUTRAL'), ('ENGINES', 'ENGINES')], help_text='NEUTRAL: only prices that neither engine could choose. ENGINES: all but model prices.', max_length=12)),
                ('block_days', models.PositiveSmallIntegerField(help_text='Calendar days of a block, New York; 1 to 91.')),
                ('max_hold_days', models.PositiveSmallIntegerField(help_text='Calendar days that a trade is held at most; 0: it ends on its day.')),
                ('worst_block', models.DecimalField(decimal_places=12, help_text='The worst block thought possible, in the metric: a promise.', max_digits=24)),
                ('margin', models.DecimalField(decimal_places=12, help_text='A difference per signal up to this counts as none; 0: not asked.', max_digits=24)),
                ('horizon_blocks', models.PositiveIntegerField(help_text='The evaluation ends after so many blocks.')),
                ('max_signals', models.PositiveIntegerField(blank=True, help_text='Signals of a block that count, the first by arrival; blank: all.', null=True)),
                ('busy_signals', models.PositiveIntegerField(blank=True, help_text='Signals of a busy block; needed without 60 earlier blocks.', null=True)),
                ('reason', models.TextField(blank=True, default='', help_text='Why the worst block is smaller than limits and history ask for.')),
                ('content_hash', models.CharField(help_text='SHA-256 of everything above.', max_length=64)),
                ('created_by', models.CharField(help_text='Who wrote it; somebody else approves it.', max_length=150)),
                ('created_at', models.DateTimeField(help_text='Database clock, UTC.')),
            ],
            options={
                'db_table': 'evaluations',
                'ordering': ('-id',),
                'permissions': (('approve_evaluation', "Can approve another person's evaluation"), ('run_evaluation', 'Can start and finish an evaluation')),
            },
        ),
        migrations.CreateModel(
            name='EvaluationBlock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text='1 for the first block with a signal.')),
                ('revision', models.PositiveSmallIntegerField(default=1, help_text='1 as judged; later ones after later facts.')),
                ('first_day', models.DateField(help_text='New York.')),
                ('last_day', models.DateField(help_text='New York; belongs to the block.')),
                ('n', models.PositiveIntegerField(help_text='Signals that take part.')),
                ('x_low', models.FloatField(help_text="Weighted sum of differences over the root of n, what is missing at A's worst.")),
                ('x_high', models.FloatField(help_text="The same with what is missing at B's worst.")),
                ('m', models.FloatField(help_text='Sum of weights over the root of n.')),
                ('opened_a', models.PositiveIntegerField(help_text='Signals that A answered with OPEN.')),
                ('opened_b', models.PositiveIntegerField(help_text='Signals that B answered with OPEN.')),
                ('missing_a', models.PositiveIntegerField(help_text='Signals without a value for A.')),
                ('missing_b', models.PositiveIntegerField(help_text='Signals without a value for B.')),
                ('counts', kernel.fields.CanonicalJSONField(help_text='Standings of each engine, signals that were not compared, long holds.')),
                ('experiment_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), help_text='Signals that take part, in the order of arrival.', size=None)),
                ('signals', kernel.fields.CanonicalJSONField(help_text='Weight, standings, values and difference of each.')),
                ('judgement', kernel.fields.CanonicalJSONField(blank=True, help_text='Evidence, interval and verdict after this block; blank of a later revision.', null=True)),
                ('judged_at', models.DateTimeField(help_text='Facts up to then count: database clock, UTC.')),
            ],
            options={
                'db_table': 'evaluation_blocks',
                'ordering': ('evaluation', 'number', 'revision'),
            },
        ),
        migrations.CreateModel(
            name='ExitDirective',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField(help_text='1 for the first closing fill of the real trade.')),
                ('closed_quantity', models.DecimalField(decimal_places=8, help_text='Of the leg of which this fill closed most.', max_digits=22)),
                ('open_quantity', models.DecimalField(decimal_places=8, help_text='Of that leg, just before the fill.', max_digits=22)),
                ('is_last', models.BooleanField(help_text='Whether the shadow closes all that is left.')),
                ('shadow_engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='The engine whose shadow trade must exit.', max_length=1)),
                ('closing_legs', kernel.fields.CanonicalJSONField(blank=True, help_text='Instrument, side and quantity that the shadow closes; blank until it is open.', null=True)),
                ('exit_time', models.DateTimeField(help_text="Equals the real fill's, UTC.")),
                ('market_conditions', kernel.fields.CanonicalJSONField(help_text='Those of the real fill.')),
                ('conditions_hash', models.CharField(help_text='SHA-256 of the market conditions.', max_length=64)),
                ('quote_flags', kernel.fields.CanonicalJSONField(default=dict, help_text='Quotes that cannot price the exit, and why: LOOKAHEAD, CROSSED and so on.')),
                ('state', models.CharField(choices=[('PENDING', 'Pending'), ('DONE', 'Done'), ('ALREADY_CLOSED', 'Already Closed'), ('NO_SHADOW', 'No Shadow'), ('UNPRICED', 'Unpriced')], default='PENDING', help_text='PENDING until settled.', max_length=14)),
                ('issued_at', models.DateTimeField(help_text='Database clock, UTC.')),
                ('due_at', models.DateTimeField(help_text='From then on it is priced: neutral quotes had time to arrive; UTC.')),
                ('tried_at', models.DateTimeField(blank=True, help_text='When no quotes were found to price it: it waits for more; UTC.', null=True)),
                ('expires_at', models.DateTimeField(help_text='A shadow trade not priced by then ends UNPRICED; UTC.')),
                ('settled_at', models.DateTimeField(blank=True, help_text='When it left PENDING, UTC.', null=True)),
                ('request_hash', models.CharField(blank=True, default='', help_text="SHA-256 of what the shadow engine's report means; blank if settled without one.", max_length=64)),
            ],
            options={
                'db_table': 'exit_directives',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('double_execution_prevented', 'Double Execution Prevented'), ('conflicting_report', 'Conflicting Report'), ('unbookable_report', 'Unbookable Report'), ('recommendation_missing', 'Recommendation Missing')], help_text='What the engine attempted.', max_length=30)),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='The engine that sent the report.', max_length=1)),
                ('detail', models.TextField(help_text='Why the report was rejected.')),
                ('report', kernel.fields.CanonicalJSONField(help_text='The rejected report, as sent.')),
                ('report_hash', models.CharField(help_text='SHA-256 of the report; repeats are stored once.', max_length=64)),
                ('occurred_at', models.DateTimeField(help_text='Database clock, UTC.')),
            ],
            options={
                'db_table': 'incidents',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='ShadowTrade',
            fields=[
                ('trade_id', models.UUIDField(help_text='UUIDv5 of experiment, engine and kind.', primary_key=True, serialize=False)),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1)),
                ('legs', kernel.fields.CanonicalJSONField(help_text='1 to 4 legs as reported: instrument, side, ratio, entry price.')),
                ('quantity', models.DecimalField(decimal_places=8, help_text='Contracts of the first fill.', max_digits=22)),
                ('multiplier', models.DecimalField(decimal_places=6, help_text='Units per contract: 100 for US options.', max_digits=16)),
                ('currency', models.CharField(help_text='Of prices, fees and P&L.', max_length=10)),
                ('declared_risk', models.DecimalField(blank=True, decimal_places=12, help_text='Capital at risk as the engine sees it; only ever compared.', max_digits=28, null=True)),
                ('entry_quotes', kernel.fields.CanonicalJSONField(default=dict, help_text="The engine's own quotes at the entry, as reported.")),
                ('entry_time', models.DateTimeField(help_text='As reported by the engine, UTC.')),
                ('entry_fees', models.DecimalField(decimal_places=12, help_text='Of the first fill, as reported; negative for a rebate.', max_digits=24)),
                ('claimed_provenance', models.CharField(choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], help_text='Where the engine says its prices come from.', max_length=19)),
                ('request_hash', models.CharField(help_text='SHA-256 of what the opening request means.', max_length=64)),
                ('opened_at', models.DateTimeField(help_text='When the opening was reported: database clock, UTC.')),
                ('entry_due_at', models.DateTimeField(blank=True, help_text="OPENING: from then on the engine's own quotes price the entry; UTC.", null=True)),
                ('status', models.CharField(choices=[('OPENING', 'Opening'), ('OPEN', 'Open'), ('CLOSED', 'Closed'), ('UNPRICED', 'Unpriced')], default='OPEN', help_text='OPENING until its entry is priced; UNPRICED if nobody priced an exit.', max_length=8)),
                ('revision', models.PositiveSmallIntegerField(default=1, help_text='1, and one more with every accepted amendment.')),
                ('flags', kernel.fields.CanonicalJSONField(default=list, help_text='What is remarkable about it without breaking a rule.')),
                ('entry_price', models.DecimalField(blank=True, decimal_places=12, help_text='Average price of the single leg, or net debit.', max_digits=28, null=True)),
                ('entry_provenance', models.CharField(blank=True, choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], default='', help_text='Where the entry price comes from.', max_length=19)),
                ('risk_amount', models.DecimalField(blank=True, decimal_places=26, help_text='Capital at risk, computed from the opening fills.', max_digits=80, null=True)),
                ('exit_price', models.DecimalField(blank=True, decimal_places=12, help_text='Average price of the single leg, or net debit.', max_digits=28, null=True)),
                ('exit_time', models.DateTimeField(blank=True, help_text="Of the last fill, UTC; a paired shadow trade has the real trade's.", null=True)),
                ('exit_fees', models.DecimalField(blank=True, decimal_places=20, help_text='Of all fills but the first: as reported, or by schedule for a shadow.', max_digits=40, null=True)),
                ('exit_reason', models.CharField(blank=True, choices=[('TAKE_PROFIT', 'Take Profit'), ('STOP_LOSS', 'Stop Loss'), ('TRAILING_STOP', 'Trailing Stop'), ('TIME_LIMIT', 'Time Limit'), ('SIGNAL', 'Signal'), ('EXPIRED', 'Expired'), ('EXERCISED', 'Exercised'), ('ASSIGNED', 'Assigned'), ('CASH_SETTLED', 'Cash Settled'), ('ROLLED', 'Rolled'), ('MANUAL', 'Manual'), ('FORCED', 'Forced'), ('EMERGENCY', 'Emergency'), ('LIQUIDATION', 'Liquidation'), ('EXTERNAL', 'External'), ('RECONCILED', 'Reconciled'), ('SYNCHRONISED', 'Synchronised'), ('OTHER', 'Other')], default='', help_text='Why it was closed.', max_length=13)),
                ('exit_provenance', models.CharField(blank=True, choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], default='', help_text='Where the exit price comes from.', max_length=19)),
                ('conditions_hash', models.CharField(blank=True, default='', help_text='SHA-256 of the market conditions of the last fill.', max_length=64)),
                ('closed_at', models.DateTimeField(blank=True, help_text='When the exit was stored: database clock, UTC.', null=True)),
            ],
            options={
                'db_table': 'shadow_trades',
                'ordering': ('-opened_at',),
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Permit',
            fields=[
                ('experiment', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='permit', serialize=False, to='experiments.experiment')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='The engine that may trade for real.', max_length=1)),
                ('revealed_at', models.DateTimeField(help_text='When its role was revealed: database clock, UTC.')),
                ('expires_at', models.DateTimeField(help_text='A real trade must be entered by this time, UTC.')),
                ('confirmed_at', models.DateTimeField(blank=True, help_text='When the engine last confirmed it before its trade; blank if it never did.', null=True)),
            ],
            options={
                'db_table': 'permits',
                'ordering': ('-revealed_at',),
            },
        ),
        migrations.CreateModel(
            name='Quote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('instrument', models.CharField(help_text='OCC symbols padded to 21 characters.', max_length=64)),
                ('bid', models.DecimalField(decimal_places=12, help_text='Per unit; 0 if nobody bids.', max_digits=24)),
                ('ask', models.DecimalField(decimal_places=12, help_text='Per unit; 0 if nobody offers.', max_digits=24)),
                ('quote_time', models.DateTimeField(help_text='When the feeder last knew the quote to stand, UTC.')),
                ('changed_at', models.DateTimeField(blank=True, help_text='When the quote last changed, UTC; blank if the feeder did not say.', null=True)),
                ('source', models.CharField(help_text="Name of the feeder's API key.", max_length=50)),
                ('received_at', models.DateTimeField(help_text='Database clock, UTC.')),
            ],
            options={
                'db_table': 'quotes',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='RealOutcome',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1)),
                ('entry_price', models.DecimalField(decimal_places=12, help_text='Price of the single leg, or net debit.', max_digits=28)),
                ('exit_price', models.DecimalField(blank=True, decimal_places=12, help_text='Price of the single leg, or net debit; blank if UNPRICED.', max_digits=28, null=True)),
                ('revision', models.PositiveSmallIntegerField(default=1, help_text='1, and one more each time an accepted amendment changed the result.')),
                ('withdrawn', models.BooleanField(default=False, help_text='The exit was busted: the trade is open again, and has no result for now.')),
                ('gross_pnl', models.DecimalField(blank=True, decimal_places=26, help_text='Before fees, over all fills; blank if UNPRICED.', max_digits=80, null=True)),
                ('pnl', models.DecimalField(blank=True, decimal_places=26, help_text='Net of the fees paid; blank if UNPRICED.', max_digits=80, null=True)),
                ('fees', models.DecimalField(decimal_places=20, help_text='Of all fills: as reported for a real trade, by schedule for a shadow; a rebate is negative.', max_digits=40)),
                ('scheduled_fees', models.DecimalField(decimal_places=20, help_text="By the policy's fee schedule, on all fills.", max_digits=40)),
                ('compared_pnl', models.DecimalField(blank=True, decimal_places=26, help_text="What the comparison takes: fills up to a roll, less the schedule's fees; blank if not comparable.", max_digits=80, null=True)),
                ('risk_amount', models.DecimalField(decimal_places=26, help_text='Capital at risk of the opening fills; 1 R.', max_digits=80)),
                ('currency', models.CharField(help_text='Of all amounts.', max_length=10)),
                ('exit_reason', models.CharField(choices=[('TAKE_PROFIT', 'Take Profit'), ('STOP_LOSS', 'Stop Loss'), ('TRAILING_STOP', 'Trailing Stop'), ('TIME_LIMIT', 'Time Limit'), ('SIGNAL', 'Signal'), ('EXPIRED', 'Expired'), ('EXERCISED', 'Exercised'), ('ASSIGNED', 'Assigned'), ('CASH_SETTLED', 'Cash Settled'), ('ROLLED', 'Rolled'), ('MANUAL', 'Manual'), ('FORCED', 'Forced'), ('EMERGENCY', 'Emergency'), ('LIQUIDATION', 'Liquidation'), ('EXTERNAL', 'External'), ('RECONCILED', 'Reconciled'), ('SYNCHRONISED', 'Synchronised'), ('OTHER', 'Other')], help_text='Why the trade was closed.', max_length=13)),
                ('price_provenance', models.CharField(choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], help_text='Where the exit price comes from.', max_length=19)),
                ('exit_time', models.DateTimeField(help_text='UTC.')),
                ('conditions_hash', models.CharField(blank=True, default='', help_text='SHA-256 of the market conditions.', max_length=64)),
                ('recorded_at', models.DateTimeField(help_text='Database clock, UTC.')),
            ],
            options={
                'db_table': 'real_outcomes',
                'ordering': ('-exit_time',),
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='RealTrade',
            fields=[
                ('trade_id', models.UUIDField(help_text='UUIDv5 of experiment, engine and kind.', primary_key=True, serialize=False)),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1)),
                ('legs', kernel.fields.CanonicalJSONField(help_text='1 to 4 legs as reported: instrument, side, ratio, entry price.')),
                ('quantity', models.DecimalField(decimal_places=8, help_text='Contracts of the first fill.', max_digits=22)),
                ('multiplier', models.DecimalField(decimal_places=6, help_text='Units per contract: 100 for US options.', max_digits=16)),
                ('currency', models.CharField(help_text='Of prices, fees and P&L.', max_length=10)),
                ('declared_risk', models.DecimalField(blank=True, decimal_places=12, help_text='Capital at risk as the engine sees it; only ever compared.', max_digits=28, null=True)),
                ('entry_quotes', kernel.fields.CanonicalJSONField(default=dict, help_text="The engine's own quotes at the entry, as reported.")),
                ('entry_time', models.DateTimeField(help_text='As reported by the engine, UTC.')),
                ('entry_fees', models.DecimalField(decimal_places=12, help_text='Of the first fill, as reported; negative for a rebate.', max_digits=24)),
                ('claimed_provenance', models.CharField(choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], help_text='Where the engine says its prices come from.', max_length=19)),
                ('request_hash', models.CharField(help_text='SHA-256 of what the opening request means.', max_length=64)),
                ('opened_at', models.DateTimeField(help_text='When the opening was reported: database clock, UTC.')),
                ('entry_due_at', models.DateTimeField(blank=True, help_text="OPENING: from then on the engine's own quotes price the entry; UTC.", null=True)),
                ('status', models.CharField(choices=[('OPENING', 'Opening'), ('OPEN', 'Open'), ('CLOSED', 'Closed'), ('UNPRICED', 'Unpriced')], default='OPEN', help_text='OPENING until its entry is priced; UNPRICED if nobody priced an exit.', max_length=8)),
                ('revision', models.PositiveSmallIntegerField(default=1, help_text='1, and one more with every accepted amendment.')),
                ('flags', kernel.fields.CanonicalJSONField(default=list, help_text='What is remarkable about it without breaking a rule.')),
                ('entry_price', models.DecimalField(blank=True, decimal_places=12, help_text='Average price of the single leg, or net debit.', max_digits=28, null=True)),
                ('entry_provenance', models.CharField(blank=True, choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], default='', help_text='Where the entry price comes from.', max_length=19)),
                ('risk_amount', models.DecimalField(blank=True, decimal_places=26, help_text='Capital at risk, computed from the opening fills.', max_digits=80, null=True)),
                ('exit_price', models.DecimalField(blank=True, decimal_places=12, help_text='Average price of the single leg, or net debit.', max_digits=28, null=True)),
                ('exit_time', models.DateTimeField(blank=True, help_text="Of the last fill, UTC; a paired shadow trade has the real trade's.", null=True)),
                ('exit_fees', models.DecimalField(blank=True, decimal_places=20, help_text='Of all fills but the first: as reported, or by schedule for a shadow.', max_digits=40, null=True)),
                ('exit_reason', models.CharField(blank=True, choices=[('TAKE_PROFIT', 'Take Profit'), ('STOP_LOSS', 'Stop Loss'), ('TRAILING_STOP', 'Trailing Stop'), ('TIME_LIMIT', 'Time Limit'), ('SIGNAL', 'Signal'), ('EXPIRED', 'Expired'), ('EXERCISED', 'Exercised'), ('ASSIGNED', 'Assigned'), ('CASH_SETTLED', 'Cash Settled'), ('ROLLED', 'Rolled'), ('MANUAL', 'Manual'), ('FORCED', 'Forced'), ('EMERGENCY', 'Emergency'), ('LIQUIDATION', 'Liquidation'), ('EXTERNAL', 'External'), ('RECONCILED', 'Reconciled'), ('SYNCHRONISED', 'Synchronised'), ('OTHER', 'Other')], default='', help_text='Why it was closed.', max_length=13)),
                ('exit_provenance', models.CharField(blank=True, choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], default='', help_text='Where the exit price comes from.', max_length=19)),
                ('conditions_hash', models.CharField(blank=True, default='', help_text='SHA-256 of the market conditions of the last fill.', max_length=64)),
                ('closed_at', models.DateTimeField(blank=True, help_text='When the exit was stored: database clock, UTC.', null=True)),
                ('prices_checked_at', models.DateTimeField(blank=True, help_text='When its prices were held against the quotes around them, UTC.', null=True)),
            ],
            options={
                'db_table': 'real_trades',
                'ordering': ('-opened_at',),
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Recommendation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1)),
                ('context_hash', models.CharField(help_text='SHA-256 of the context that the engine says it used.', max_length=64)),
                ('action', models.CharField(choices=[('OPEN', 'Open'), ('DECLINE', 'Decline')], help_text='OPEN or DECLINE.', max_length=7)),
                ('strategy_version', models.CharField(help_text='As reported by the engine.', max_length=100)),
                ('rules_hash', models.CharField(help_text='SHA-256 of its rules, as reported by the engine.', max_length=64)),
                ('registered_rules_hash', models.CharField(blank=True, default='', help_text='What its heartbeat had registered when it answered.', max_length=64)),
                ('recommendation', models.TextField(help_text='JSON, exactly as sent.')),
                ('plan', kernel.fields.CanonicalJSONField(blank=True, help_text='What it would trade, said before it knew its role: legs, quantity, multiplier, currency, risk.', null=True)),
                ('request_hash', models.CharField(help_text='SHA-256 of what the request means; identifies a repeat.', max_length=64)),
                ('recommended_at', models.DateTimeField(help_text='Database clock, UTC.')),
                ('role', models.CharField(choices=[('REAL', 'Real'), ('SHADOW', 'Shadow')], help_text='Revealed after the recommendation was stored.', max_length=6)),
                ('role_reason', models.CharField(choices=[('HALTED', 'HALTED'), ('GUARDRAIL', 'GUARDRAIL'), ('CONFIGURED', 'CONFIGURED'), ('ENGINE_A_UNAVAILABLE', 'ENGINE_A_UNAVAILABLE'), ('LIVE_NOT_ENABLED', 'LIVE_NOT_ENABLED'), ('PAPER_DEFAULT', 'PAPER_DEFAULT'), ('ENGINE_B_UNAVAILABLE', 'ENGINE_B_UNAVAILABLE'), ('SPLIT', 'SPLIT')], help_text="The decision's reason, or HALTED.", max_length=24)),
                ('permit_expires_at', models.DateTimeField(blank=True, help_text='A real trade must be entered by this time, UTC.', null=True)),
            ],
            options={
                'db_table': 'recommendations',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='ShadowOutcome',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1)),
                ('entry_price', models.DecimalField(decimal_places=12, help_text='Price of the single leg, or net debit.', max_digits=28)),
                ('exit_price', models.DecimalField(blank=True, decimal_places=12, help_text='Price of the single leg, or net debit; blank if UNPRICED.', max_digits=28, null=True)),
                ('revision', models.PositiveSmallIntegerField(default=1, help_text='1, and one more each time an accepted amendment changed the result.')),
                ('withdrawn', models.BooleanField(default=False, help_text='The exit was busted: the trade is open again, and has no result for now.')),
                ('gross_pnl', models.DecimalField(blank=True, decimal_places=26, help_text='Before fees, over all fills; blank if UNPRICED.', max_digits=80, null=True)),
                ('pnl', models.DecimalField(blank=True, decimal_places=26, help_text='Net of the fees paid; blank if UNPRICED.', max_digits=80, null=True)),
                ('fees', models.DecimalField(decimal_places=20, help_text='Of all fills: as reported for a real trade, by schedule for a shadow; a rebate is negative.', max_digits=40)),
                ('scheduled_fees', models.DecimalField(decimal_places=20, help_text="By the policy's fee schedule, on all fills.", max_digits=40)),
                ('compared_pnl', models.DecimalField(blank=True, decimal_places=26, help_text="What the comparison takes: fills up to a roll, less the schedule's fees; blank if not comparable.", max_digits=80, null=True)),
                ('risk_amount', models.DecimalField(decimal_places=26, help_text='Capital at risk of the opening fills; 1 R.', max_digits=80)),
                ('currency', models.CharField(help_text='Of all amounts.', max_length=10)),
                ('exit_reason', models.CharField(choices=[('TAKE_PROFIT', 'Take Profit'), ('STOP_LOSS', 'Stop Loss'), ('TRAILING_STOP', 'Trailing Stop'), ('TIME_LIMIT', 'Time Limit'), ('SIGNAL', 'Signal'), ('EXPIRED', 'Expired'), ('EXERCISED', 'Exercised'), ('ASSIGNED', 'Assigned'), ('CASH_SETTLED', 'Cash Settled'), ('ROLLED', 'Rolled'), ('MANUAL', 'Manual'), ('FORCED', 'Forced'), ('EMERGENCY', 'Emergency'), ('LIQUIDATION', 'Liquidation'), ('EXTERNAL', 'External'), ('RECONCILED', 'Reconciled'), ('SYNCHRONISED', 'Synchronised'), ('OTHER', 'Other')], help_text='Why the trade was closed.', max_length=13)),
                ('price_provenance', models.CharField(choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], help_text='Where the exit price comes from.', max_length=19)),
                ('exit_time', models.DateTimeField(help_text='UTC.')),
                ('conditions_hash', models.CharField(blank=True, default='', help_text='SHA-256 of the market conditions.', max_length=64)),
                ('recorded_at', models.DateTimeField(help_text='Database clock, UTC.')),
            ],
            options={
                'db_table': 'shadow_outcomes',
                'ordering': ('-exit_time',),
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='TradeAmendment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='The engine that proposed it.', max_length=1)),
                ('kind', models.CharField(choices=[('CORRECT', 'Correct'), ('BUST', 'Bust')], help_text='CORRECT or BUST.', max_length=7)),
                ('fill_ref', models.CharField(help_text='The fill that it amends.', max_length=64)),
                ('values', kernel.fields.CanonicalJSONField(help_text="What the fill was in truth: legs, fees, or a contract's successor.")),
                ('reason', models.TextField(help_text="Why, in the engine's words.")),
                ('evidence', models.TextField(help_text="Where an operator can check it, such as the broker's notice.")),
                ('request_hash', models.CharField(help_text='SHA-256 of what the request means; identifies a repeat.', max_length=64)),
                ('proposed_at', models.DateTimeField(help_text='Database clock, UTC.')),
                ('state', models.CharField(choices=[('PROPOSED', 'Proposed'), ('ACCEPTED', 'Accepted'), ('REFUSED', 'Refused')], default='PROPOSED', help_text='PROPOSED until decided.', max_length=8)),
                ('decided_by', models.CharField(blank=True, default='', help_text='The operator who decided.', max_length=150)),
                ('decided_at', models.DateTimeField(blank=True, help_text='Database clock, UTC.', null=True)),
                ('decision_reason', models.TextField(blank=True, default='', help_text='Why it was accepted or refused.')),
            ],
            options={
                'db_table': 'trade_amendments',
                'ordering': ('-id',),
                'permissions': (('decide_tradeamendment', 'Can accept or refuse trade amendments'),),
            },
        ),
        migrations.CreateModel(
            name='TradeFill',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1)),
                ('number', models.PositiveSmallIntegerField(help_text='1 for the entry; the order in which fills were stored.')),
                ('fill_ref', models.CharField(help_text='The engine\'s own reference; "entry" and "exit" are reserved.', max_length=64)),
                ('revision', models.PositiveSmallIntegerField(default=1, help_text='1 as first reported, and one more with every amendment, or exit after a busted one.')),
                ('is_succession', models.BooleanField(default=False, help_text='Nothing was traded: a contract became another one, by a split or under a new name.')),
                ('time', models.DateTimeField(help_text="As reported, UTC; a synchronised fill has the real one's.")),
                ('legs', kernel.fields.CanonicalJSONField(help_text='Instrument, effect (OPEN or CLOSE), side of the position, quantity, price; the quote it came from.')),
                ('fees', models.DecimalField(decimal_places=20, help_text='As reported, negative for a rebate.', max_digits=40)),
                ('scheduled_fees', models.DecimalField(decimal_places=20, help_text='By the fee schedule of the pinned policy version.', max_digits=40)),
                ('reason', models.CharField(blank=True, choices=[('TAKE_PROFIT', 'Take Profit'), ('STOP_LOSS', 'Stop Loss'), ('TRAILING_STOP', 'Trailing Stop'), ('TIME_LIMIT', 'Time Limit'), ('SIGNAL', 'Signal'), ('EXPIRED', 'Expired'), ('EXERCISED', 'Exercised'), ('ASSIGNED', 'Assigned'), ('CASH_SETTLED', 'Cash Settled'), ('ROLLED', 'Rolled'), ('MANUAL', 'Manual'), ('FORCED', 'Forced'), ('EMERGENCY', 'Emergency'), ('LIQUIDATION', 'Liquidation'), ('EXTERNAL', 'External'), ('RECONCILED', 'Reconciled'), ('SYNCHRONISED', 'Synchronised'), ('OTHER', 'Other')], default='', help_text='Why it closed.', max_length=13)),
                ('price_provenance', models.CharField(choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], help_text='Where prices come from.', max_length=19)),
                ('market_conditions', kernel.fields.CanonicalJSONField(default=dict, help_text='As reported with it.')),
                ('conditions_hash', models.CharField(help_text='SHA-256 of the market conditions.', max_length=64)),
                ('reported_at', models.DateTimeField(help_text='When it arrived: database clock, UTC.')),
                ('request_hash', models.CharField(blank=True, default='', help_text="SHA-256 of what the request means; blank if a directive's.", max_length=64)),
            ],
            options={
                'db_table': 'trade_fills',
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='Violation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='The engine whose trade broke the rule.', max_length=1)),
                ('name', models.CharField(choices=[('CONTEXT_HASH_DIFFERS', 'Context Hash Differs'), ('RULES_HASH_DIFFERS', 'Rules Hash Differs'), ('ENTRY_BEFORE_RECOMMENDATION', 'Entry Before Recommendation'), ('LATE_REPORT', 'Late Report'), ('LATE_ENTRY', 'Late Entry'), ('NOT_PERMITTED', 'Not Permitted'), ('PLAN_DIFFERS', 'Plan Differs'), ('PRICE_NOT_IN_QUOTES', 'Price Not In Quotes'), ('SETTLEMENT_IMPOSSIBLE', 'Settlement Impossible'), ('CURRENCY_DIFFERS', 'Currency Differs'), ('EXIT_TIME_DIFFERS', 'Exit Time Differs'), ('CONDITIONS_HASH_DIFFERS', 'Conditions Hash Differs'), ('INSTRUMENT_DIFFERS', 'Instrument Differs'), ('PNL_DIFFERS', 'Pnl Differs')], help_text='The broken rule.', max_length=30)),
                ('detail', models.TextField(help_text='What was expected, and what was found.')),
                ('found_at', models.DateTimeField(help_text='Database clock, UTC.')),
            ],
            options={
                'verbose_name': 'pair violation',
                'db_table': 'pair_violations',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='EvaluationApproval',
            fields=[
                ('evaluation', models.OneToOneField(help_text='What was approved.', on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='approval', serialize=False, to='outcomes.evaluation')),
                ('content_hash', models.CharField(help_text='Of the content that was approved.', max_length=64)),
                ('approved_by', models.CharField(help_text='Never its author.', max_length=150)),
                ('approved_at', models.DateTimeField(help_text='Database clock, UTC.')),
            ],
            options={
                'db_table': 'evaluation_approvals',
            },
        ),
        migrations.CreateModel(
            name='EvaluationRun',
            fields=[
                ('evaluation', models.OneToOneField(help_text='What runs.', on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='run', serialize=False, to='outcomes.evaluation')),
                ('attempt', models.PositiveIntegerField(help_text='1 for the first evaluation that was ever started.', unique=True)),
                ('rules_hash_a', models.CharField(blank=True, help_text="Engine A's at the start; another ends it.", max_length=64)),
                ('rules_hash_b', models.CharField(blank=True, help_text="Engine B's at the start; another ends it.", max_length=64)),
                ('history_blocks', models.PositiveIntegerField(help_text='Earlier blocks that the worst block was held against.')),
                ('least_worst_block', models.DecimalField(blank=True, decimal_places=12, help_text='What limits and history asked for; blank if nothing told it.', max_digits=24, null=True)),
                ('started_by', models.CharField(help_text='Who started it.', max_length=150)),
                ('started_at', models.DateTimeField(help_text='Database clock, UTC.')),
                ('begins_at', models.DateTimeField(help_text='Signals that arrive after it take part, UTC.')),
                ('starts_on', models.DateField(help_text='First day of the first block, New York.')),
                ('state', models.CharField(choices=[('RUNNING', 'Running'), ('ENDED_BY_CHANGE', 'Ended By Change'), ('FINISHED', 'Finished')], default='RUNNING', help_text='Until it ends.', max_length=15)),
                ('ended_at', models.DateTimeField(blank=True, help_text='When it ended, UTC; blank while it runs.', null=True)),
                ('ended_because', models.TextField(blank=True, default='', help_text='What changed, or who finished it and why.')),
                ('concluded_at', models.DateTimeField(blank=True, help_text='When the last of its blocks was judged, UTC: nothing is added any more.', null=True)),
            ],
            options={
                'db_table': 'evaluation_runs',
                'ordering': ('-attempt',),
            },
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.CheckConstraint(condition=models.Q(('clock__in', ('WALL', 'EVENT'))), name='evaluations_clock_known'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.CheckConstraint(condition=models.Q(('metric__in', ('R', 'CURRENCY'))), name='evaluations_metric_known'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.CheckConstraint(condition=models.Q(('estimand__in', ('SYNCHRONISED', 'OWN_EXIT'))), name='evaluations_estimand_known'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.CheckConstraint(condition=models.Q(('prices__in', ('NEUTRAL', 'ENGINES'))), name='evaluations_prices_known'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.CheckConstraint(condition=models.Q(('block_days__gte', django.db.models.expressions.CombinedExpression(models.Value(2), '*', models.F('max_hold_days'))), ('block_days__range', (1, 91))), name='evaluations_blocks_outlast_the_holds'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.CheckConstraint(condition=models.Q(('horizon_blocks__gte', 1), ('margin__gte', 0), ('worst_block__gt', 0)), name='evaluations_amounts_possible'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.CheckConstraint(condition=models.Q(('clock', 'WALL'), ('starts_at__isnull', False), _connector='OR'), name='evaluations_event_has_a_start'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('note', ''), _negated=True), models.Q(('name', ''), _negated=True)), name='evaluations_have_a_note'),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.CheckConstraint(condition=models.Q(('content_hash__regex', '^[0-9a-f]{64}$')), name='evaluations_content_hash_is_sha256'),
        ),
        migrations.AddField(
            model_name='evaluationblock',
            name='evaluation',
            field=models.ForeignKey(help_text='Whose block it is.', on_delete=django.db.models.deletion.PROTECT, related_name='blocks', to='outcomes.evaluation'),
        ),
        migrations.AddField(
            model_name='exitdirective',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='exit_directives', to='experiments.experiment'),
        ),
        migrations.AddField(
            model_name='incident',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to='experiments.experiment'),
        ),
        migrations.CreateModel(
            name='OwnExit',
            fields=[
                ('trade', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='own_exit', serialize=False, to='outcomes.shadowtrade')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1)),
                ('exit_time', models.DateTimeField(help_text='As reported, UTC.')),
                ('exit_reason', models.CharField(choices=[('TAKE_PROFIT', 'Take Profit'), ('STOP_LOSS', 'Stop Loss'), ('TRAILING_STOP', 'Trailing Stop'), ('TIME_LIMIT', 'Time Limit'), ('SIGNAL', 'Signal'), ('EXPIRED', 'Expired'), ('EXERCISED', 'Exercised'), ('ASSIGNED', 'Assigned'), ('CASH_SETTLED', 'Cash Settled'), ('ROLLED', 'Rolled'), ('MANUAL', 'Manual'), ('FORCED', 'Forced'), ('EMERGENCY', 'Emergency'), ('LIQUIDATION', 'Liquidation'), ('EXTERNAL', 'External'), ('RECONCILED', 'Reconciled'), ('SYNCHRONISED', 'Synchronised'), ('OTHER', 'Other')], help_text='Why it leaves.', max_length=13)),
                ('market_conditions', kernel.fields.CanonicalJSONField(help_text='As reported: quotes, settlements, and anything else seen.')),
                ('conditions_hash', models.CharField(help_text='SHA-256 of the market conditions.', max_length=64)),
                ('claimed_provenance', models.CharField(choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], help_text='Where the engine says its prices come from.', max_length=19)),
                ('legs', kernel.fields.CanonicalJSONField(blank=True, help_text='Executions over the whole opened quantity, with the quotes they came from.', null=True)),
                ('price_provenance', models.CharField(blank=True, choices=[('BROKER_FILL', 'BROKER_FILL'), ('NEUTRAL_QUOTE', 'NEUTRAL_QUOTE'), ('SAME_SNAPSHOT_QUOTE', 'SAME_SNAPSHOT_QUOTE'), ('OWN_FEED_QUOTE', 'OWN_FEED_QUOTE'), ('MODEL', 'MODEL'), ('SETTLEMENT', 'SETTLEMENT'), ('UNPRICED', 'UNPRICED')], default='', help_text='Blank until it is priced.', max_length=19)),
                ('fees', models.DecimalField(blank=True, decimal_places=20, help_text='By schedule, entry and exit.', max_digits=40, null=True)),
                ('pnl', models.DecimalField(blank=True, decimal_places=26, help_text='Net of fees; blank unless priced.', max_digits=80, null=True)),
                ('violations', kernel.fields.CanonicalJSONField(default=list, help_text='Rules that it breaks, by name.')),
                ('state', models.CharField(choices=[('PENDING', 'Pending'), ('DONE', 'Done'), ('UNPRICED', 'Unpriced')], default='PENDING', help_text='PENDING until priced.', max_length=8)),
                ('reported_at', models.DateTimeField(help_text='When it arrived: database clock, UTC.')),
                ('due_at', models.DateTimeField(help_text='From then on it is priced: neutral quotes had time to arrive; UTC.')),
                ('priced_at', models.DateTimeField(blank=True, help_text='When it left PENDING, UTC.', null=True)),
                ('request_hash', models.CharField(help_text='SHA-256 of what the request means.', max_length=64)),
            ],
            options={
                'db_table': 'own_exits',
                'ordering': ('-reported_at',),
            },
        ),
        migrations.AddField(
            model_name='shadowtrade',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)ss', to='experiments.experiment'),
        ),
        migrations.AddField(
            model_name='exitdirective',
            name='shadow_trade',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='exit_directives', to='outcomes.shadowtrade'),
        ),
        migrations.AddConstraint(
            model_name='permit',
            constraint=models.CheckConstraint(condition=models.Q(('confirmed_at__isnull', True), models.Q(('confirmed_at__gte', models.F('revealed_at')), ('confirmed_at__lte', models.F('expires_at'))), _connector='OR'), name='permits_confirmed_while_in_force'),
        ),
        migrations.AddConstraint(
            model_name='quote',
            constraint=models.UniqueConstraint(fields=('instrument', 'quote_time', 'source'), name='quotes_one_per_instrument_instant_and_source'),
        ),
        migrations.AddConstraint(
            model_name='quote',
            constraint=models.CheckConstraint(condition=models.Q(('ask__gte', 0), ('bid__gte', 0), models.Q(('ask', 0), ('bid__lte', models.F('ask')), _connector='OR')), name='quotes_not_negative_or_crossed'),
        ),
        migrations.AddField(
            model_name='realoutcome',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)ss', to='experiments.experiment'),
        ),
        migrations.AddField(
            model_name='realtrade',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)ss', to='experiments.experiment'),
        ),
        migrations.AddField(
            model_name='realoutcome',
            name='trade',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='outcomes', to='outcomes.realtrade'),
        ),
        migrations.AddField(
            model_name='exitdirective',
            name='real_trade',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='exit_directives', to='outcomes.realtrade'),
        ),
        migrations.AddField(
            model_name='recommendation',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recommendations', to='experiments.experiment'),
        ),
        migrations.AddField(
            model_name='shadowoutcome',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)ss', to='experiments.experiment'),
        ),
        migrations.AddField(
            model_name='shadowoutcome',
            name='trade',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='outcomes', to='outcomes.shadowtrade'),
        ),
        migrations.AddField(
            model_name='tradeamendment',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='amendments', to='experiments.experiment'),
        ),
        migrations.AddField(
            model_name='tradeamendment',
            name='real_trade',
            field=models.ForeignKey(blank=True, help_text="Blank: a shadow's.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='amendments', to='outcomes.realtrade'),
        ),
        migrations.AddField(
            model_name='tradeamendment',
            name='shadow_trade',
            field=models.ForeignKey(blank=True, help_text="Blank: a real trade's.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='amendments', to='outcomes.shadowtrade'),
        ),
        migrations.AddField(
            model_name='tradefill',
            name='amendment',
            field=models.OneToOneField(blank=True, help_text='The accepted amendment that it comes from.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='fill', to='outcomes.tradeamendment'),
        ),
        migrations.AddField(
            model_name='tradefill',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='fills', to='experiments.experiment'),
        ),
        migrations.AddField(
            model_name='tradefill',
            name='real_trade',
            field=models.ForeignKey(blank=True, help_text="Blank: a shadow's.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='fills', to='outcomes.realtrade'),
        ),
        migrations.AddField(
            model_name='tradefill',
            name='shadow_trade',
            field=models.ForeignKey(blank=True, help_text="Blank: a real trade's.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='fills', to='outcomes.shadowtrade'),
        ),
        migrations.AddField(
            model_name='exitdirective',
            name='real_fill',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='exit_directive', to='outcomes.tradefill'),
        ),
        migrations.AddField(
            model_name='violation',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='violations', to='experiments.experiment'),
        ),
        migrations.AddField(
            model_name='evaluationrun',
            name='policy_version',
            field=models.ForeignKey(db_column='policy_version', help_text="The phase's; a later ends it.", on_delete=django.db.models.deletion.PROTECT, to='policies.policyversion'),
        ),
        migrations.AddConstraint(
            model_name='evaluationblock',
            constraint=models.UniqueConstraint(fields=('evaluation', 'number', 'revision'), name='evaluation_blocks_once'),
        ),
        migrations.AddConstraint(
            model_name='evaluationblock',
            constraint=models.CheckConstraint(condition=models.Q(('last_day__gte', models.F('first_day')), ('m__gt', 0), ('n__gte', 1), ('number__gte', 1), ('x_low__lte', models.F('x_high'))), name='evaluation_blocks_sums_possible'),
        ),
        migrations.AddConstraint(
            model_name='evaluationblock',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('judgement__isnull', False), ('revision', 1)), models.Q(('judgement__isnull', True), ('revision__gt', 1)), _connector='OR'), name='evaluation_blocks_only_the_first_is_judged'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['double_execution_prevented', 'conflicting_report', 'unbookable_report', 'recommendation_missing'])), name='incidents_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('engine__in', ['A', 'B'])), name='incidents_engine_known'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(fields=('experiment', 'engine', 'kind', 'report_hash'), name='incidents_once_per_report'),
        ),
        migrations.AddField(
            model_name='ownexit',
            name='experiment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='own_exits', to='experiments.experiment'),
        ),
        migrations.AddIndex(
            model_name='shadowtrade',
            index=models.Index(condition=models.Q(('status__in', ('OPENING', 'OPEN'))), fields=['-opened_at'], name='shadowtrade_open'),
        ),
        migrations.AddIndex(
            model_name='shadowtrade',
            index=models.Index(condition=models.Q(('exit_reason', 'SYNCHRONISED')), fields=['opened_at'], name='shadow_trades_synchronised'),
        ),
        migrations.AddConstraint(
            model_name='shadowtrade',
            constraint=models.CheckConstraint(condition=models.Q(('engine__in', ['A', 'B'])), name='shadowtrade_engine_known'),
        ),
        migrations.AddConstraint(
            model_name='shadowtrade',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['OPENING', 'OPEN', 'CLOSED', 'UNPRICED'])), name='shadowtrade_status_known'),
        ),
        migrations.AddConstraint(
            model_name='shadowtrade',
            constraint=models.CheckConstraint(condition=models.Q(('multiplier__gt', 0), ('quantity__gt', 0)), name='shadowtrade_quantity_positive'),
        ),
        migrations.AddConstraint(
            model_name='shadowtrade',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('entry_due_at__isnull', False), ('entry_price__isnull', True), ('status', 'OPENING')), models.Q(models.Q(('status', 'OPENING'), _negated=True), ('entry_price__isnull', False)), _connector='OR'), name='shadowtrade_opening_is_unpriced'),
        ),
        migrations.AddConstraint(
            model_name='shadowtrade',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('exit_price__isnull', True), ('exit_time__isnull', True), ('status__in', ('OPENING', 'OPEN')), ('exit_reason', '')), models.Q(('exit_price__isnull', False), ('exit_time__isnull', False), ('status', 'CLOSED'), models.Q(('exit_reason', ''), _negated=True), models.Q(('exit_provenance', ''), _negated=True)), models.Q(('exit_price__isnull', True), ('exit_time__isnull', False), ('status', 'UNPRICED')), _connector='OR'), name='shadowtrade_exit_complete'),
        ),
        migrations.AddConstraint(
            model_name='shadowtrade',
            constraint=models.UniqueConstraint(fields=('experiment', 'engine'), name='shadow_trades_one_per_engine'),
        ),
        migrations.AddConstraint(
            model_name='shadowtrade',
            constraint=models.CheckConstraint(condition=models.Q(('exit_time__isnull', True), ('exit_time__gte', models.F('entry_time')), ('status', 'UNPRICED'), _connector='OR'), name='shadow_trades_exit_not_before_entry'),
        ),
        migrations.AddIndex(
            model_name='realtrade',
            index=models.Index(condition=models.Q(('status__in', ('OPENING', 'OPEN'))), fields=['-opened_at'], name='realtrade_open'),
        ),
        migrations.AddIndex(
            model_name='realtrade',
            index=models.Index(condition=models.Q(('closed_at__isnull', False), ('prices_checked_at__isnull', True)), fields=['closed_at'], name='real_trades_unchecked'),
        ),
        migrations.AddConstraint(
            model_name='realtrade',
            constraint=models.CheckConstraint(condition=models.Q(('engine__in', ['A', 'B'])), name='realtrade_engine_known'),
        ),
        migrations.AddConstraint(
            model_name='realtrade',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['OPENING', 'OPEN', 'CLOSED', 'UNPRICED'])), name='realtrade_status_known'),
        ),
        migrations.AddConstraint(
            model_name='realtrade',
            constraint=models.CheckConstraint(condition=models.Q(('multiplier__gt', 0), ('quantity__gt', 0)), name='realtrade_quantity_positive'),
        ),
        migrations.AddConstraint(
            model_name='realtrade',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('entry_due_at__isnull', False), ('entry_price__isnull', True), ('status', 'OPENING')), models.Q(models.Q(('status', 'OPENING'), _negated=True), ('entry_price__isnull', False)), _connector='OR'), name='realtrade_opening_is_unpriced'),
        ),
        migrations.AddConstraint(
            model_name='realtrade',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('exit_price__isnull', True), ('exit_time__isnull', True), ('status__in', ('OPENING', 'OPEN')), ('exit_reason', '')), models.Q(('exit_price__isnull', False), ('exit_time__isnull', False), ('status', 'CLOSED'), models.Q(('exit_reason', ''), _negated=True), models.Q(('exit_provenance', ''), _negated=True)), models.Q(('exit_price__isnull', True), ('exit_time__isnull', False), ('status', 'UNPRICED')), _connector='OR'), name='realtrade_exit_complete'),
        ),
        migrations.AddConstraint(
            model_name='realtrade',
            constraint=models.UniqueConstraint(fields=('experiment',), name='real_trades_one_per_experiment'),
        ),
        migrations.AddIndex(
            model_name='realoutcome',
            index=models.Index(fields=['exit_time', 'experiment'], name='realoutcome_exit_time'),
        ),
        migrations.AddIndex(
            model_name='realoutcome',
            index=models.Index(condition=models.Q(('revision__gt', 1)), fields=['trade', 'revision'], name='realoutcome_revised'),
        ),
        migrations.AddConstraint(
            model_name='realoutcome',
            constraint=models.UniqueConstraint(fields=('trade', 'revision'), name='realoutcome_one_per_revision'),
        ),
        migrations.AddConstraint(
            model_name='realoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('revision__gte', 1)), name='realoutcome_revision_positive'),
        ),
        migrations.AddConstraint(
            model_name='realoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('withdrawn', False), models.Q(('price_provenance', 'UNPRICED'), ('revision__gt', 1)), _connector='OR'), name='realoutcome_withdrawn_has_no_pnl'),
        ),
        migrations.AddConstraint(
            model_name='realoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('engine__in', ['A', 'B'])), name='realoutcome_engine_known'),
        ),
        migrations.AddConstraint(
            model_name='realoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('exit_reason__in', ['TAKE_PROFIT', 'STOP_LOSS', 'TRAILING_STOP', 'TIME_LIMIT', 'SIGNAL', 'EXPIRED', 'EXERCISED', 'ASSIGNED', 'CASH_SETTLED', 'ROLLED', 'MANUAL', 'FORCED', 'EMERGENCY', 'LIQUIDATION', 'EXTERNAL', 'RECONCILED', 'SYNCHRONISED', 'OTHER'])), name='realoutcome_reason_known'),
        ),
        migrations.AddConstraint(
            model_name='realoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('price_provenance__in', ['BROKER_FILL', 'NEUTRAL_QUOTE', 'SAME_SNAPSHOT_QUOTE', 'OWN_FEED_QUOTE', 'MODEL', 'SETTLEMENT', 'UNPRICED'])), name='realoutcome_provenance_known'),
        ),
        migrations.AddConstraint(
            model_name='realoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('pnl__isnull', True), ('pnl', django.db.models.expressions.CombinedExpression(models.F('gross_pnl'), '-', models.F('fees'))), _connector='OR'), name='realoutcome_pnl_is_gross_less_fees'),
        ),
        migrations.AddConstraint(
            model_name='realoutcome',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('gross_pnl__isnull', True), ('pnl__isnull', True), ('price_provenance', 'UNPRICED'), ('compared_pnl__isnull', True), ('exit_price__isnull', True)), models.Q(models.Q(('price_provenance', 'UNPRICED'), _negated=True), ('gross_pnl__isnull', False), ('pnl__isnull', False), ('exit_price__isnull', False)), _connector='OR'), name='realoutcome_unpriced_has_no_pnl'),
        ),
        migrations.AddIndex(
            model_name='recommendation',
            index=models.Index(condition=models.Q(('action', 'OPEN')), fields=['recommended_at'], name='recommendations_to_open'),
        ),
        migrations.AddConstraint(
            model_name='recommendation',
            constraint=models.UniqueConstraint(fields=('experiment', 'engine'), name='recommendations_one_per_engine'),
        ),
        migrations.AddConstraint(
            model_name='recommendation',
            constraint=models.UniqueConstraint(fields=('experiment', 'engine', 'role'), name='recommendations_experiment_engine_role'),
        ),
        migrations.AddConstraint(
            model_name='recommendation',
            constraint=models.CheckConstraint(condition=models.Q(('engine__in', ['A', 'B'])), name='recommendations_engine_known'),
        ),
        migrations.AddConstraint(
            model_name='recommendation',
            constraint=models.CheckConstraint(condition=models.Q(('action__in', ['OPEN', 'DECLINE'])), name='recommendations_action_known'),
        ),
        migrations.AddConstraint(
            model_name='recommendation',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['REAL', 'SHADOW'])), name='recommendations_role_known'),
        ),
        migrations.AddConstraint(
            model_name='recommendation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('action', 'OPEN'), ('plan__isnull', False)), models.Q(('action', 'DECLINE'), ('plan__isnull', True)), _connector='OR'), name='recommendations_openings_have_a_plan'),
        ),
        migrations.AddConstraint(
            model_name='recommendation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('action', 'OPEN'), ('permit_expires_at__isnull', False), ('role', 'REAL')), models.Q(models.Q(('action', 'OPEN'), ('role', 'REAL'), _negated=True), ('permit_expires_at__isnull', True)), _connector='OR'), name='recommendations_permit_for_real_openings_only'),
        ),
        migrations.AddIndex(
            model_name='shadowoutcome',
            index=models.Index(fields=['exit_time', 'experiment'], name='shadowoutcome_exit_time'),
        ),
        migrations.AddIndex(
            model_name='shadowoutcome',
            index=models.Index(condition=models.Q(('revision__gt', 1)), fields=['trade', 'revision'], name='shadowoutcome_revised'),
        ),
        migrations.AddConstraint(
            model_name='shadowoutcome',
            constraint=models.UniqueConstraint(fields=('trade', 'revision'), name='shadowoutcome_one_per_revision'),
        ),
        migrations.AddConstraint(
            model_name='shadowoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('revision__gte', 1)), name='shadowoutcome_revision_positive'),
        ),
        migrations.AddConstraint(
            model_name='shadowoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('withdrawn', False), models.Q(('price_provenance', 'UNPRICED'), ('revision__gt', 1)), _connector='OR'), name='shadowoutcome_withdrawn_has_no_pnl'),
        ),
        migrations.AddConstraint(
            model_name='shadowoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('engine__in', ['A', 'B'])), name='shadowoutcome_engine_known'),
        ),
        migrations.AddConstraint(
            model_name='shadowoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('exit_reason__in', ['TAKE_PROFIT', 'STOP_LOSS', 'TRAILING_STOP', 'TIME_LIMIT', 'SIGNAL', 'EXPIRED', 'EXERCISED', 'ASSIGNED', 'CASH_SETTLED', 'ROLLED', 'MANUAL', 'FORCED', 'EMERGENCY', 'LIQUIDATION', 'EXTERNAL', 'RECONCILED', 'SYNCHRONISED', 'OTHER'])), name='shadowoutcome_reason_known'),
        ),
        migrations.AddConstraint(
            model_name='shadowoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('price_provenance__in', ['BROKER_FILL', 'NEUTRAL_QUOTE', 'SAME_SNAPSHOT_QUOTE', 'OWN_FEED_QUOTE', 'MODEL', 'SETTLEMENT', 'UNPRICED'])), name='shadowoutcome_provenance_known'),
        ),
        migrations.AddConstraint(
            model_name='shadowoutcome',
            constraint=models.CheckConstraint(condition=models.Q(('pnl__isnull', True), ('pnl', django.db.models.expressions.CombinedExpression(models.F('gross_pnl'), '-', models.F('fees'))), _connector='OR'), name='shadowoutcome_pnl_is_gross_less_fees'),
        ),
        migrations.AddConstraint(
            model_name='shadowoutcome',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('gross_pnl__isnull', True), ('pnl__isnull', True), ('price_provenance', 'UNPRICED'), ('compared_pnl__isnull', True), ('exit_price__isnull', True)), models.Q(models.Q(('price_provenance', 'UNPRICED'), _negated=True), ('gross_pnl__isnull', False), ('pnl__isnull', False), ('exit_price__isnull', False)), _connector='OR'), name='shadowoutcome_unpriced_has_no_pnl'),
        ),
        migrations.AddIndex(
            model_name='tradeamendment',
            index=models.Index(condition=models.Q(('state', 'PROPOSED')), fields=['id'], name='trade_amendments_open'),
        ),
        migrations.AddConstraint(
            model_name='tradeamendment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('real_trade__isnull', False), ('shadow_trade__isnull', True)), models.Q(('real_trade__isnull', True), ('shadow_trade__isnull', False)), _connector='OR'), name='trade_amendments_of_one_trade'),
        ),
        migrations.AddConstraint(
            model_name='tradeamendment',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['CORRECT', 'BUST'])), name='trade_amendments_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='tradeamendment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by', ''), ('decision_reason', ''), ('state', 'PROPOSED')), models.Q(('decided_at__isnull', False), ('state__in', ('ACCEPTED', 'REFUSED')), models.Q(('decided_by', ''), _negated=True), models.Q(('decision_reason', ''), _negated=True)), _connector='OR'), name='trade_amendments_decided_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='tradeamendment',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'PROPOSED')), fields=('real_trade', 'fill_ref'), name='trade_amendments_real_one_open'),
        ),
        migrations.AddConstraint(
            model_name='tradeamendment',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'PROPOSED')), fields=('shadow_trade', 'fill_ref'), name='trade_amendments_shadow_one_open'),
        ),
        migrations.AddIndex(
            model_name='tradefill',
            index=models.Index(condition=models.Q(('revision__gt', 1)), fields=['fill_ref'], name='trade_fills_revised'),
        ),
        migrations.AddConstraint(
            model_name='tradefill',
            constraint=models.UniqueConstraint(fields=('real_trade', 'fill_ref', 'revision'), name='trade_fills_real_ref'),
        ),
        migrations.AddConstraint(
            model_name='tradefill',
            constraint=models.UniqueConstraint(fields=('shadow_trade', 'fill_ref', 'revision'), name='trade_fills_shadow_ref'),
        ),
        migrations.AddConstraint(
            model_name='tradefill',
            constraint=models.UniqueConstraint(fields=('real_trade', 'number', 'revision'), name='trade_fills_real_number'),
        ),
        migrations.AddConstraint(
            model_name='tradefill',
            constraint=models.UniqueConstraint(fields=('shadow_trade', 'number', 'revision'), name='trade_fills_shadow_number'),
        ),
        migrations.AddConstraint(
            model_name='tradefill',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('real_trade__isnull', False), ('shadow_trade__isnull', True)), models.Q(('real_trade__isnull', True), ('shadow_trade__isnull', False)), _connector='OR'), name='trade_fills_of_one_trade'),
        ),
        migrations.AddConstraint(
            model_name='tradefill',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1), ('revision__gte', 1)), name='trade_fills_number_positive'),
        ),
        migrations.AddConstraint(
            model_name='tradefill',
            constraint=models.CheckConstraint(condition=models.Q(('is_succession', False), ('amendment__isnull', False), _connector='OR'), name='trade_fills_succession_is_an_amendment'),
        ),
        migrations.AddConstraint(
            model_name='tradefill',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('fill_ref', 'entry'), ('number', 1)), models.Q(models.Q(('number', 1), _negated=True), models.Q(('fill_ref', 'entry'), _negated=True)), _connector='OR'), name='trade_fills_first_is_the_entry'),
        ),
        migrations.AddIndex(
            model_name='exitdirective',
            index=models.Index(condition=models.Q(('state', 'PENDING')), fields=['shadow_engine', 'id'], name='exit_directives_pending'),
        ),
        migrations.AddConstraint(
            model_name='exitdirective',
            constraint=models.UniqueConstraint(fields=('experiment', 'number'), name='exit_directives_number'),
        ),
        migrations.AddConstraint(
            model_name='exitdirective',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['PENDING', 'DONE', 'ALREADY_CLOSED', 'NO_SHADOW', 'UNPRICED'])), name='exit_directives_state_known'),
        ),
        migrations.AddConstraint(
            model_name='exitdirective',
            constraint=models.CheckConstraint(condition=models.Q(('closed_quantity__gt', 0), ('open_quantity__gte', models.F('closed_quantity'))), name='exit_directives_share_possible'),
        ),
        migrations.AddConstraint(
            model_name='exitdirective',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('settled_at__isnull', True), ('state', 'PENDING')), models.Q(models.Q(('state', 'PENDING'), _negated=True), ('settled_at__isnull', False)), _connector='OR'), name='exit_directives_settled_has_time'),
        ),
        migrations.AddConstraint(
            model_name='violation',
            constraint=models.UniqueConstraint(fields=('experiment', 'engine', 'name'), name='pair_violations_once_per_name'),
        ),
        migrations.AddConstraint(
            model_name='violation',
            constraint=models.CheckConstraint(condition=models.Q(('name__in', ['CONTEXT_HASH_DIFFERS', 'RULES_HASH_DIFFERS', 'ENTRY_BEFORE_RECOMMENDATION', 'LATE_REPORT', 'LATE_ENTRY', 'NOT_PERMITTED', 'PLAN_DIFFERS', 'PRICE_NOT_IN_QUOTES', 'SETTLEMENT_IMPOSSIBLE', 'CURRENCY_DIFFERS', 'EXIT_TIME_DIFFERS', 'CONDITIONS_HASH_DIFFERS', 'INSTRUMENT_DIFFERS', 'PNL_DIFFERS'])), name='pair_violations_name_known'),
        ),
        migrations.AddConstraint(
            model_name='evaluationrun',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'RUNNING')), fields=('state',), name='evaluation_runs_one_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='evaluationrun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('concluded_at__isnull', True), ('ended_at__isnull', True), ('ended_because', ''), ('state', 'RUNNING')), models.Q(('ended_at__isnull', False), ('state__in', ('ENDED_BY_CHANGE', 'FINISHED')), models.Q(('ended_because', ''), _negated=True)), _connector='OR'), name='evaluation_runs_ended_has_time_and_reason'),
        ),
        migrations.AddIndex(
            model_name='ownexit',
            index=models.Index(condition=models.Q(('state', 'PENDING')), fields=['due_at'], name='own_exits_pending'),
        ),
        migrations.AddConstraint(
            model_name='ownexit',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['PENDING', 'DONE', 'UNPRICED'])), name='own_exits_state_known'),
        ),
        migrations.AddConstraint(
            model_name='ownexit',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('legs__isnull', False), ('pnl__isnull', False), ('priced_at__isnull', False), ('state', 'DONE')), models.Q(('pnl__isnull', True), ('priced_at__isnull', True), ('state', 'PENDING')), models.Q(('pnl__isnull', True), ('priced_at__isnull', False), ('state', 'UNPRICED')), _connector='OR'), name='own_exits_priced_has_pnl'),
        ),
    ]
