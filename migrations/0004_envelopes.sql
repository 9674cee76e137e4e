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
ALTER TABLE "notifications" ADD COLUMN "enclosed_attempts" integer;--> statement-breakpoint
ALTER TABLE "notifications" ADD COLUMN "largest_batch" smallint DEFAULT 100 NOT NULL;--> statement-breakpoint
CREATE INDEX "notifications_of_envelope" ON "notifications" USING btree ("envelope_id") WHERE envelope_id is not null;--> statement-breakpoint
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_enclosed_has_place" CHECK ((envelope_id is null) = (position is null));--> statement-breakpoint
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_enclosed_makes_no_call" CHECK (envelope_id is null or coalesce(attempts = enclosed_attempts, false));