-- The real order may go out now, unless trading is halted or the permit is over.
UPDATE permits SET confirmed_at = now()
 WHERE experiment_id = $1 AND engine = $2 AND expires_at >= now()
   AND NOT EXISTS (SELECT FROM halts WHERE released_at IS NULL)
RETURNING experiment_id, expires_at AS valid_until
