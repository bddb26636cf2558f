-- Has whoever answered while on shift gone home since? Who answered without being on shift leaves none. An answer of a
-- clock that is ahead of ours, given as the shift began, is not one from before it.
CREATE FUNCTION left_their_shift(staff uuid, answered_at timestamptz, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT $2 <= $3
       AND EXISTS (SELECT FROM shift s WHERE s.staff_id = $1 AND s.starts_at <= $2 AND s.ends_at > $2)
       AND NOT EXISTS (SELECT FROM shift s
                        WHERE s.staff_id = $1 AND s.cancelled_at IS NULL AND s.starts_at <= $3 AND s.ends_at > $3
                          AND NOT EXISTS (SELECT FROM time_off t
                                           WHERE t.staff_id = s.staff_id AND t.cancelled_at IS NULL
                                             AND t.starts_at <= $3 AND t.ends_at > $3))
$$;
