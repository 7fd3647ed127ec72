-- What has come of a source since it was last read, the oldest first. A delivery may commit after later ones, so that
-- a minute is read again and what was read before is left out. Nobody knows who sent what was not believed. Where only
-- numbers count, what holds none by any name need not be read: most sources send none at all.
SELECT d.id, d.received_at, d.body
  FROM webhook_deliveries d
 WHERE d.source_id = %(source)s AND d.received_at > %(since)s AND d.received_at <= %(until)s
   AND d.code <> ALL(%(disbelieved)s)
   AND (NOT %(numbered)s OR encode(d.body, 'escape') ~* 'seq|alert[ _-]*n')
   AND NOT EXISTS (SELECT FROM alert_arrivals a WHERE a.delivery_id = d.id)
 ORDER BY d.received_at, d.id
 LIMIT %(limit)s
