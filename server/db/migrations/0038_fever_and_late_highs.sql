-- A high temperature is asked about as a crisis of any other vital is: for symptoms and a second reading.

ALTER TABLE confirmation DROP CONSTRAINT confirmation_asks_check;
ALTER TABLE confirmation
    ADD CONSTRAINT confirmation_asks_check CHECK (asks IN ('blood_pressure', 'glucose_low', 'glucose_high', 'spo2',
        'temperature'));

-- Late highs of one patient that come together have one page: that of another alert, which told of this one too.
ALTER TABLE alert ADD COLUMN told_with uuid;     -- a message
CREATE INDEX alert_told_with ON alert (told_with, id) WHERE told_with IS NOT NULL;
