"""Slices by level, so that a report by one filter reads few sums, and by several not many more.

Cells follow from the rows: the worker makes them anew, day by day, and until then reports read the rows.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import outcomes.models.report

MARK_ALL_DAYS = """
INSERT INTO report_marks (day, due_at)
SELECT day, now() FROM report_cells UNION SELECT day, now() FROM report_answer_cells
"""
# An amendment may change where a price comes from, which answers are told apart by as well.
MARK_ANSWERS = """
CREATE OR REPLACE TRIGGER shadow_outcomes_mark_the_report AFTER INSERT ON shadow_outcomes
FOR EACH ROW EXECUTE FUNCTION mark_report('answers')
"""
MARK_EXITS = """
CREATE OR REPLACE TRIGGER shadow_outcomes_mark_the_report AFTER INSERT ON shadow_outcomes
FOR EACH ROW EXECUTE FUNCTION mark_report()
"""


class Migration(migrations.Migration):
    dependencies = [("outcomes", "0002_guards")]
    operations = [
        migrations.RunSQL(MARK_ALL_DAYS, MARK_ALL_DAYS),
        migrations.RunSQL(MARK_ANSWERS, MARK_EXITS),
        migrations.DeleteModel("ReportCell"),
        migrations.DeleteModel("AnswerCell"),
        migrations.DeleteModel("ReportSlice"),
        migrations.CreateModel(
            name='ReportSlice',
            fields=[
                ('slice_id', models.AutoField(primary_key=True, serialize=False)),
                ('hash', models.UUIDField(help_text='Of all that follows.', unique=True)),
                ('level', models.CharField(help_text='By what it tells experiments apart; the other columns are blank.', max_length=16)),
                ('symbol', models.CharField(max_length=64, blank=True)),
                ('timeframe', models.CharField(max_length=10, blank=True)),
                ('direction', models.CharField(choices=[('LONG', 'Long'), ('SHORT', 'Short')], max_length=5, blank=True)),
                ('strategy', models.CharField(blank=True, max_length=200)),
                ('source', models.CharField(max_length=50, blank=True)),
                ('execution_mode', models.CharField(choices=[('SHADOW_ONLY', 'Shadow Only'), ('ENGINE_A_PRIMARY', 'Engine A Primary'), ('ENGINE_B_PRIMARY', 'Engine B Primary'), ('SPLIT_CAPITAL', 'Split Capital')], max_length=16, blank=True)),
                ('policy_version', models.PositiveIntegerField(null=True)),
                ('variant', models.CharField(choices=[('A', 'A'), ('B', 'B')], max_length=1, blank=True)),
                ('hour', models.SmallIntegerField(help_text='Of the signal, in New York.', null=True)),
                ('provenance', models.CharField(blank=True, help_text="Of the shadow's exit price; blank while no shadow has ended.", max_length=20)),
                ('strategy_version_a', models.CharField(blank=True, help_text="From engine A's answer; blank if it gave none.", max_length=100)),
                ('rules_hash_a', models.CharField(blank=True, max_length=64)),
                ('strategy_version_b', models.CharField(blank=True, help_text="From engine B's answer; blank if it gave none.", max_length=100)),
                ('rules_hash_b', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'db_table': 'report_slices',
            },
        ),
        migrations.CreateModel(
            name='ReportCell',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(db_index=True, help_text='In New York.')),
                ('kind', models.CharField(help_text='real, shadow, own_exit; paired, unpaired.', max_length=8)),
                ('engine', models.CharField(blank=True, help_text='For a pair, the engine that traded for real.', max_length=1)),
                ('currency', models.CharField(max_length=10)),
                ('ranked', django.contrib.postgres.fields.ArrayField(base_field=outcomes.models.report.ExactField(), help_text='Every P&L that counts, or difference of a pair, sorted; not where a slice is by one filter.', null=True, size=None)),
                ('last_exit', models.DateTimeField(help_text='UTC.', null=True)),
                ('peak', outcomes.models.report.ExactField(help_text='Highest cumulative P&L of the day, from 0.', null=True)),
                ('trough', outcomes.models.report.ExactField(help_text='Lowest cumulative P&L after a trade.', null=True)),
                ('fall', outcomes.models.report.ExactField(help_text='Largest fall from a peak.', null=True)),
                ('slices', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), help_text='Full slice of each counted trade, in order.', null=True, size=None)),
                ('pnls', django.contrib.postgres.fields.ArrayField(base_field=outcomes.models.report.ExactField(), help_text='P&L of each counted trade, in the same order.', null=True, size=None)),
                ('n', models.IntegerField(null=True)),
                ('wins', models.IntegerField(null=True)),
                ('losses', models.IntegerField(null=True)),
                ('at_risk', models.IntegerField(null=True)),
                ('unpriced', models.IntegerField(null=True)),
                ('violations', models.IntegerField(null=True)),
                ('incomparable', models.IntegerField(null=True)),
                ('amended', models.IntegerField(null=True)),
                ('from_broker_fill', models.IntegerField(null=True)),
                ('from_neutral_quote', models.IntegerField(null=True)),
                ('from_same_snapshot_quote', models.IntegerField(null=True)),
                ('from_own_feed_quote', models.IntegerField(null=True)),
                ('from_model', models.IntegerField(null=True)),
                ('from_settlement', models.IntegerField(null=True)),
                ('bin_0', models.IntegerField(null=True)),
                ('bin_1', models.IntegerField(null=True)),
                ('bin_2', models.IntegerField(null=True)),
                ('bin_3', models.IntegerField(null=True)),
                ('bin_4', models.IntegerField(null=True)),
                ('bin_5', models.IntegerField(null=True)),
                ('bin_6', models.IntegerField(null=True)),
                ('bin_7', models.IntegerField(null=True)),
                ('bin_8', models.IntegerField(null=True)),
                ('bin_9', models.IntegerField(null=True)),
                ('total', outcomes.models.report.ExactField(null=True)),
                ('total_2', outcomes.models.report.ExactField(null=True)),
                ('total_3', outcomes.models.report.ExactField(null=True)),
                ('total_4', outcomes.models.report.ExactField(null=True)),
                ('gross_profit', outcomes.models.report.ExactField(null=True)),
                ('squared_losses', outcomes.models.report.ExactField(null=True)),
                ('total_r', outcomes.models.report.ExactField(null=True)),
                ('total_r_2', outcomes.models.report.ExactField(null=True)),
                ('total_a', outcomes.models.report.ExactField(null=True)),
                ('total_a_r', outcomes.models.report.ExactField(null=True)),
                ('fees', outcomes.models.report.ExactField(null=True)),
                ('unpriced_risk', outcomes.models.report.ExactField(null=True)),
                ('slice', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='%(class)ss', to='outcomes.reportslice')),
            ],
            options={
                'db_table': 'report_cells',
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('slice', 'day', 'kind', 'engine', 'currency'), name='report_cells_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='AnswerCell',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(db_index=True, help_text='In New York.')),
                ('policy_version', models.PositiveIntegerField()),
                ('experiments', models.IntegerField(null=True)),
                ('variant_a', models.IntegerField(null=True)),
                ('both', models.IntegerField(null=True)),
                ('a_only', models.IntegerField(null=True)),
                ('b_only', models.IntegerField(null=True)),
                ('a_real_declined', models.IntegerField(null=True)),
                ('a_real_never_opened', models.IntegerField(null=True)),
                ('a_real_pending', models.IntegerField(null=True)),
                ('a_shadow_declined', models.IntegerField(null=True)),
                ('a_shadow_never_opened', models.IntegerField(null=True)),
                ('a_shadow_pending', models.IntegerField(null=True)),
                ('b_real_declined', models.IntegerField(null=True)),
                ('b_real_never_opened', models.IntegerField(null=True)),
                ('b_real_pending', models.IntegerField(null=True)),
                ('b_shadow_declined', models.IntegerField(null=True)),
                ('b_shadow_never_opened', models.IntegerField(null=True)),
                ('b_shadow_pending', models.IntegerField(null=True)),
                ('slice', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='%(class)ss', to='outcomes.reportslice')),
            ],
            options={
                'db_table': 'report_answer_cells',
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('slice', 'day', 'policy_version'), name='report_answer_cells_once', nulls_distinct=False)],
            },
        ),
        migrations.AddIndex(
            model_name='reportcell',
            index=models.Index(condition=models.Q(('kind', 'paired')), fields=['slice', 'day'], include=('kind', 'engine', 'currency', 'total_a', 'total_a_r', 'n', 'total', 'total_2', 'at_risk', 'total_r', 'total_r_2'), name='report_cells_of_pairs'),
        ),
    ]
