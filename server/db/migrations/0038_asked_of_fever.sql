-- A high temperature is asked about as a crisis of any other vital is: for symptoms and a second reading.

ALTER TABLE confirmation DROP CONSTRAINT confirmation_asks_check;
ALTER TABLE confirmation
    ADD CONSTRAINT confirmation_asks_check CHECK (asks IN ('blood_pressure', 'glucose_low', 'glucose_high', 'spo2',
        'temperature'));
