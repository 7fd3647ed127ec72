-- Made ahead by the worker, whose role owns nothing: the partitions of this month and the next ones; and none stays that
-- is over and empty. The first partition ends where the table was divided. One change a call, so that no lock is held
-- while another is waited for; whoever holds a table for longer than that is waited for another time, because alerts
-- wait behind this, and have less than a second to be answered.
DROP FUNCTION keep_partitions(integer);
CREATE FUNCTION keep_partitions(parent text, months_ahead integer, most_rows integer DEFAULT 100000) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '200ms' SET "TimeZone" = 'UTC' AS $$
DECLARE
    moment text := (SELECT a.attname FROM pg_partitioned_table p
                      JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
                     WHERE p.partrelid = parent::regclass);
    stray text := parent || '_default';
    divided timestamptz := (SELECT (regexp_match(pg_get_expr(relpartbound, oid), $re$TO \('([^']+)'\)$re$))[1]::timestamptz
                              FROM pg_class WHERE oid = to_regclass(parent || '_before'));
    month timestamptz;
    part text;
    strays bigint;
    has_rows boolean;
    beside text;
BEGIN
    FOR month IN SELECT generate_series(date_trunc('month', now()),
                                        date_trunc('month', now()) + make_interval(months => months_ahead),
                                        interval '1 month') LOOP
        part := parent || to_char(month, '_YYYY_MM');
        CONTINUE WHEN month < divided OR to_regclass(part) IS NOT NULL;
        -- What lies in the partition of last resort is read under a lock, to see that none of it is of the new month.
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT %s) rows', stray, most_rows::bigint + 1)
           INTO strays;
        IF strays > most_rows THEN
            RAISE EXCEPTION '% has rows, more than % of them: see docs/operating.md, "Archives and months"', stray, most_rows
                USING ERRCODE = 'object_in_use';
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I >= %L AND %I < %L)',
                       stray, moment, month, moment, month + interval '1 month') INTO has_rows;
        CONTINUE WHEN has_rows;
        -- Made beside and attached: those that write into other months are not waited for, and do not wait.
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, part, month, month + interval '1 month');
        RETURN true;
    END LOOP;
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = parent::regclass AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
                   AND right(c.relname, 7) < to_char(now() - interval '1 month', 'YYYY_MM') LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', part) INTO has_rows;
        CONTINUE WHEN has_rows;
        -- A month goes with its part of the foreign keys, from the tables at their other ends as well. Those come last
        -- for which alerts wait, in the order in which an alert takes them.
        EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', part);
        FOR beside IN SELECT conrelid::regclass::text FROM pg_constraint
                       WHERE confrelid = parent::regclass AND conparentid = 0 GROUP BY 1 ORDER BY 1 LOOP
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', beside);
        END LOOP;
        FOR beside IN SELECT confrelid::regclass::text FROM pg_constraint
                       WHERE conrelid = parent::regclass AND contype = 'f' GROUP BY 1 ORDER BY 1 LOOP
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', beside);
        END LOOP;
        EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
        -- Looked at again: a late row may have come.
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', part) INTO has_rows;
        EXIT WHEN has_rows;
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, part);
        EXECUTE format('DROP TABLE %I', part);
        RETURN true;
    END LOOP;
    RETURN false;
END $$;
