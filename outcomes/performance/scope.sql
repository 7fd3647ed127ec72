-- What a report is of: this moment, and one currency. That is the only one in which anything was earned, else that of
-- the policy in force; beside it all in which anything was earned.
WITH found AS (SELECT currency FROM real_outcomes UNION SELECT currency FROM shadow_outcomes)
SELECT now() AS now, ARRAY(SELECT currency FROM found ORDER BY currency) AS currencies,
       CASE WHEN (SELECT count(*) FROM found) = 1 THEN (SELECT currency FROM found)
            ELSE (SELECT currency FROM policy_versions ORDER BY version DESC LIMIT 1) END AS currency
