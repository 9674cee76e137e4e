CREATE TABLE "envelopes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"letters" smallint NOT NULL,
	"attempts" integer NOT NULL,
	"spent" smallint DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "envelopes_counts_positive" CHECK (letters between 1 and 100 and attempts >= 1 and spent >= 0)
);
--> statement-breakpoint
ALTER TABLE "notifications" ADD COLUMN "envelope_id" uuid;--> statement-breakpoint
ALTER TABLE "notifications" ADD COLUMN "position" smallint;--> statement-breakpoint
ALTER TABLE "notifications" ADD COLUMN "largest_batch" smallint DEFAULT 100 NOT NULL;--> statement-breakpoint
CREATE INDEX "notifications_of_envelope" ON "notifications" USING btree ("envelope_id") WHERE envelope_id is not null;--> statement-breakpoint
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_enclosed_has_place" CHECK ((envelope_id is null) = (position is null));--> statement-breakpoint
-- A process of a release that knows no envelopes must make no call of its own for a letter in one. It is told what a busy database would
-- tell it, so that it comes again and charges nobody.
CREATE FUNCTION enclosed_letter_makes_no_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the letter % is in an envelope', old.id USING ERRCODE = '40001';
END $$;--> statement-breakpoint
CREATE TRIGGER enclosed_letter_makes_no_call BEFORE UPDATE OF attempts ON notifications FOR EACH ROW
  WHEN (old.envelope_id IS NOT NULL AND new.envelope_id IS NOT NULL AND new.attempts <> old.attempts)
  EXECUTE FUNCTION enclosed_letter_makes_no_call();
