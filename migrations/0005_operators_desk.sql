CREATE TABLE "message_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "message_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"message_id" uuid NOT NULL,
	"run" integer NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"event" text NOT NULL,
	"code" text,
	"detail" text,
	"by" text DEFAULT current_setting('application_name') NOT NULL,
	CONSTRAINT "message_events_known" CHECK (event in ('answered', 'dead', 'restaged'))
);
--> statement-breakpoint
CREATE TABLE "redrives" (
	"id" uuid PRIMARY KEY NOT NULL,
	"operator" text NOT NULL,
	"note" text,
	"reason" text,
	"type" text,
	"since" timestamp with time zone,
	"until" timestamp with time zone NOT NULL,
	"matched" integer NOT NULL,
	"canary" integer NOT NULL,
	"per_second" integer NOT NULL,
	"put_back" integer DEFAULT 0 NOT NULL,
	"last_dead_at" timestamp with time zone,
	"last_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"passed_at" timestamp with time zone,
	"stepped_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"ended" text,
	CONSTRAINT "redrives_ended_has_why" CHECK ((ended_at is null) = (ended is null)),
	CONSTRAINT "redrives_ended_known" CHECK (ended in ('done', 'failures', 'cancelled')),
	CONSTRAINT "redrives_counts_positive" CHECK (matched >= 0 and canary >= 1 and per_second >= 1 and put_back >= 0)
);
--> statement-breakpoint
ALTER TABLE "operator_actions" DROP CONSTRAINT "operator_actions_known";--> statement-breakpoint
ALTER TABLE "notifications" ADD COLUMN "accepted_by" text;--> statement-breakpoint
ALTER TABLE "operator_actions" ADD COLUMN "change" jsonb;--> statement-breakpoint
ALTER TABLE "operator_actions" ADD COLUMN "redrive_id" uuid;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "recipient" text;--> statement-breakpoint
-- In two steps: nobody knows who wrote the messages that are there already.
ALTER TABLE "outbox" ADD COLUMN "created_by" text;--> statement-breakpoint
ALTER TABLE "outbox" ALTER COLUMN "created_by" SET DEFAULT current_setting('application_name');--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "enqueued_by" text;--> statement-breakpoint
CREATE INDEX "message_events_of_message" ON "message_events" USING btree ("message_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "redrives_under_way" ON "redrives" USING btree ((ended_at is null)) WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "customers_by_email" ON "customers" USING btree (lower("email"));--> statement-breakpoint
CREATE INDEX "operator_actions_of_redrive" ON "operator_actions" USING btree ("redrive_id","id") WHERE redrive_id is not null;--> statement-breakpoint
CREATE INDEX "outbox_dead_by_reason" ON "outbox" USING btree ("dead_reason","dead_at","id") WHERE sent_at is null and dead_at is not null and discarded_at is null;--> statement-breakpoint
ALTER TABLE "operator_actions" ADD CONSTRAINT "operator_actions_known" CHECK (action in ('retry', 'correct', 'discard', 'confirm_sent', 'confirm_not_sent', 'unsuppress'));