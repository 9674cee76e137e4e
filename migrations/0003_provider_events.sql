CREATE TABLE "provider_events" (
	"id" text PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"message_id" uuid,
	"provider_id" text,
	"at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	"stray" boolean NOT NULL
);
--> statement-breakpoint
CREATE TABLE "suppressions" (
	"address" text PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"message_id" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "suppressions_reason_known" CHECK (reason in ('bounced', 'complained'))
);
--> statement-breakpoint
ALTER TABLE "operator_actions" DROP CONSTRAINT "operator_actions_known";--> statement-breakpoint
ALTER TABLE "outbox" DROP CONSTRAINT "outbox_dead_reason_known";--> statement-breakpoint
ALTER TABLE "notifications" ADD COLUMN "delivered_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "notifications" ADD COLUMN "bounced_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "notifications" ADD COLUMN "complained_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "provider_events_expired" ON "provider_events" USING btree ("received_at");--> statement-breakpoint
CREATE INDEX "provider_events_stray" ON "provider_events" USING btree ("message_id") WHERE stray;--> statement-breakpoint
CREATE INDEX "notifications_of_provider" ON "notifications" USING btree ("provider_id") WHERE provider_id is not null;--> statement-breakpoint
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_reported_was_accepted" CHECK (accepted_at is not null or coalesce(delivered_at, bounced_at, complained_at) is null);--> statement-breakpoint
ALTER TABLE "operator_actions" ADD CONSTRAINT "operator_actions_known" CHECK (action in ('retry', 'discard', 'confirm_sent', 'confirm_not_sent', 'unsuppress'));--> statement-breakpoint
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_dead_reason_known" CHECK (dead_reason in ('attempts_exhausted', 'refused', 'outcome_unknown', 'poison', 'not_enqueueable', 'order_missing', 'customer_missing', 'letter_missing', 'unrenderable', 'suppressed', 'job_failed'));