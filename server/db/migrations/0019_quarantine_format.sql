-- Which format a quarantined message's sender named: decoded again, it is read as it was meant.
ALTER TABLE quarantine ADD COLUMN content_type text;
