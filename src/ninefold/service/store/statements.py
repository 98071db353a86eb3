"""Statements that are easier to read as SQL than as Python, each for any number of rows.

Rows go in as one JSON document, so that a statement is the same for one job and for a burst.
`tests/service/store/test_statements.py` runs each on every PostgreSQL that is supported.
"""

from sqlalchemy import BigInteger, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

READ_BACKLOG = text(
    """
    WITH asked AS (
        SELECT * FROM jsonb_to_recordset(:asked) AS asked(share text, lane text, network text)
    ), queued AS (
        SELECT lane, start_tag, count(*) AS jobs, sum(total_codes) AS codes
        FROM jobs WHERE status = 'queued' GROUP BY lane, start_tag
    ), standing AS (
        SELECT asked.share, asked.lane, coalesce(own.finish_tag, 0) AS finish_tag, (
            SELECT count(*) FROM shares AS other
            WHERE other.network = asked.network AND other.lane = asked.lane
                AND other.share <> asked.share AND other.finish_tag > lanes.virtual_time
        ) AS num_others
        FROM asked
        JOIN lanes ON lanes.lane = asked.lane
        LEFT JOIN shares AS own ON own.share = asked.share AND own.lane = asked.lane
    ), alive AS (
        SELECT codes_per_second FROM workers
        WHERE heartbeat_at > now() - make_interval(secs => :stalled_s) AND NOT draining
    )
    SELECT
        (SELECT count(*) FROM alive) AS num_workers,
        (SELECT coalesce(sum(codes_per_second), 0) FROM alive) AS codes_per_second,
        (SELECT coalesce(sum(total_codes - done_codes), 0) FROM jobs WHERE status = 'drawing')
            AS drawing_codes,
        (SELECT jsonb_object_agg(lane, virtual_time) FROM lanes) AS virtual_times,
        (SELECT jsonb_agg(jsonb_build_array(lane, start_tag, jobs, codes)) FROM queued) AS queued,
        (SELECT jsonb_agg(jsonb_build_array(share, lane, finish_tag, num_others)) FROM standing)
            AS standings
    """
).bindparams(bindparam("asked", type_=JSONB), bindparam("stalled_s"))
"""All that placing jobs depends on, in one answer: every job that is asked for waits for it.

`num_others` are the other visitors of a network who have a job that waits: a share's finish tag
lies after the lane's virtual time exactly then.
"""

TAKE_TAGS = text(
    """
    INSERT INTO shares (share, lane, network, last_cost, finish_tag)
    SELECT asked.share, asked.lane, asked.network, asked.cost,
        lanes.virtual_time + asked.delay + asked.cost
    FROM jsonb_to_recordset(:asked)
        AS asked(share text, lane text, network text, delay bigint, cost bigint)
    JOIN lanes ON lanes.lane = asked.lane
    ORDER BY asked.share, asked.lane
    ON CONFLICT (share, lane) DO UPDATE SET
        finish_tag = CASE
            WHEN shares.finish_tag
                > (SELECT virtual_time FROM lanes WHERE lanes.lane = excluded.lane)
            THEN shares.finish_tag + excluded.last_cost
            ELSE excluded.finish_tag
        END,
        last_cost = excluded.last_cost,
        network = excluded.network,
        updated_at = now()
    RETURNING share, lane, finish_tag
    """
).bindparams(bindparam("asked", type_=JSONB))
"""Charges shares for jobs and returns where their last one finishes.

A share that is in use goes on from its finish tag, one that is not begins now (`fair_share`). In
one order everywhere, so that two transactions do not wait for each other's rows.
"""

INSERT_JOBS = text(
    """
    WITH new AS (
        SELECT * FROM jsonb_to_recordset(:new) AS new(
            id text, owner text, share text, tier text, lane text, surface text, prompt text,
            seed numeric, model text, settings jsonb, preview_every bigint, start_tag bigint,
            entry_id bigint, total_codes bigint, told_position bigint, notices jsonb, trace text,
            first_event jsonb, decided_action text, decided_category text, decided_rule text,
            decided_policy_version text
        )
    ), job AS (
        INSERT INTO jobs (
            id, owner, share, tier, lane, surface, prompt, seed, model, settings, preview_every,
            start_tag, entry_id, total_codes, told_position, notices, trace, last_seq, told_at
        )
        SELECT
            id, owner, share, tier, lane, surface, prompt, seed, model, settings, preview_every,
            start_tag, entry_id, total_codes, told_position, notices, trace, 1, now()
        FROM new
        RETURNING *
    ), event AS (
        INSERT INTO job_events (job_id, seq, type, data)
        SELECT id, 1, 'position', first_event FROM new
    ), decision AS (
        INSERT INTO decisions (stage, job_id, action, category, rule, policy_version)
        SELECT 'prompt', id, decided_action, decided_category, decided_rule, decided_policy_version
        FROM new
    )
    SELECT * FROM job
    """
).bindparams(bindparam("new", type_=JSONB))
"""Writes jobs, their first events and the decisions on their prompts, and returns the jobs."""

TELL_POSITIONS = text(
    """
    WITH news AS (
        SELECT * FROM jsonb_to_recordset(:news) AS news(id text, position bigint, data jsonb)
    ), told AS (
        UPDATE jobs
        SET last_seq = last_seq + 1, told_position = news.position, told_at = now()
        FROM news
        WHERE jobs.id = news.id AND jobs.status = 'queued'
        RETURNING jobs.id, jobs.last_seq, news.data
    ), event AS (
        INSERT INTO job_events (job_id, seq, type, data)
        SELECT id, last_seq, 'position', data FROM told
    )
    SELECT pg_notify(:channel, id) FROM told
    """
).bindparams(bindparam("news", type_=JSONB), bindparam("channel", type_=Text))
"""Does what `events.append` does, for all jobs whose position is told, and returns a row for each.

In a burst hundreds of jobs move at once. One that does not wait any more is passed over.
"""

EVENTS_OF_MANY = text(
    """
    SELECT event.job_id, event.seq, event.type, event.data, event.at
    FROM unnest(:job_ids, :known) AS asked(job_id, known)
    JOIN job_events AS event ON event.job_id = asked.job_id AND event.seq > asked.known
    ORDER BY event.job_id, event.seq
    LIMIT :most
    """
).bindparams(
    bindparam("job_ids", type_=ARRAY(Text)),
    bindparam("known", type_=ARRAY(BigInteger)),
    bindparam("most", type_=BigInteger),
)
"""The events of several jobs, of each those after the last that is known."""
