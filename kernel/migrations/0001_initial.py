from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(help_text='By the database clock, UTC.')),
                ('actor', models.CharField(help_text="User name, or the command line's user.", max_length=150)),
                ('action', models.CharField(help_text='What was done, such as policy.activated.', max_length=40)),
                ('subject', models.CharField(help_text='What it was done to, such as policy version 7.', max_length=100)),
                ('reason', models.TextField(blank=True, default='', help_text="Why, in the actor's words.")),
                ('address', models.CharField(blank=True, default='', help_text='Network address; empty for commands.', max_length=45)),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'db_table': 'audit_log',
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='AttentionMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(help_text='What it is about, such as failed_signals.', max_length=40)),
                ('facts', models.CharField(help_text='Facts when it was put off; it comes back when they change.', max_length=200)),
                ('until', models.DateTimeField(blank=True, help_text='Put off until this time, UTC. Blank until the facts change.', null=True)),
                ('made_by', models.CharField(help_text='User name.', max_length=150)),
                ('made_at', models.DateTimeField(help_text='By the database clock, UTC.')),
            ],
            options={
                'db_table': 'attention_marks',
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['kind', '-id'], name='attention_marks_of_kind')],
            },
        ),
    ]
