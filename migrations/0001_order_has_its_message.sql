-- No order without its message, whoever writes it: checked when the transaction commits, because the order's one
-- statement inserts both and a foreign key may not point into the outbox.
CREATE FUNCTION order_has_its_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM outbox WHERE order_id = NEW.id) THEN
    RAISE EXCEPTION 'order % was stored without its message', NEW.id
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'order_has_its_message';
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
CREATE CONSTRAINT TRIGGER order_has_its_message AFTER INSERT ON orders
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION order_has_its_message();
