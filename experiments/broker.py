from django_q.brokers.orm import ORM


class SignalBroker(ORM):
    pass
