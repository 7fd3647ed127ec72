import django.contrib.postgres.fields
import django.db.models.deletion
import kernel.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('policies', '0001_initial'),
        ('signals_app', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Experiment',
            fields=[
                ('experiment_id', models.UUIDField(help_text='UUIDv5 of signal id and signal hash.', primary_key=True, serialize=False)),
                ('signal_hash', models.CharField(help_text='Hash of the signal.', max_length=64)),
                ('variant', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A if the bucket is below the split, otherwise B.', max_length=1)),
                ('assignment_hash', models.CharField(help_text='SHA-256 of the signal id, the signal hash and the assignment key.', max_length=64)),
                ('assignment_key_id', models.CharField(help_text='Identifies the assignment key without revealing it.', max_length=16)),
                ('bucket', models.PositiveSmallIntegerField(help_text='0 to 9999, from the first 48 bits of the assignment hash.')),
                ('split_percentage', models.DecimalField(decimal_places=2, help_text='Split of the policy version that decided.', max_digits=5)),
                ('created_at', models.DateTimeField(help_text='UTC.')),
                ('policy_version', models.ForeignKey(db_column='policy_version', help_text='Policy version that decided.', on_delete=django.db.models.deletion.PROTECT, to='policies.policyversion')),
                ('signal', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='experiment', to='signals_app.signal')),
            ],
            options={
                'db_table': 'experiments',
                'ordering': ('-created_at',),
            },
        ),
        migrations.CreateModel(
            name='ReplayRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('started_at', models.DateTimeField(help_text='By the database clock, UTC.')),
                ('seconds', models.DecimalField(decimal_places=3, help_text='Duration in seconds.', max_digits=12)),
                ('selection', models.JSONField(default=dict, help_text='Filters of the run. Empty for everything.')),
                ('verified', models.PositiveBigIntegerField(help_text='Number of experiments verified.')),
                ('differences', models.PositiveBigIntegerField(help_text='Number of stored values that do not match their inputs.')),
                ('first_differences', models.JSONField(default=list, help_text='The first differences found.')),
                ('run_by', models.CharField(help_text='User name, or the user of the command line.', max_length=150)),
            ],
            options={
                'db_table': 'replay_runs',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='WorkerBatch',
            fields=[
                ('token', models.UUIDField(primary_key=True, serialize=False)),
                ('signal_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ('backend_pid', models.IntegerField(help_text="Process id of the worker's database session.")),
                ('backend_started_at', models.DateTimeField(help_text='Start of that session; process ids are reused.')),
                ('started_at', models.DateTimeField(help_text='UTC.')),
            ],
            options={
                'db_table': 'worker_batches',
            },
        ),
        migrations.CreateModel(
            name='WorkerHeartbeat',
            fields=[
                ('cluster', models.CharField(help_text='Host and process id of the cluster.', max_length=100, primary_key=True, serialize=False)),
                ('heartbeat_at', models.DateTimeField(help_text='By the database clock, UTC.')),
            ],
            options={
                'db_table': 'worker_heartbeats',
                'ordering': ('-heartbeat_at',),
            },
        ),
        migrations.CreateModel(
            name='SignalDistribution',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('engine', models.CharField(choices=[('A', 'A'), ('B', 'B')], help_text='A or B.', max_length=1)),
                ('context_hash', models.CharField(help_text='Hash of the market context, the same for both engines (R1.5).', max_length=64)),
                ('distributed_at', models.DateTimeField(help_text='UTC.')),
                ('lease_token', models.UUIDField(blank=True, help_text='Token of the claim that holds the lease.', null=True)),
                ('lease_expires_at', models.DateTimeField(blank=True, help_text='When others can claim the experiment again, UTC.', null=True)),
                ('answered_at', models.DateTimeField(blank=True, help_text='When the engine recommended or declined, UTC.', null=True)),
                ('experiment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='distributions', to='experiments.experiment')),
            ],
            options={
                'db_table': 'signal_distributions',
                'ordering': ('-distributed_at',),
            },
        ),
        migrations.CreateModel(
            name='ExecutionDecision',
            fields=[
                ('experiment', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='decision', serialize=False, to='experiments.experiment')),
                ('execution_mode', models.CharField(choices=[('SHADOW_ONLY', 'Shadow Only'), ('ENGINE_A_PRIMARY', 'Engine A Primary'), ('ENGINE_B_PRIMARY', 'Engine B Primary'), ('SPLIT_CAPITAL', 'Split Capital')], help_text='Mode in which the experiment is executed.', max_length=16)),
                ('executed_engine', models.CharField(blank=True, choices=[('A', 'A'), ('B', 'B')], help_text='Engine that trades for real. Blank if neither does.', max_length=1, null=True)),
                ('shadow_engine', models.CharField(choices=[('A', 'A'), ('B', 'B'), ('BOTH', 'Both')], help_text='Engine that must shadow the trade.', max_length=4)),
                ('reason', models.CharField(choices=[('HALTED', 'HALTED'), ('GUARDRAIL', 'GUARDRAIL'), ('CONFIGURED', 'CONFIGURED'), ('ENGINE_A_UNAVAILABLE', 'ENGINE_A_UNAVAILABLE'), ('LIVE_NOT_ENABLED', 'LIVE_NOT_ENABLED'), ('PAPER_DEFAULT', 'PAPER_DEFAULT'), ('ENGINE_B_UNAVAILABLE', 'ENGINE_B_UNAVAILABLE'), ('SPLIT', 'SPLIT')], help_text='Rule that decided.', max_length=24)),
                ('rules_version', models.PositiveSmallIntegerField(help_text='Version of the rules that were applied.')),
                ('inputs', kernel.fields.CanonicalJSONField(help_text='Everything the rules depend on.')),
                ('decision_hash', models.CharField(help_text='SHA-256 of the inputs, the decision and the rules version.', max_length=64)),
                ('decided_at', models.DateTimeField(help_text='UTC.')),
                ('policy_version', models.ForeignKey(db_column='policy_version', help_text='Policy version that decided.', on_delete=django.db.models.deletion.PROTECT, to='policies.policyversion')),
            ],
            options={
                'verbose_name': 'execution decision',
                'db_table': 'execution_policy',
                'ordering': ('-decided_at',),
            },
        ),
        migrations.AddIndex(
            model_name='experiment',
            index=models.Index(fields=['-created_at', 'experiment_id'], name='experiments_created'),
        ),
        migrations.AddConstraint(
            model_name='experiment',
            constraint=models.CheckConstraint(condition=models.Q(('variant__in', ['A', 'B'])), name='experiments_variant_known'),
        ),
        migrations.AddConstraint(
            model_name='experiment',
            constraint=models.CheckConstraint(condition=models.Q(('assignment_hash__regex', '^[0-9a-f]{64}$')), name='experiments_assignment_hash_is_sha256'),
        ),
        migrations.AddConstraint(
            model_name='experiment',
            constraint=models.CheckConstraint(condition=models.Q(('assignment_key_id__regex', '^[0-9a-f]{16}$')), name='experiments_assignment_key_id_is_16_digits'),
        ),
        migrations.AddIndex(
            model_name='signaldistribution',
            index=models.Index(condition=models.Q(('answered_at__isnull', True)), fields=['engine', 'distributed_at', 'id'], name='signal_distributions_open'),
        ),
        migrations.AddConstraint(
            model_name='signaldistribution',
            constraint=models.UniqueConstraint(fields=('experiment', 'engine'), name='signal_distributions_one_per_engine'),
        ),
        migrations.AddConstraint(
            model_name='signaldistribution',
            constraint=models.CheckConstraint(condition=models.Q(('engine__in', ['A', 'B'])), name='signal_distributions_engine_known'),
        ),
        migrations.AddIndex(
            model_name='executiondecision',
            index=models.Index(fields=['-decided_at'], name='execution_policy_decided'),
        ),
        migrations.AddIndex(
            model_name='executiondecision',
            index=models.Index(fields=['decision_hash', '-decided_at'], name='execution_policy_hash'),
        ),
        migrations.AddConstraint(
            model_name='executiondecision',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ('HALTED', 'GUARDRAIL', 'CONFIGURED', 'ENGINE_A_UNAVAILABLE', 'LIVE_NOT_ENABLED', 'PAPER_DEFAULT', 'ENGINE_B_UNAVAILABLE', 'SPLIT'))), name='execution_policy_reason_known'),
        ),
        migrations.AddConstraint(
            model_name='executiondecision',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('executed_engine__isnull', True), ('execution_mode', 'SHADOW_ONLY'), ('shadow_engine', 'BOTH')), models.Q(('executed_engine__isnull', False), models.Q(models.Q(('executed_engine', 'A'), ('execution_mode', 'ENGINE_A_PRIMARY'), ('shadow_engine', 'B')), models.Q(('executed_engine', 'B'), ('execution_mode', 'ENGINE_B_PRIMARY'), ('shadow_engine', 'A')), models.Q(('executed_engine', 'A'), ('execution_mode', 'SPLIT_CAPITAL'), ('shadow_engine', 'B')), models.Q(('executed_engine', 'B'), ('execution_mode', 'SPLIT_CAPITAL'), ('shadow_engine', 'A')), _connector='OR')), _connector='OR'), name='execution_policy_roles_fit_the_mode'),
        ),
        migrations.AddConstraint(
            model_name='executiondecision',
            constraint=models.UniqueConstraint(fields=('experiment', 'executed_engine'), name='execution_policy_experiment_and_executed'),
        ),
    ]
