-- What a batch of readings is understood with, asked in one form by whoever asks: by who learns it, and by the statement
-- that stores, to see that it is still so.

-- All that decides whose a reading is: the senders, the devices they are the hub of, a row for each loan of either, also
-- past ones. What is usual for a patient is told from so many readings on.
CREATE FUNCTION about_senders(senders text[], usual_from integer)
RETURNS TABLE (id text, organization_id uuid, format text, hub_id text, disabled boolean, skew_seconds double precision,
               metrics text[], medians numeric[], patient_id uuid, zone text, user_slot integer,
               lent_from timestamptz, lent_to timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT d.id, d.organization_id, m.format, d.hub_id, d.disabled_at IS NOT NULL, c.skew_seconds, usual.metrics,
           usual.medians, l.patient_id, p.zone, l.user_slot, lower(l.lent), upper(l.lent)
      FROM (SELECT unnest(senders) UNION SELECT device.id FROM device WHERE device.hub_id = ANY(senders)) AS asked (id)
      JOIN device d ON d.id = asked.id
      JOIN device_model m ON m.id = d.model_id
      LEFT JOIN device_clock c ON c.device_id = d.id
      LEFT JOIN loan l ON l.device_id = d.id COLLATE "C"
      LEFT JOIN patient p ON p.id = l.patient_id
      LEFT JOIN LATERAL (
            SELECT array_agg(b.metric ORDER BY b.metric) AS metrics, array_agg(b.value ORDER BY b.metric) AS medians
              FROM patient_baseline b WHERE b.patient_id = l.patient_id AND b.readings >= usual_from) AS usual ON true
$$;

-- All that decides by what patients are judged at a moment: their programmes, the levels of each of these, the patients'
-- own limits. Levels are told once for a programme: a batch speaks of thousands of patients of few programmes. Rules
-- over a series are judged elsewhere.
CREATE FUNCTION judged_by(patients uuid[], at timestamptz)
RETURNS TABLE (patient_id uuid, programme_id uuid, rule_id uuid, version uuid, vital text, metric text, side text,
               severity text, value numeric)
LANGUAGE sql STABLE AS $$
    WITH enrolled AS MATERIALIZED (
        SELECT e.patient_id, e.programme_id FROM enrolment e WHERE e.patient_id = ANY(patients) AND e.valid_to IS NULL)
    SELECT patient_id, programme_id, NULL::uuid, NULL::uuid, NULL::text, NULL::text, NULL::text, NULL::text,
           NULL::numeric
      FROM enrolled
     UNION ALL
    SELECT NULL::uuid, pr.programme_id, r.id, v.id, r.vital, l.metric, l.side, l.severity, l.value
      FROM (SELECT DISTINCT programme_id FROM enrolled) AS e
      JOIN programme_rule pr ON pr.programme_id = e.programme_id
      JOIN rule r ON r.id = pr.rule_id AND r.kind = 'crossing'
      JOIN rule_version v ON v.rule_id = r.id AND v.valid_to IS NULL
     CROSS JOIN LATERAL (
           SELECT metric, side, severity, value FROM rule_limit WHERE rule_version_id = v.id
            UNION ALL
           SELECT metric, side, severity, value FROM programme_limit
            WHERE rule_version_id = v.id AND programme_id = pr.programme_id) l
     UNION ALL
    SELECT o.patient_id, NULL::uuid, o.rule_id, NULL::uuid, NULL::text, o.metric, o.side, o.severity, o.value
      FROM patient_limit o WHERE o.patient_id = ANY(patients) AND (o.valid_to IS NULL OR o.valid_to > at)
$$;
