-- Lengthens a lease that is held; of a live one that another worker's token holds, nothing.
UPDATE signal_distributions
   SET lease_expires_at = greatest(lease_expires_at, clock_timestamp() + make_interval(secs => %(lease)s))
 WHERE engine = %(engine)s AND experiment_id = %(experiment)s AND answered_at IS NULL
   AND lease_expires_at > clock_timestamp() AND lease_token = coalesce(%(token)s, lease_token)
RETURNING lease_expires_at
